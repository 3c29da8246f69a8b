"""An Arrow table of the engine as the frame a user gets: names, text ids, and pandas types that know missing values.

Nothing is copied that need not be: pandas' text lives in the Arrow buffers that the engine filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

Table = ChunkedArray = Array = DataType = Any
"""pyarrow's; it has no types of its own."""

ID_BYTES = 16
GROUPS = ((0, "u8", 0), (9, "u4", 8), (14, "u4", 12), (19, "u4", 16), (24, "u8", 20), (32, "u4", 28))
"""Where a UUID's hexadecimal digits go between its dashes: (in the text, in steps of, in the digits)."""
DASHES = (8, 13, 18, 23)
LENGTH = 36


def named_table(table: Table, columns: Sequence[str]) -> Table:
    """The table under the frame's names, ids as text."""
    import pyarrow

    arrays = [plain_column(column) for column in table.columns]
    fields = [pyarrow.field(name, array.type) for name, array in zip(columns, arrays, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def plain_column(column: ChunkedArray) -> ChunkedArray:
    """Ids as text, names that travelled once as text in every row, anything else as it is."""
    import pyarrow

    if is_id(column.type):
        return text_ids(column)
    if pyarrow.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def is_id(kind: DataType) -> bool:
    """A UUID column: Arrow's extension type, or its 16 bytes."""
    import pyarrow

    stored = getattr(kind, "storage_type", kind)
    return pyarrow.types.is_fixed_size_binary(stored) and stored.byte_width == ID_BYTES


def text_ids(column: ChunkedArray) -> ChunkedArray:
    """UUIDs as their 36 characters: about 30 ms a million. Two threads would only wait for each other."""
    import pyarrow

    return pyarrow.chunked_array([_text(chunk) for chunk in column.chunks], type=pyarrow.large_string())


def _text(chunk: Any) -> Array:
    import binascii

    import numpy
    import pyarrow

    stored = getattr(chunk, "storage", chunk)
    rows = len(stored)
    start = stored.offset * ID_BYTES
    digits = binascii.hexlify(memoryview(stored.buffers()[1])[start : start + rows * ID_BYTES]) if rows else b""
    text = numpy.empty(rows * LENGTH, dtype=numpy.uint8)
    for place, kind, origin in GROUPS:
        _every(text, rows, place, kind, LENGTH)[:] = _every(numpy.frombuffer(digits, numpy.uint8), rows, origin, kind, 32)
    for place in DASHES:
        text[place::LENGTH] = ord("-")
    offsets = numpy.arange(0, (rows + 1) * LENGTH, LENGTH, dtype=numpy.int64)
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(text)]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), rows, buffers)


def _every(data: Any, rows: int, place: int, kind: str, step: int) -> Any:
    """The `kind` at `place` of each of `rows` records of `step` bytes."""
    import numpy

    return numpy.ndarray(shape=(rows,), dtype=kind, buffer=data, offset=place if rows else 0, strides=(step,))


def pandas_frame(table: Table) -> pandas.DataFrame:
    """Text as `string` (Arrow-backed), numbers as `Int64`, `Float64`, `Float32`, flags as `boolean`, times as UTC."""
    import pandas
    import pyarrow

    text = pandas.StringDtype("pyarrow")
    types = {
        pyarrow.string(): text,
        pyarrow.large_string(): text,
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.float64(): pandas.Float64Dtype(),
        pyarrow.float32(): pandas.Float32Dtype(),
        pyarrow.bool_(): pandas.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=types.get, split_blocks=True, self_destruct=False)
