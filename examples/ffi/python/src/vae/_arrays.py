"""Arrays as the library takes them: borrowed where they lie right, copied once where they do not."""

from __future__ import annotations

from typing import Any

import numpy

from ._errors import WidthError


def _table(values: Any, what: str) -> numpy.ndarray:
    """At least two dimensions; [n, ...] is [n, width]."""
    array = numpy.asarray(values)
    if array.dtype.kind == "c":
        raise TypeError("%s: expected real numbers, found an array of %s" % (what, array.dtype))
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(numpy.float64)
        except (TypeError, ValueError):
            raise TypeError("%s: expected numbers, found an array of %s" % (what, array.dtype)) from None
    if array.ndim < 2:
        raise WidthError(
            "%s: expected an array [n, width], found shape %s; one row is %s.reshape(1, -1)" % (what, array.shape, what)
        )
    return array.reshape(len(array), -1) if array.ndim > 2 else array


def rows(values: Any, what: str = "x") -> numpy.ndarray:
    """[n, width] of float32 in C order. 8-bit values of x become value / 255, as in the library."""
    array = _table(values, what)
    if array.dtype == numpy.uint8 and what == "x":
        return array.astype(numpy.float32) / numpy.float32(255)
    return numpy.ascontiguousarray(array, dtype=numpy.float32)


_STORED = {numpy.dtype(numpy.float32): "float32", numpy.dtype(numpy.float64): "float64", numpy.dtype(numpy.uint8): "uint8"}


def stored(values: Any) -> tuple[numpy.ndarray, str]:
    """[n, width] of a type that a data set keeps, in C order, and the type's name."""
    array = _table(values, "rows")
    if array.dtype not in _STORED:
        small = array.dtype.itemsize <= 2
        array = array.astype(numpy.float32 if small else numpy.float64)
    array = numpy.ascontiguousarray(array)
    return array, _STORED[array.dtype.newbyteorder("=")]


def address(array: numpy.ndarray | None) -> int | None:
    return None if array is None else array.ctypes.data
