"""The keywords of the frames as a `Selection`: one value or several, of Python, numpy, pandas or Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from tensorzero.clickhouse.queries.selection import MetricCondition, Selection
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.moments import moment_ms
from tensorzero_notebook.python_values import is_missing, python_value, several

MOST_ROWS = 2**63 - 1
Tags = dict[str, "tuple[str, ...] | None"]


class DefaultLimit(int):
    """The limit of a call that names none: what it leaves out is said aloud."""


LIMIT = DefaultLimit(1000)


def selection(
    *,
    limit: Any,
    function: Any = None,
    variant: Any = None,
    model: Any = None,
    episode: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Mapping[str, Any] | None = None,
    metrics: Mapping[str, MetricCondition] | None = None,
) -> Selection:
    """A list without anything in it fits nothing, whichever keyword it is given for. Raises `UserError`."""
    chosen = [names(function, "function"), names(variant, "variant"), names(model, "model"), given_ids(episode, "episode")]
    wanted_tags = {key: tag_values(key, value) for key, value in (tags or {}).items()}
    own_ids = given_ids(ids, "ids")
    if any(one == () for one in (*chosen, *wanted_tags.values())):
        own_ids = ()
    functions, variants, models, episodes = (one or () for one in chosen)
    return Selection(
        functions=functions,
        variants=variants,
        models=models,
        episodes=episodes,
        ids=own_ids,
        since_ms=moment_ms(since, "since"),
        until_ms=moment_ms(until, "until"),
        tags={key: values or () for key, values in wanted_tags.items()},
        metrics=metrics or {},
        limit=row_limit(limit),
    )


def names(value: Any, keyword: str) -> tuple[Any, ...] | None:
    """One name or several; None for None."""
    found = _listed(value, keyword)
    if found is None:
        return None
    if not all(isinstance(one, str) for one in found):
        raise UserError(f"{keyword} must be a name or several names: {value!r:.100}.")
    return tuple(dict.fromkeys(str.__str__(one) for one in found))


def given_ids(value: Any, keyword: str) -> tuple[Any, ...] | None:
    """One id or several (a list, a frame's column); None for None."""
    found = _listed(value, keyword)
    if found is None:
        return None
    try:
        return tuple(dict.fromkeys(UUID(str(one)) for one in found))
    except ValueError:
        raise UserError(f"{keyword} must be an id or several ids: {value!r:.100}.") from None


def tag_values(key: str, value: Any) -> tuple[str, ...] | None:
    """What a tag may be, as text, which is all that tags are; None for any value."""
    found = _listed(value, f"tags={{{key!r}: …}}")
    return None if found is None else tuple(str.__str__(one) if isinstance(one, str) else str(one) for one in found)


def _listed(value: Any, keyword: str) -> list[Any] | None:
    try:
        found = several(value)
    except TypeError as error:
        raise UserError(f"{keyword} {error}.") from None
    if found is not None and any(is_missing(one) for one in found):
        raise UserError(f"{keyword} is a missing value; None asks for any.")
    return found


def tag_filter(value: Any) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """`tags=`: what rows must have, and which keys become columns (None: all that the rows have).

    A mapping filters: key to a value, to several, or to None for any value. Names only choose columns.
    """
    if not isinstance(value, Mapping):
        return {}, names(value, "tags")
    keys = names(list(value), "tags") or ()
    return dict(zip(keys, value.values(), strict=True)), keys


def metric_filter(value: Any) -> tuple[dict[str, MetricCondition], tuple[str, ...] | None]:
    """`metrics=`: what the latest values must be, and which metrics become columns (None: all).

    A mapping filters: name to True or False, to a number, or to `(low, high)` with None for an open end.
    """
    if not isinstance(value, Mapping):
        return {}, names(value, "metrics")
    keys = names(list(value), "metrics") or ()
    return {name: condition(name, one) for name, one in zip(keys, value.values(), strict=True)}, keys


def condition(name: str, value: Any) -> MetricCondition:
    one = python_value(value)
    if isinstance(one, bool):
        return MetricCondition(equal_to=one)
    if _is_number(one):
        return MetricCondition(equal_to=_number(one))
    if not isinstance(one, (str, bytes, Mapping, set, frozenset)) and getattr(one, "ndim", 1) == 1 and hasattr(one, "__iter__"):
        ends = [python_value(end) for end in one]
        given = [end for end in ends if not is_missing(end)]
        if len(ends) == 2 and given and all(_is_number(end) for end in given):
            low, high = (None if is_missing(end) else _number(end) for end in ends)
            return MetricCondition(low=low, high=high)
    raise UserError(f"metrics={{{name!r}: …}} must be True, False, a number, or (low, high): {value!r:.100}.")


def fitting(name: str, wanted: MetricCondition, kind: str) -> MetricCondition:
    """The condition on a metric of this type; 1 and 0 are True and False. Raises `UserError` for one that none could meet."""
    given = wanted.equal_to
    match kind:
        case "boolean" if isinstance(given, bool):
            return wanted
        case "boolean" if given in (0, 1):
            return MetricCondition(equal_to=bool(given))
        case "boolean":
            raise UserError(f"{name} is a boolean metric: metrics={{{name!r}: True}}, or False.")
        case "float" if isinstance(given, bool):
            raise UserError(f"{name} is a float metric: metrics={{{name!r}: …}} is a number, or (low, high).")
        case "float":
            return wanted
        case _:
            raise UserError(f"A {name} has no value to compare.", hint=f"metrics=[{name!r}] makes a column of it.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal, Fraction)) and not isinstance(value, bool) and value == value


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def row_limit(value: Any) -> int | None:
    """None for None: all rows."""
    limit = python_value(value)
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise UserError(f"limit must be a whole number of rows from 1 on, or None for all: {value!r:.100}.")
    return min(int(limit), MOST_ROWS)
