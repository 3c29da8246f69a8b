"""An Arrow table of the engine as the frame a user gets: names, text ids, and pandas types that know missing values.

Nothing is copied that need not be: pandas' text lives in the Arrow buffers that the engine filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas
    import pyarrow

ID_LENGTH = 36


def named_table(table: pyarrow.Table, columns: Sequence[str]) -> pyarrow.Table:
    """The table under the frame's names. Fixed-length ids become text without touching their bytes."""
    import pyarrow

    arrays = [text_ids(column) if pyarrow.types.is_fixed_size_binary(column.type) else column for column in table.columns]
    fields = [pyarrow.field(name, array.type) for name, array in zip(columns, arrays, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def text_ids(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """36-byte values as strings over the same buffer."""
    import pyarrow

    return pyarrow.chunked_array([_text(chunk) for chunk in column.chunks], type=pyarrow.large_string())


def _text(chunk: pyarrow.Array) -> pyarrow.Array:
    import numpy
    import pyarrow

    offsets = numpy.arange(chunk.offset, chunk.offset + len(chunk) + 1, dtype=numpy.int64) * ID_LENGTH
    buffers = [None, pyarrow.py_buffer(offsets), chunk.buffers()[1]]
    return cast("Any", pyarrow.Array).from_buffers(pyarrow.large_string(), len(chunk), buffers)


def pandas_frame(table: pyarrow.Table) -> pandas.DataFrame:
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
