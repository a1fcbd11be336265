"""Every fixed point at one parameter point: symmetry, reduction, starts and scans."""
