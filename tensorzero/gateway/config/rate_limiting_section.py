"""`[rate_limiting]`: rules read into the original's own form, amounts of money in billionths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tensorzero.gateway.config.mistakes import Mistakes, Place, nearest
from tensorzero.gateway.config.shapes import INVALID, USIZE, Choice, Flag, Items, Real, wrong_type
from tensorzero.parsing.words import plain_float, quoted, unexpected, unknown_variant

_RESOURCES = {"model_inferences": "model_inference", "tokens": "token", "cost": "cost"}
_INTERVALS = ("second", "minute", "hour", "day", "week", "month")
_VALUE = (
    "Rate limit value must either be a nonnegative integer or { capacity = .., refill_rate = .. } where both are "
    "nonnegative integers"
)
_MONEY = (
    "Cost rate limit value must either be a nonnegative number or { capacity = .., refill_rate = .. } where both are "
    "nonnegative numbers"
)
_ONE_SUM = "Cost rate limit value must be a finite non-negative number"
_TWO_SUMS = "Cost rate limit `capacity` and `refill_rate` must be finite non-negative numbers"
_LARGEST = 2**63 - 1
_TOO_LARGE = "Failed to serialize stored config: u64 value was too large"
_SCOPED = "Error parsing rate limit scope and priority: "


class RateLimiting:
    """Unknown keys of the section are ignored, as the original does."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, Mapping):
            wrong_type(value, "struct TomlUninitializedRateLimitingConfig", place, mistakes)
            return INVALID
        shapes: dict[str, Any] = {
            "rules": Items(_Rule()),
            "enabled": Flag(),
            "backend": Choice(("auto", "postgres", "valkey")),
            "default_cost": Real(),
        }
        read = {key: shapes[key].read(value[key], place.key(key), mistakes) for key in value if key in shapes}
        if INVALID in read.values():
            return INVALID
        if "default_cost" in read:
            cost = read.pop("default_cost")
            if not (math.isfinite(cost) and cost >= 0):
                shown = "NaN" if math.isnan(cost) else f"{cost:g}" if math.isfinite(cost) else str(cost)
                message = f"`default_cost` must be a finite non-negative number, got {shown}"
                mistakes.say(message, place.key("default_cost").keys)
                return INVALID
            read["default_nano_cost"] = _nano(cost)
        return {key: read[key] for key in ("rules", "enabled", "backend", "default_nano_cost") if key in read}


class _Rule:
    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, Mapping):
            wrong_type(value, "a map", place, mistakes)
            return INVALID
        limits: list[dict[str, Any]] = []
        before = len(mistakes.found)
        for key, amount in value.items():
            name, separator, interval = key.rpartition("_per_")
            if not separator:
                continue
            if name not in _RESOURCES:
                mistakes.at(place, f"Unknown resource: {name}", nearest(name, _RESOURCES))
            elif interval not in _INTERVALS:
                mistakes.at(place, unknown_variant(interval, _INTERVALS), nearest(interval, _INTERVALS))
            elif isinstance(limit := _limit(amount, money=name == "cost"), str):
                mistakes.at(place, limit)
            else:
                limits.append({"resource": _RESOURCES[name], "interval": interval, **limit})
        for problem in _priority_problems(value):
            mistakes.at(place, f"{_SCOPED}{problem}\n")
        scope, problem = _scope(value.get("scope", []))
        if problem:
            mistakes.at(place, problem)
        if len(mistakes.found) > before:
            return INVALID
        priority: Any = "Always" if value.get("always") else {"Priority": value["priority"]}
        return {"limits": limits, "scope": scope, "priority": priority}


def _nano(amount: float) -> int:
    return int(Decimal(repr(float(amount))) * 1_000_000_000)


def _limit(value: Any, *, money: bool) -> dict[str, int] | str:
    """The limit, or what is wrong with it."""
    both = isinstance(value, Mapping)
    if both and set(value) != {"capacity", "refill_rate"}:
        return _MONEY if money else _VALUE
    amounts = (value["capacity"], value["refill_rate"]) if both else (value, value)
    if any(isinstance(amount, bool) or not isinstance(amount, int | float) for amount in amounts):
        return _MONEY if money else _VALUE
    if not all(0 <= amount < math.inf for amount in amounts):
        return (_TWO_SUMS if both else _ONE_SUM) if money else _VALUE
    if money:
        amounts = tuple(map(_nano, amounts))
    elif not all(isinstance(amount, int) for amount in amounts):
        return _VALUE
    return {"capacity": amounts[0], "refill_rate": amounts[1]}


def check_rate_limiting(read: Mapping[str, Any], mistakes: Mistakes) -> None:
    """No two rules for the same scope, and no sum that cannot be stored."""
    seen: list[list[tuple[tuple[Any, ...], str]]] = []
    keys = ("rate_limiting", "rules")
    for number, rule in enumerate(read.get("rules", ())):
        scope = sorted(map(_scope_shown, rule["scope"]))
        if scope in seen:
            shown = f"RateLimitingConfigScopes([{', '.join(text for _, text in scope)}])"
            mistakes.say(f"DuplicateRateLimitingConfigScope {{ scope: {shown} }}", (*keys, number))
        seen.append(scope)
        if any(limit[key] > _LARGEST for limit in rule["limits"] for key in ("capacity", "refill_rate")):
            mistakes.say(_TOO_LARGE, (*keys, number))
    if read.get("default_nano_cost", 0) > _LARGEST:
        mistakes.say(_TOO_LARGE, ("rate_limiting", "default_cost"))


def _scope_shown(scope: Mapping[str, str]) -> tuple[tuple[Any, ...], str]:
    """How the original orders a scope among others, and how it prints it."""
    if "tag_key" in scope:
        order, value = _scope_value(scope["tag_value"])
        text = f"Tag(TagRateLimitingConfigScope {{ tag_key: {quoted(scope['tag_key'])}, tag_value: {value} }})"
        return (0, scope["tag_key"], order), text
    order, value = _scope_value(scope["api_key_public_id"])
    return (1, order), f"ApiKeyPublicId(ApiKeyPublicIdConfigScope {{ api_key_public_id: {value} }})"


def _scope_value(value: str) -> tuple[tuple[int, str], str]:
    if value in ("tensorzero::each", "tensorzero::total"):
        return (1, value), value.removeprefix("tensorzero::").capitalize()
    return (0, value), f"Concrete({quoted(value)})"


def _priority_problems(value: Mapping[str, Any]) -> list[str]:
    always, priority = value.get("always"), value.get("priority")
    if always is not None and not isinstance(always, bool):
        return [f"invalid type: {unexpected(always, plain_float)}, expected a boolean"]
    if priority is not None and (isinstance(priority, bool) or not isinstance(priority, int)):
        return [f"invalid type: {unexpected(priority, plain_float)}, expected usize"]
    if priority is not None and not USIZE.low <= priority <= USIZE.high:
        return [f"invalid value: integer `{priority}`, expected usize"]
    if always and priority is not None:
        return ["cannot specify both `always` and `priority` fields"]
    if not always and priority is None:
        return ["the `priority` field is required when `always` is not true"]
    return []


def _scope(value: Any) -> tuple[list[dict[str, str]], str | None]:
    """The scopes, or what is wrong with the first bad one."""
    if not isinstance(value, list):
        return [], f"{_SCOPED}invalid type: {unexpected(value, plain_float)}, expected a sequence\nin `scope`\n"
    for item in value:
        if problem := _scope_problem(item):
            return [], f"{_SCOPED}{problem}\nin `scope`\n"
    if any(item in value[:index] for index, item in enumerate(value)):
        return [], "duplicate scopes are not allowed in the same rule"
    return [dict(item) for item in value], None


def _scope_problem(item: Any) -> str | None:
    if isinstance(item, Mapping) and "tag_key" in item:
        if "tag_value" not in item:
            return "missing field `tag_value`\n"
        for key in ("tag_key", "tag_value"):
            if not isinstance(item[key], str):
                return f"invalid type: {unexpected(item[key], plain_float)}, expected a string\nin `{key}`\n"
        tag = item["tag_value"]
        if tag.startswith("tensorzero::") and tag not in ("tensorzero::each", "tensorzero::total"):
            rule = 'besides tensorzero::each and tensorzero::total may not start with "tensorzero::".'
            return f"Tag values in rate limiting scopes {rule}\nin `tag_value`\n"
        return None
    if isinstance(item, Mapping) and "api_key_public_id" in item:
        public_id = item["api_key_public_id"]
        if not isinstance(public_id, str):
            return f"invalid type: {unexpected(public_id, plain_float)}, expected a string\nin `api_key_public_id`\n"
        if public_id != "tensorzero::each" and len(public_id) != 12:
            rule = "must be 12 characters long. Check that this is a TensorZero API key public ID."
            return f"API key public ID `{public_id}` {rule}\nin `api_key_public_id`\n"
        return None
    return "data did not match any known scope structure"
