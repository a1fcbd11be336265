"""Views of arrays for the innermost loops, which count no references."""

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


@intrinsic
def window(typingctx, array, indices, length):
    """The `length` entries of a contiguous array from an index on; the caller must own the array for as long as they are used."""
    if not (isinstance(array, types.Array) and array.layout == "C" and len(indices) == array.ndim):
        raise TypingError(f"expected a contiguous array and one index for each of its axes, got {array}, {indices}")
    view = types.Array(array.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        source = context.make_array(array)(context, builder, args[0])
        first = cgutils.get_item_pointer(context, builder, array, source, cgutils.unpack_tuple(builder, args[1], array.ndim),
                                         wraparound=False)
        result = context.make_array(view)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
        populate_array(result, data=first, shape=[args[2]], strides=[size], itemsize=size, meminfo=None)
        return result._getvalue()

    return view(array, types.UniTuple(types.intp, array.ndim), types.intp), codegen
