"""An Arrow table of the engine as the frame a user gets: names, text ids, and pandas types that know missing values.

Nothing is copied that need not be: pandas' text lives in the Arrow buffers that the engine filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

Table = ChunkedArray = DataType = Any
"""pyarrow's; it has no types of its own."""

ID_BYTES = 16
GROUPS = ((0, "u8", 0), (9, "u4", 8), (14, "u4", 12), (19, "u4", 16), (24, "u8", 20), (32, "u4", 28))
"""Where a UUID's hexadecimal digits go between its dashes: (in the text, in steps of, in the digits)."""
DASHES = (8, 13, 18, 23)
LENGTH = 36
DASH = ord("-")
SIDE_BY_SIDE_ROWS = 100_000
BYTES_AT_ONCE = 65_536 * ID_BYTES


def named_table(table: Table, columns: Sequence[str]) -> Table:
    """The table under the frame's names, ids as text."""
    import pyarrow

    arrays = _plain_columns(table.columns)
    fields = [pyarrow.field(name, array.type) for name, array in zip(columns, arrays, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def _plain_columns(columns: Sequence[ChunkedArray]) -> list[ChunkedArray]:
    """Long columns side by side: an id's way into text is numpy's copying, which needs no interpreter."""
    offsets = _offsets(len(columns[0])) if any(is_id(column.type) for column in columns) else None
    if len(columns) < 2 or len(columns[0]) < SIDE_BY_SIDE_ROWS:
        return [plain_column(column, offsets) for column in columns]
    from concurrent.futures import ThreadPoolExecutor

    longest_first = sorted(range(len(columns)), key=lambda number: not is_id(columns[number].type))
    with ThreadPoolExecutor(2) as pool:
        begun = {number: pool.submit(plain_column, columns[number], offsets) for number in longest_first}
    return [begun[number].result() for number in range(len(columns))]


def _offsets(rows: int) -> Any:
    """Where each id's text begins; columns of ids share it."""
    import numpy

    return numpy.arange(0, (rows + 1) * LENGTH, LENGTH, dtype=numpy.int64)


def plain_column(column: ChunkedArray, offsets: Any = None) -> ChunkedArray:
    """Ids as text, names that travelled once as text in every row, anything else as it is."""
    import pyarrow

    if is_id(column.type):
        return text_ids(column, offsets)
    if pyarrow.types.is_dictionary(column.type):
        return column.cast(pyarrow.large_string() if column.type.value_type == pyarrow.string() else column.type.value_type)
    return column


def is_id(kind: DataType) -> bool:
    """A UUID column: Arrow's extension type, or its 16 bytes."""
    import pyarrow

    stored = getattr(kind, "storage_type", kind)
    return pyarrow.types.is_fixed_size_binary(stored) and stored.byte_width == ID_BYTES


def text_ids(column: ChunkedArray, offsets: Any = None) -> ChunkedArray:
    """UUIDs as their 36 characters, in one piece: about 25 ms a million."""
    import numpy
    import pyarrow

    rows = len(column)
    buffer = pyarrow.allocate_buffer(rows * LENGTH)
    text = numpy.frombuffer(buffer, numpy.uint8)
    done = 0
    for ids in _pieces(column):
        count = len(ids) // ID_BYTES
        _write_text(ids, text[done * LENGTH : (done + count) * LENGTH], count)
        done += count
    buffers = [None, pyarrow.py_buffer(_offsets(rows) if offsets is None else offsets), buffer]
    return pyarrow.chunked_array([pyarrow.Array.from_buffers(pyarrow.large_string(), rows, buffers)])


def _pieces(column: ChunkedArray) -> Iterator[memoryview]:
    """The ids' bytes, as many at a time as a processor keeps at hand."""
    for chunk in column.chunks:
        stored = getattr(chunk, "storage", chunk)
        if len(stored):
            start = stored.offset * ID_BYTES
            ids = memoryview(stored.buffers()[1])[start : start + len(stored) * ID_BYTES]
            for begin in range(0, len(ids), BYTES_AT_ONCE):
                yield ids[begin : begin + BYTES_AT_ONCE]


def _write_text(ids: memoryview, text: Any, rows: int) -> None:
    import numpy

    digits = numpy.take(_hexadecimal(), numpy.frombuffer(ids, numpy.uint16), mode="clip").view(numpy.uint8)
    for place, kind, origin in GROUPS:
        _every(text, rows, place, kind, LENGTH)[:] = _every(digits, rows, origin, kind, 32)
    for place in DASHES:
        text[place::LENGTH] = DASH


@cache
def _hexadecimal() -> Any:
    """The four digits of each two bytes, as one number, by those two as a number."""
    import numpy

    of_one = numpy.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=numpy.uint16)
    return of_one[numpy.arange(1 << 16, dtype=numpy.uint16).view(numpy.uint8)].view(numpy.uint32)


def _every(data: Any, rows: int, place: int, kind: str, step: int) -> Any:
    """The `kind` at `place` of each of `rows` records of `step` bytes."""
    import numpy

    return numpy.ndarray(shape=(rows,), dtype=kind, buffer=data, offset=place, strides=(step,))


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
