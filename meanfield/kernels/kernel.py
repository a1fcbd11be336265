"""Kernels of generated modules: compiled when first needed, called by address.

A driver that took kernels as jitted functions would be compiled anew for each model; called by
address, one compiled driver serves all of them.
"""

from functools import cached_property

import numba
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .jit import SUMMING

DOUBLES = types.CPointer(types.float64)
SIGNATURES = {
    "kernel": types.void(DOUBLES, DOUBLES, DOUBLES, types.int64, DOUBLES, DOUBLES),
    "filler": types.void(DOUBLES, DOUBLES, DOUBLES),
}


class Kernel:
    """A function of pointers to doubles; `plain` runs the same source on numpy arrays."""

    def __init__(self, signature, function):
        self.signature, self.plain = signature, function
        self.__doc__ = function.__doc__

    @cached_property
    def compiled(self):
        """The C callback, from numba's disk cache where the module lives in a file."""
        options = dict(fastmath=SUMMING, error_model="numpy")
        try:
            return numba.cfunc(self.signature, cache=True, **options)(self.plain)
        except RuntimeError:  # numba finds no directory that it can write to
            return numba.cfunc(self.signature, **options)(self.plain)

    @property
    def address(self):
        """Address of the compiled function, as an integer."""
        return self.compiled.address


def kernel(function):
    """Mark a kernel: (point, table, values, nodes, phi, out)."""
    return Kernel(SIGNATURES["kernel"], function)


def lane_kernel(function):
    """Mark a kernel that does several points at once, each entry of its arrays a row of lanes."""
    return Kernel(SIGNATURES["kernel"], function)


def filler(function):
    """Mark the function that fills the table of nodes: (point, table, values)."""
    return Kernel(SIGNATURES["filler"], function)


def _pointers(context, builder, signature, args):
    """Arguments of a C call: data pointers of the arrays, integers as they are."""
    double = ir.DoubleType().as_pointer()
    for kind, value in zip(signature.args[1:], args[1:]):
        if isinstance(kind, types.Array):
            yield builder.bitcast(context.make_array(kind)(context, builder, value).data, double)
        else:
            yield value


def _call(context, builder, signature, args):
    arguments = list(_pointers(context, builder, signature, args))
    function = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
    builder.call(builder.inttoptr(args[0], function.as_pointer()), arguments)
    return context.get_dummy_value()


def _refuse_strides(*arrays):
    """Kernels take bare pointers: arrays must be contiguous."""
    for array in arrays:
        if not (isinstance(array, types.Array) and array.dtype == types.float64 and array.layout == "C"):
            raise TypingError(f"expected a contiguous float64 array, got {array}: copy it first")


@intrinsic
def call_kernel(typingctx, address, point, table, values, nodes, phi, out):
    """Run the kernel at an address on contiguous float64 arrays."""
    _refuse_strides(point, table, values, phi, out)
    return types.void(types.int64, point, table, values, types.int64, phi, out), _call


@intrinsic
def call_filler(typingctx, address, point, table, values):
    """Run the table filler at an address on contiguous float64 arrays."""
    _refuse_strides(point, table, values)
    return types.void(types.int64, point, table, values), _call
