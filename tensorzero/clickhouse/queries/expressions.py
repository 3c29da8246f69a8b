"""Columns of the frames that are more than a table's own: times from ids, the words inside stored JSON.

Ids leave as UUIDs, 16 bytes each: whoever makes the frame writes them as text, faster than the engine does.
"""

from __future__ import annotations

from tensorzero.clickhouse.uuids import number_of

BLOCKS = "Array(Tuple(type String, text String, value String, arguments String, result String, name String))"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def time_of(uuid: str) -> str:
    """The moment inside a UUIDv7, in milliseconds, UTC."""
    return f"UUIDv7ToDateTime({uuid}, 'UTC')"


def newest_first(uuid: str) -> str:
    """Sort key: greatest id first, ids compared as UInt128."""
    return f"{time_of(uuid)} DESC, {number_of(uuid)} DESC"


def milliseconds(uuid: str) -> str:
    """Unix time inside a UUIDv7, Int64 milliseconds."""
    return f"toUnixTimestamp64Milli(UUIDv7ToDateTime({uuid}))"


def whole_number(column: str) -> str:
    """Signed and wide, so that differences of two columns do not wrap around."""
    return f"CAST({column} AS Nullable(Int64))"


def json_text(column: str) -> str:
    r"""JSON that the engine can read: a lone surrogate (`\ud800`), legal JSON but no character, becomes U+FFFD.

    Costs one substring search where there is none.
    """
    low, high = r"[dD][c-fC-F][0-9a-fA-F]{2}", r"[dD][89abAB][0-9a-fA-F]{2}"
    pairs = rf"replaceRegexpAll({column}, '\\x5cu({high})\\x5cu({low})', '\x01\\1\x02\\2')"  # out of the way
    lone = rf"replaceRegexpAll({pairs}, '\\x5cu[dD][89a-fA-F][0-9a-fA-F]{{2}}', '{REPLACEMENT}')"
    mended = rf"replaceRegexpAll({lone}, '[\x01\x02]', '\\\\u')"
    return rf"if(positionCaseInsensitive({column}, '\\ud') = 0 OR isValidJSON({column}), {column}, {mended})"


def _words(blocks: str) -> str:
    """The text of content blocks, one block a line. A template shows its arguments, a tool result its result."""
    text = (
        "multiIf(b.type = 'text', b.text, b.type = 'raw_text', b.value, b.type = 'template', b.arguments, "
        "b.type = 'tool_result', b.result, '')"
    )
    return f"arrayStringConcat(arrayFilter(t -> t != '', arrayMap(b -> {text}, {blocks})), '\\n')"


def input_text(column: str) -> str:
    """The words of the last message of a stored input (or of a model inference's `input_messages`, see `messages_text`)."""
    return _last_message(json_text(column), "'messages', -1, 'content'")


def messages_text(column: str) -> str:
    """The words of the last message of `ModelInference.input_messages`."""
    return _last_message(json_text(column), "-1, 'content'")


def _last_message(column: str, path: str) -> str:
    words = _words(f"JSONExtract({column}, {path}, '{BLOCKS}')")
    plain = f"if(JSONType({column}, {path}) = 'String', JSONExtractString({column}, {path}), '')"  # rows of older gateways
    return f"if(empty({words}), {plain}, {words})"


def output_text(column: str) -> str:
    """The words of chat output blocks; empty for an answer that is a tool call only."""
    blocks = f"JSONExtract({json_text(column)}, 'Array(Tuple(type String, text String))')"
    return f"arrayStringConcat(arrayMap(b -> b.text, arrayFilter(b -> b.type = 'text', {blocks})), '\\n')"


def raw_text(column: str) -> str:
    """The model's own words behind a JSON function's output."""
    return f"JSONExtractString({json_text(column)}, 'raw')"
