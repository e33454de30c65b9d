"""Sixteen float32 side by side, as one value of compiled code. Import this module lazily: it imports numba.

The compiler vectorises some loops by itself, but not those that keep several rows or the place of a minimum in
registers. Such loops are written with the functions of this module. An operation on lanes is the same operation on each
of the sixteen numbers, so results do not depend on the width of the processor's registers. Each operation is rounded
once, as IEEE 754 says: a product is fused with a sum in :func:`plus_product` and nowhere else, so results do not depend
on whether the processor can do that either (one that cannot is slow).
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-call"
from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

_intrinsic: Any = intrinsic
"""Untyped: what it returns is called by compiled code only, and without the first argument."""
LANES = 16
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_PLACES = ir.VectorType(ir.IntType(32), LANES)


class LanesType(types.Type):
    """Sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes_type = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, own: Any) -> None:
        super().__init__(manager, own, _FLOATS)


def _element(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    """Pointer to lanes that begin at element ``at`` of a contiguous array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), _FLOATS.as_pointer())


@_intrinsic
def lanes_at(_typing: Any, array: Any, at: Any) -> Any:
    """Elements ``at`` to ``at + 15`` of a contiguous float32 array. Nothing checks that they exist."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(_element(context, builder, signature.args[0], args[0], args[1]))
        loaded.align = 4
        return loaded

    return lanes_type(array, types.int64), code


@_intrinsic
def store(_typing: Any, array: Any, at: Any, values: Any) -> Any:
    """Write to elements ``at`` to ``at + 15`` of a contiguous float32 array. Nothing checks that they exist."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        stored = builder.store(args[2], _element(context, builder, signature.args[0], args[0], args[1]))
        stored.align = 4
        return context.get_dummy_value()

    return types.void(array, types.int64, values), code


def _splat(builder: Any, value: Any, kind: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_PLACES, None))


@_intrinsic
def splat(_typing: Any, value: Any) -> Any:
    """``value`` in each lane."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _splat(builder, args[0], _FLOATS)

    return lanes_type(types.float32), code


@_intrinsic
def spread(_typing: Any, array: Any, at: Any) -> Any:
    """Element ``at`` of a contiguous float32 array in each lane. Nothing checks that it exists."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return _splat(builder, builder.load(builder.gep(data, [args[1]])), _FLOATS)

    return lanes_type(array, types.int64), code


@type_callable(operator.add)
@type_callable(operator.mul)
def _type_of_arithmetic(_context: Any) -> Any:
    def typer(a: Any, b: Any) -> Any:
        return lanes_type if isinstance(a, LanesType) and isinstance(b, LanesType) else None

    return typer


@lower_builtin(operator.add, LanesType, LanesType)
def _add(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    return builder.fadd(args[0], args[1])


@lower_builtin(operator.mul, LanesType, LanesType)
def _mul(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    return builder.fmul(args[0], args[1])


@_intrinsic
def plus_product(_typing: Any, total: Any, a: Any, b: Any) -> Any:
    """``total + a * b`` in each lane, rounded once (fusedMultiplyAdd of IEEE 754)."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        return builder.call(fused, [args[1], args[2], args[0]])

    return lanes_type(total, a, b), code


@_intrinsic
def least(_typing: Any, values: Any, at: Any, penalties: Any, width: Any) -> Any:
    """The least of ``values[at + j] + penalties[j]``, and the first ``j`` that has it.

    Args:
        values, penalties: Contiguous float32 arrays, without NaN.
        width: How many; a multiple of 16, at least 16.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(64)
        infinite = context.get_constant(types.float32, float("inf"))
        best = cgutils.alloca_once_value(builder, _splat(builder, infinite, _FLOATS))
        places = cgutils.alloca_once_value(builder, ir.Constant(_PLACES, [0] * LANES))
        ramp = ir.Constant(_PLACES, list(range(LANES)))
        blocks = builder.sdiv(args[3], wide(LANES))
        with cgutils.for_range(builder, blocks) as loop:
            j = builder.mul(loop.index, wide(LANES))
            value = builder.load(_element(context, builder, signature.args[0], args[0], builder.add(args[1], j)))
            penalty = builder.load(_element(context, builder, signature.args[2], args[2], j))
            value.align = penalty.align = 4
            total = builder.fadd(value, penalty)
            own = builder.add(_splat(builder, builder.trunc(j, ir.IntType(32)), _PLACES), ramp)
            less = builder.fcmp_ordered("<", total, builder.load(best))
            builder.store(builder.select(less, total, builder.load(best)), best)
            builder.store(builder.select(less, own, builder.load(places)), places)
        # Halve the lanes until one is left. Among equal values the lower place wins.
        value, place = builder.load(best), builder.load(places)
        left = LANES
        while left > 1:
            left //= 2
            low, high = (ir.Constant(ir.VectorType(ir.IntType(32), left), list(part)) for part in (
                range(left), range(left, 2 * left)))  # fmt: skip
            a, b = (builder.shuffle_vector(value, value, part) for part in (low, high))
            p, q = (builder.shuffle_vector(place, place, part) for part in (low, high))
            tie = builder.and_(builder.fcmp_ordered("==", b, a), builder.icmp_signed("<", q, p))
            second = builder.or_(builder.fcmp_ordered("<", b, a), tie)
            value, place = builder.select(second, b, a), builder.select(second, q, p)
        first = ir.IntType(32)(0)
        found = (
            builder.extract_element(value, first),
            builder.sext(builder.extract_element(place, first), wide),
        )
        return context.make_tuple(builder, signature.return_type, found)

    return types.Tuple((types.float32, types.int64))(values, types.int64, penalties, types.int64), code


def _transposed(
    context: Any, builder: Any, kinds: Any, source: Any, rows: Any, target: Any, to: Any, pitch: Any
) -> None:
    """Read sixteen lanes at ``rows`` and write them as columns."""
    values = []
    for at in rows:
        value = builder.load(_element(context, builder, kinds[0], source, at))
        value.align = 4
        values.append(value)
    # Four perfect shuffles of the sixteen rows exchange rows and columns.
    lower, upper = (
        ir.Constant(_PLACES, [first + half * LANES for first in range(start, start + 8) for half in (0, 1)])
        for start in (0, 8)
    )
    for _ in range(4):
        values = [
            builder.shuffle_vector(values[i], values[i + 8], half) for i in range(LANES // 2) for half in (lower, upper)
        ]
    for j, value in enumerate(values):
        place = builder.add(to, builder.mul(ir.IntType(64)(j), pitch))
        stored = builder.store(value, _element(context, builder, kinds[1], target, place))
        stored.align = 4


@_intrinsic
def transpose(_typing: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, pitch: Any) -> Any:
    """Write ``source[at + i * stride + j]`` to ``target[to + j * pitch + i]``, for i and j from 0 to 15."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = [builder.add(args[1], builder.mul(ir.IntType(64)(i), args[2])) for i in range(LANES)]
        kinds = (signature.args[0], signature.args[3])
        _transposed(context, builder, kinds, args[0], rows, args[3], args[4], args[5])
        return context.get_dummy_value()

    return types.void(source, types.int64, types.int64, target, types.int64, types.int64), code


@_intrinsic
def transpose_rows(_typing: Any, source: Any, begins: Any, first: Any, at: Any, target: Any, to: Any) -> Any:
    """Write ``source[begins[first + i] + at + j]`` to ``target[to + j * 16 + i]``, for i and j from 0 to 15.

    ``begins`` is a contiguous int64 array.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        wide = ir.IntType(64)
        rows = [
            builder.add(args[3], builder.load(builder.gep(data, [builder.add(args[2], wide(i))]))) for i in range(LANES)
        ]
        kinds = (signature.args[0], signature.args[4])
        _transposed(context, builder, kinds, args[0], rows, args[4], args[5], wide(LANES))
        return context.get_dummy_value()

    return types.void(source, begins, types.int64, types.int64, target, types.int64), code
