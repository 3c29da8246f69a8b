"""What a process may have the holder of a chdb directory do: what frames, look-ups and delivery need, and nothing else.

Reads run with the engine's own `readonly = 1`, which no statement can lift: it refuses writes, definitions, and table functions
that reach files or the network. What it lets through all the same (`INTO OUTFILE`, `DESCRIBE` of a table function, the function
`file`, objects of the holder's Python) is refused here, by words: a statement is cut into tokens as the engine does it, and one
with a sign whose meaning could be argued about is refused whole. Rows go into tables of the schema only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tensorzero.clickhouse.errors import QueryRefused
from tensorzero.clickhouse.replay import completing_select
from tensorzero.clickhouse.schema_tables import TABLES
from tensorzero.clickhouse.tables import DERIVED
from tensorzero.masking.reprs import discreet

SETTINGS = frozenset(
    [
        "cancel_http_readonly_queries_on_client_close",
        "cast_string_to_dynamic_use_inference",
        "date_time_input_format",
        "date_time_output_format",
        "input_format_null_as_default",
        "input_format_skip_unknown_fields",
        "join_use_nulls",
        "max_block_size",
        "max_execution_time",
        "max_memory_usage",
        "max_result_bytes",
        "max_result_rows",
        "max_rows_to_read",
        "max_threads",
        "optimize_duplicate_order_by_and_distinct",
        "output_format_arrow_compression_method",
        "output_format_arrow_low_cardinality_as_dictionary",
        "output_format_arrow_string_as_string",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_denormals",
        "query_plan_remove_redundant_sorting",
        "result_overflow_mode",
        "session_timezone",
        "use_query_cache",
    ]
)
"""The settings that a request may bring; others are left out, and refused by the engine where a statement names them."""

_HARMLESS = """
    numbers numbers_mt zeros zeros_mt values view null generateseries generate_series primes generaterandom format merge
"""
"""Table functions that make rows out of nothing or out of tables; `format` is an ordinary function too."""
_REACHING_OUT = """
    file url remote s3 input filesystem python eval executable viewexplain hascolumnintable reversednsquery catboostevaluate
    modelevaluate showcertificate addresstoline addresstolinewithinlines structuretocapnprotoschema structuretoprotobufschema
"""
"""Functions that read or reach what is no table. The engine's other table functions are added to them."""
_DRIVERS_QUESTION = "select name , value readonly as from system . settings limit format native"
"""The words of the driver's question for the settings, whose answer `readonly` would change."""
HARMLESS, REACHING_OUT, DRIVERS_QUESTION = (frozenset(words.split()) for words in (_HARMLESS, _REACHING_OUT, _DRIVERS_QUESTION))

_ROWS = re.compile(rb"\s*INSERT INTO ([A-Za-z_][A-Za-z0-9_]*) FORMAT JSONEachRow\s", re.ASCII)
_COMPLETION = re.compile(r"INSERT INTO ([A-Za-z_][A-Za-z0-9_]*) \(([A-Za-z0-9_, ]+)\) (.+)", re.ASCII | re.DOTALL)
_DESCRIPTION = re.compile(
    r"\s*(?:(?:DESCRIBE|DESC)(?:\s+TABLE)?|EXISTS(?:\s+TABLE)?|SHOW\s+CREATE(?:\s+TABLE)?)\s+[A-Za-z_][A-Za-z0-9_]*"
    r"(?:\s+FORMAT\s+[A-Za-z0-9_]+)?\s*;?\s*|\s*SHOW\s+TABLES(?:\s+FORMAT\s+[A-Za-z0-9_]+)?\s*;?\s*",
    re.ASCII | re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|\\.|'')*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*|`(?:[^`\\]|``)+`|"(?:[^"\\]|"")+")
    |(?P<number>[0-9][0-9A-Za-z_.]*)
    |(?P<sign>[-+*/%=<>!(){}\[\],.:;?|@^&~])""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_VALUE = re.compile(r"[0-9]+|'[A-Za-z0-9_/+:-]*'", re.ASCII)


@discreet()
@dataclass(frozen=True, slots=True)
class Allowed:
    """How a statement is run: with the engine's `readonly`, and after these settings of its own."""

    readonly: bool
    settings: Mapping[str, str]


def allowed(statement: bytes, database: str, table_functions: Sequence[str]) -> Allowed:
    """Raises QueryRefused, with ClickHouse's code for it, unless a client of ours may ask for that.

    `table_functions`: names of those that the engine has.
    """
    rows = _ROWS.match(statement)
    if rows:
        return _insert(rows[1].decode())
    try:
        text = statement.decode()
    except UnicodeDecodeError:
        raise _refusal("a statement that is not UTF-8") from None
    if _DESCRIPTION.fullmatch(text):
        return Allowed(True, {})
    if _is_completion(text, database):
        return Allowed(False, {})
    return _read(text, table_functions)


def _insert(table: str) -> Allowed:
    if all(table != known.name for known in TABLES):
        raise QueryRefused(
            f"Code: 60. DB::Exception: Table {table} is none of TensorZero's, and others cannot be written from here. "
            "(UNKNOWN_TABLE)",
            code=60,
        )
    return Allowed(False, {})


def _is_completion(text: str, database: str) -> bool:
    """Whether it is one of the statements by which delivery completes what views began (replay.py), to the letter."""
    found = _COMPLETION.fullmatch(text.strip())
    if not found:
        return False
    return any(
        derived.target == found[1] and completing_select(table, derived, database) == found[3]
        for table, each in DERIVED.items()
        for derived in each
    )


def _read(text: str, table_functions: Sequence[str]) -> Allowed:
    if "outfile" in text.lower():
        raise _refusal("the word OUTFILE", "A text with that word can be bound as a parameter.")
    tokens = list(_tokens(text))
    if tokens and all(word.lower() in DRIVERS_QUESTION or word.isdecimal() for word in tokens):
        return Allowed(False, {})
    first = next((word for word in tokens if word != "("), "")
    if first.upper() not in ("SELECT", "WITH"):
        raise _refusal(f"a statement that begins with {first[:20] or 'nothing'}")
    refused = REACHING_OUT | ({name.lower() for name in table_functions} - HARMLESS)
    for name in _functions(tokens):
        if name in refused:
            raise _refusal(f"the function {name}")
    return Allowed(True, dict(_settings(tokens)))


def _tokens(text: str) -> Iterator[str]:
    """Every token but spaces and comments. Raises QueryRefused for a sign of whose meaning we are not sure."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise _refusal(f"the sign {text[place]!r} outside of a text")
        place = found.end()
        if found.lastgroup != "space":
            yield found[0]


def _functions(tokens: Sequence[str]) -> Iterator[str]:
    """Names, in small letters, that may be called: before a parenthesis, or given to `APPLY`."""
    before = ""
    for name, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if following == "(" or before == "APPLY":
            yield name.strip('`"').lower()
        if name != "(" or before != "APPLY":
            before = name.upper()


def _settings(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The settings in a statement that we know to be harmless, to be set before: `readonly` lets none be changed."""
    for place, token in enumerate(tokens):
        if token.upper() != "SETTINGS":
            continue
        rest = tokens[place + 1 :]
        while len(rest) >= 3 and rest[1] == "=" and rest[0] in SETTINGS and _VALUE.fullmatch(rest[2]):
            yield rest[0], rest[2].strip("'")
            if len(rest) < 4 or rest[3] != ",":
                break
            rest = rest[4:]


def _refusal(what: str, hint: str | None = None) -> QueryRefused:
    return QueryRefused(
        "Code: 497. DB::Exception: This chdb directory is held by another process, which only takes reads of tables and rows "
        f"for TensorZero's tables from here, not {what}. (ACCESS_DENIED)",
        code=497,
        hint=hint or "Run it in the process that holds the directory, or when that one has ended.",
    )
