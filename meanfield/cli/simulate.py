"""Sample a model at finite size and report its means with errors."""

from .arguments import add_checkpoint, add_model, add_sampling, add_state, checkpoint, positive_integer, read_setting, sampling
from .output import assignments, number, print_json, print_table, warn

TRUSTED_R_HAT = 1.05


def add_arguments(parser) -> None:
    """Add the arguments of `simulate`."""
    add_model(parser)
    add_sampling(parser)
    add_state(parser)
    parser.add_argument("--size", metavar="N", type=positive_integer, required=True, help="number of sites")
    add_checkpoint(parser)


def run(args) -> int:
    """Run `simulate`."""
    kept = checkpoint(args)
    setting = read_setting(args)
    from validate import simulate

    made = simulate(setting.model, size=args.size, state=args.state, checkpoint=kept, **sampling(args), **setting.values)
    _report_doubts(made)
    if args.json:
        print_json(made.as_dict())
    else:
        _print(made, setting)
    return 0


def _report_doubts(made) -> None:
    worst = max((e.r_hat for e in made.estimates.values() if e.r_hat is not None), default=1.0)
    if worst > TRUSTED_R_HAT:
        warn(f"the chains disagree (R-hat {worst:.3g}): not equilibrated, or several phases coexist; give more --sweeps")


def _print(made, setting) -> None:
    print(f"{made.model} at {assignments(setting.named)}, {made.size} sites")
    print(f"  {made.chains} chains of {made.sweeps} sweeps, {made.algorithm}, seed {made.seed}")
    if getattr(made, "protocol", None) == "pattern":
        print(f"  chains start in the pattern; {made.escaped:.1%} of the samples left it")
    elif rungs := len(getattr(made, "temperatures", ())):
        print(f"  {made.disorder_samples} disorder samples, exchange of {rungs} temperatures up to {number(made.temperatures[-1], 3)}")
    rows = [[name, e.mean, number(e.error, 2), e.tau, e.r_hat, e.ess] for name, e in made.estimates.items()]
    print_table(["", "mean", "error", "tau", "R-hat", "ESS"], rows)
