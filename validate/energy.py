"""The energy e(phi) of a model, printed from its expression, compiled, and called by its address.

Samplers are compiled once for all models; what is particular to a model reaches them as the
address of one small C function `void energy(phi, parameters, out)` that writes e and its
gradient to `out`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy
from llvmlite import ir
from numba import carray, cfunc, types
from numba.extending import intrinsic

from meanfield.codegen.printer import Printer
from theory.symbols import T, symbol

_DOUBLES = types.CPointer(types.float64)
_SIGNATURE = types.void(_DOUBLES, _DOUBLES, _DOUBLES)


@dataclass(frozen=True)
class Energy:
    """A compiled energy: `address` of the function, `source` of it, and what keeps it alive."""

    address: int
    source: str
    function: object


@cache
def compile_energy(model):
    """Compile the energy per site of a model and its gradient.

    Returns
    -------
    Energy
        The function takes phi in the order of `model.order_parameters` and the parameters
        in the order T, then `model.parameters`.
    """
    source = energy_source(model)
    scope = {"math": __import__("math"), "carray": carray}
    exec(compile(source, f"<energy of {model.name}>", "exec"), scope)
    function = cfunc(_SIGNATURE, error_model="numpy")(scope["energy"])
    return Energy(function.address, source, function)


def energy_source(model):
    """Python source of the energy function, common subexpressions taken out."""
    phi = list(model.order_parameters)
    parameters = [symbol(name) for name in ("T", *model.parameters)]
    slots = {a: f"phi[{i}]" for i, a in enumerate(phi)} | {p: f"parameters[{i}]" for i, p in enumerate(parameters)}
    shared, outputs = sympy.cse([model.energy, *(model.energy.diff(a) for a in phi)], symbols=sympy.numbered_symbols("x"))
    text = Printer(slots | {name: str(name) for name, _ in shared})
    lines = ["def energy(phi, parameters, out):"]
    lines += ["    R = 1.0 / parameters[0]"] if model.energy.has(T) else []
    lines += [f"    {name} = {text(expr)}" for name, expr in shared]
    lines += [f"    out[{i}] = {text(expr)}" for i, expr in enumerate(outputs)]
    return "\n".join(lines) + "\n"


@intrinsic
def evaluate(typingctx, address, phi, parameters, out):
    """Call the energy function at `address`: out[0] = e(phi), out[1:] = its gradient."""
    signature = types.void(types.int64, phi, parameters, out)

    def codegen(context, builder, signature, arguments):
        doubles = ir.DoubleType().as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [doubles] * 3)
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        arrays = [context.make_array(t)(context, builder, value=v) for t, v in zip(signature.args[1:], arguments[1:])]
        builder.call(function, [array.data for array in arrays])
        return context.get_dummy_value()

    return signature, codegen


def parameter_array(model, values):
    """Parameter values as the energy function wants them."""
    return np.array([values[name] for name in ("T", *model.parameters)], dtype=float)


def energy_at(model, values, phi):
    """Energy per site and gradient at phi, arrays () and (n,), by the compiled function."""
    from .kernels import energy_and_gradient

    out = np.empty(len(phi) + 1)
    energy_and_gradient(compile_energy(model).address, np.asarray(phi, dtype=float), parameter_array(model, values), out)
    return out[0], out[1:]
