"""Vectors of 64 numbers as values of compiled code, and the noise that decides about 64 sites at once.

A vector is an LLVM vector, which the compiler splits into the registers of the machine (four of AVX-512, eight of AVX2), so that
one source serves all of them. `load` and `store` take an array and the place of its first entry in memory order, without a check
of bounds.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from ..rng import OPTIONS

LANES = 64
SHORT = 16
# What keeps a padding site from flipping.
BARRIER = 1e30
FAST = ("contract",)
_FLOAT, _WORD = ir.FloatType(), ir.IntType(32)
_LN2 = float(np.log(2))
# log(1 + f) / f - 1 + f / 2, over f^2, for 1/sqrt(2) <= 1 + f <= sqrt(2) (S. Moshier's cephes, logf).
_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)


class Vector(types.Type):
    """The type of a vector of floats or 32-bit words."""

    def __init__(self, element, lanes):
        self.element, self.lanes = element, lanes
        super().__init__(name=f"vector({element}, {lanes})")


def _kind(vector):
    return ir.VectorType(_FLOAT if vector.element == "float" else _WORD, vector.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, _kind(vector))


floats, words, short = Vector("float", LANES), Vector("word", LANES), Vector("float", SHORT)
_FLOATS, _WORDS, _SHORT = map(_kind, (floats, words, short))


def _address(context, builder, array_type, array, place, kind):
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [place]), kind.as_pointer())


def _loader(result):
    kind = _kind(result)

    @intrinsic
    def load(typingctx, array, place):
        def codegen(context, builder, signature, arguments):
            value = builder.load(_address(context, builder, signature.args[0], *arguments, kind))
            value.align = 4
            return value

        return result(array, types.intp), codegen

    return load


load, load_words, load_short = _loader(floats), _loader(words), _loader(short)


@intrinsic
def store(typingctx, array, place, vector):
    """Write a vector to an array."""

    def codegen(context, builder, signature, arguments):
        where = _address(context, builder, signature.args[0], arguments[0], arguments[1], _kind(signature.args[2]))
        builder.store(arguments[2], where, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), codegen


@intrinsic
def prefetch(typingctx, array, place):
    """Ask for the entries from this place on to be brought into the cache."""

    def codegen(context, builder, signature, arguments):
        where = _address(context, builder, signature.args[0], *arguments, ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [where.type, _WORD, _WORD, _WORD])
        touch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(touch, [where, ir.Constant(_WORD, 0), ir.Constant(_WORD, 3), ir.Constant(_WORD, 1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


def _splat(builder, scalar, kind):
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(
        one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(_WORD, kind.count), [0] * kind.count)
    )


def _splatter(result):
    @intrinsic
    def splat(typingctx, scalar):
        def codegen(context, builder, signature, arguments):
            return _splat(builder, arguments[0], _kind(result))

        return result(types.float32), codegen

    return splat


splat, splat_short = _splatter(floats), _splatter(short)


def _operation(build):
    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return build(builder, *arguments)

        return a(a, b), codegen

    return operation


_OPERATIONS = {
    operator.add: _operation(lambda builder, a, b: builder.fadd(a, b, flags=FAST)),
    operator.sub: _operation(lambda builder, a, b: builder.fsub(a, b, flags=FAST)),
    operator.mul: _operation(lambda builder, a, b: builder.fmul(a, b, flags=FAST)),
    operator.truediv: _operation(lambda builder, a, b: builder.fdiv(a, b)),
}


def _overload(symbol, of_floats):
    @overload(symbol)
    def overloaded(a, b):
        if isinstance(a, Vector) and a == b and a.element == "float":
            return lambda a, b: of_floats(a, b)
        return None


for _symbol, _of_floats in _OPERATIONS.items():
    _overload(_symbol, _of_floats)


@intrinsic
def negative(typingctx, vector):
    """The bits of a 64-bit word that belong to negative entries."""

    def codegen(context, builder, signature, arguments):
        kind = arguments[0].type
        below = builder.fcmp_ordered("<", arguments[0], ir.Constant(kind, [0.0] * kind.count))
        return builder.zext(builder.bitcast(below, ir.IntType(kind.count)), ir.IntType(64))

    return types.uint64(vector), codegen


@intrinsic
def lowest(typingctx, mask):
    """The place of the lowest bit of a word that is not zero."""

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


def _summer(kind):
    @intrinsic
    def total(typingctx, vector):
        def codegen(context, builder, signature, arguments):
            wide = ir.VectorType(ir.DoubleType(), kind.count)
            half, value = kind.count, builder.fpext(arguments[0], wide)
            while half > 1:
                half //= 2
                parts = [ir.Constant(ir.VectorType(_WORD, half), list(range(k * half, (k + 1) * half))) for k in (0, 1)]
                value = builder.fadd(*(builder.shuffle_vector(value, value, p) for p in parts))
            return builder.extract_element(value, ir.Constant(_WORD, 0))

        return types.float64(vector), codegen

    return total


total, total_short = _summer(_FLOATS), _summer(_SHORT)


def _word(value, kind=_WORDS):
    return ir.Constant(kind, [value] * kind.count)


def _real(value):
    return ir.Constant(_FLOATS, [value] * LANES)


def _rotate(builder, x, k):
    return builder.or_(builder.shl(x, _word(k)), builder.lshr(x, _word(32 - k)))


def _log(builder, x):
    """log x of positive normal floats to 1e-7 of itself or of one."""
    bits = builder.sub(builder.bitcast(x, _WORDS), _word(0x3F3504F3))
    exponent = builder.sitofp(builder.ashr(bits, _word(23)), _FLOATS)
    mantissa = builder.add(builder.and_(bits, _word(0x007FFFFF)), _word(0x3F3504F3))
    f = builder.fsub(builder.bitcast(mantissa, _FLOATS), _real(1.0))
    p = _real(_LOG[0])
    for c in _LOG[1:]:
        p = builder.fadd(builder.fmul(p, f, flags=FAST), _real(c), flags=FAST)
    square = builder.fmul(f, f, flags=FAST)
    p = builder.fmul(builder.fmul(p, f, flags=FAST), square, flags=FAST)
    p = builder.fadd(p, builder.fmul(square, _real(-0.5), flags=FAST), flags=FAST)
    return builder.fadd(builder.fadd(p, f), builder.fmul(exponent, _real(_LN2), flags=FAST), flags=FAST)


@intrinsic
def next_words(typingctx, state):
    """64 random words of 64 generators, whose states (4, 64) advance (Blackman and Vigna's xoshiro128++)."""

    def codegen(context, builder, signature, arguments):
        places = [
            _address(context, builder, signature.args[0], arguments[0], ir.Constant(ir.IntType(64), k * LANES), _WORDS)
            for k in range(4)
        ]
        s = [builder.load(place, align=4) for place in places]
        result = builder.add(_rotate(builder, builder.add(s[0], s[3]), 7), s[0])
        t = builder.shl(s[1], _word(9))
        s[2] = builder.xor(s[2], s[0])
        s[3] = builder.xor(s[3], s[1])
        s[1] = builder.xor(s[1], s[2])
        s[0] = builder.xor(s[0], s[3])
        s[2] = builder.xor(s[2], t)
        s[3] = _rotate(builder, s[3], 11)
        for value, place in zip(s, places):
            builder.store(value, place, align=4)
        return result

    return words(state), codegen


def _uniform(builder, k):
    """k + 1/2 of 32-bit words: small values keep all their digits."""
    return builder.fadd(builder.uitofp(k, _FLOATS), _real(0.5))


@intrinsic
def logistic(typingctx, k):
    """Logistic variables log u/(1 - u) from words, u = (k + 1/2) / 2^32; symmetric, tails down to 1e-10."""

    def codegen(context, builder, signature, arguments):
        (k,) = arguments
        odds = builder.fdiv(_uniform(builder, k), _uniform(builder, builder.not_(k)))
        return _log(builder, odds)

    return floats(k), codegen


@intrinsic
def exponential(typingctx, k):
    """Exponential variables -log u from words."""

    def codegen(context, builder, signature, arguments):
        u = builder.fmul(_uniform(builder, arguments[0]), _real(2.0**-32))
        return builder.fneg(_log(builder, u))

    return floats(k), codegen


def generator(sequence):
    """The states (4, 64) of 64 generators from a numpy seed sequence."""
    return sequence.generate_state(4 * LANES, np.uint32).reshape(4, LANES)


def aligned(shape, dtype=np.float32, boundary=64):
    """Zeros of this shape whose memory begins at a multiple of `boundary` bytes."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + boundary, dtype=np.uint8)
    start = -raw.ctypes.data % boundary
    return raw[start : start + size].view(dtype).reshape(shape)


def padded(n, width=LANES):
    """The smallest multiple of `width` that is not below n."""
    return -(-n // width) * width


@njit(forceinline=True, **OPTIONS)
def noise(state, metropolis):
    """64 noise variables of a rule: a site of field h flips where s h < (T/2) noise."""
    if metropolis:
        return exponential(next_words(state))
    return logistic(next_words(state))


@njit(forceinline=True, **OPTIONS)
def above(k):
    """The bits of a word above the k-th."""
    return (np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(k)) << np.uint64(1)


@njit(**OPTIONS)
def fill_logistic(state, out):
    """Fill an array, whose length is a multiple of 64, with logistic variables."""
    for i in range(0, out.size, LANES):
        store(out, i, logistic(next_words(state)))


@njit(**OPTIONS)
def fill_exponential(state, out):
    """The same with exponential variables."""
    for i in range(0, out.size, LANES):
        store(out, i, exponential(next_words(state)))
