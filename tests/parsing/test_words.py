"""The words of the original's readers (observed 2026.6.0: each text here was read off its errors)."""

from __future__ import annotations

import pytest

from tensorzero.parsing.words import (
    escaped,
    json_float,
    listed,
    plain_float,
    unexpected,
    unexpected_content,
    unknown_field,
    unknown_variant,
    wrong_length,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ~ ' text", "plain ~ ' text"),
        ('q"\\ ', 'q\\"\\\\ '),
        ("\0\t\n\r", "\\0\\t\\n\\r"),
        ("\x01\b\f\x1b\x7f\x80\x9f", "\\u{1}\\u{8}\\u{c}\\u{1b}\\u{7f}\\u{80}\\u{9f}"),
        ("\xa0\xad\u200b\u200d\u2028\ufeff", "\\u{a0}\\u{ad}\\u{200b}\\u{200d}\\u{2028}\\u{feff}"),
        ("é a\u0301", "é a\\u{301}"),
        ("\U0001f600\U000e0001\ue000\u0378", "\U0001f600\\u{e0001}\\u{e000}\\u{378}"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("value", "json", "toml"),
    [
        (1.0, "1.0", "1.0"),
        (-0.0, "-0.0", "-0.0"),
        (1e-4, "0.0001", "0.0001"),
        (1e-5, "0.00001", "0.00001"),
        (1e-6, "1e-6", "0.000001"),
        (1e-7, "1e-7", "0.0000001"),
        (1e16, "1e+16", "10000000000000000.0"),
        (1e22, "1e+22", "10000000000000000000000.0"),
        (123456789012345680.0, "1.2345678901234568e+17", "123456789012345680.0"),
        (float("nan"), "NaN", "NaN"),
        (float("inf"), "inf", "inf"),
    ],
)
def test_a_number_is_written_as_each_reader_writes_it(value: float, json: str, toml: str) -> None:
    assert (json_float(value), plain_float(value)) == (json, toml)
    assert unexpected(value) == f"floating point `{json}`"
    assert unexpected(value, plain_float) == f"floating point `{toml}`"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "boolean `true`"),
        (5, "integer `5`"),
        (-(2**63), "integer `-9223372036854775808`"),
        (2**64 - 1, "integer `18446744073709551615`"),
        (2**64, "floating point `1.8446744073709552e+19`"),
        (-(2**63) - 1, "floating point `-9.223372036854776e+18`"),
        ("five", 'string "five"'),
        ([], "sequence"),
        ((), "sequence"),
        ({}, "map"),
    ],
)
def test_a_value_is_named_by_its_kind(value: object, words: str) -> None:
    assert unexpected(value) == words
    assert unexpected_content(value) == ("number" if type(value) is int else words)


def test_names_are_listed_with_their_number_in_view() -> None:
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b"]) == "`a` or `b`"
    assert listed(["a", "b", "c"]) == "one of `a`, `b`, `c`"
    assert unknown_field("x", ["a", "b"]) == "unknown field `x`, expected `a` or `b`"
    assert unknown_field("x", []) == "unknown field `x`, there are no fields"
    assert unknown_variant("x", []) == "unknown variant `x`, there are no variants"
    assert wrong_length(0, "S", 1) == "invalid length 0, expected struct S with 1 element"
