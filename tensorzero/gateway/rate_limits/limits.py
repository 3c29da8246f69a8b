"""`[rate_limiting]` inside this process: token buckets that every thread and task shares.

Before each model inference an estimate is taken out of every bucket that applies, or out of none; afterwards it is corrected.
Amounts are whole: inferences, tokens, billionths of a dollar. Other processes have buckets of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tensorzero.gateway.errors import BadRequest, RateLimited
from tensorzero.gateway.rate_limits.buckets import Bucket, Buckets, Limit
from tensorzero.gateway.values import ModelRequest, Usage
from tensorzero.inputs.blocks import RequestMessage, Text, ToolCall, ToolResult

EACH, TOTAL = "tensorzero::each", "tensorzero::total"
API_KEY_TAG = "tensorzero::api_key_public_id"
NANO = 1_000_000_000
FILE_TOKENS = 10_000
"""What a file counts for in an estimate: nobody knows before it is read."""

_LONG = 100
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 30 * 86400}

Amounts = dict[str, int]
Scope = tuple[tuple[Mapping[str, str], str], ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """`priority` None: always."""

    scope: Sequence[Mapping[str, str]]
    priority: int | None
    limits: Sequence[Limit]


class Ticket:
    """What one model inference has taken. `settle` puts back what it did not need, or takes what it needed besides."""

    def __init__(self, limits: RateLimits, taken: Sequence[tuple[Bucket, int]]) -> None:
        self._limits = limits
        self._taken = taken

    def settle(self, usage: Usage) -> None:
        """Figures that are not known stay as estimated."""
        used = {"token": _sum(usage), "cost": None if usage.cost is None else round(usage.cost * NANO)}
        self._limits.correct([(b, n - real) for b, n in self._taken if (real := used.get(b.limit.resource)) is not None])


def _sum(usage: Usage) -> int | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return usage.input_tokens + usage.output_tokens


class RateLimits:
    """All buckets of a gateway. Thread-safe; nothing here waits."""

    def __init__(self, settings: Mapping[str, Any], clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._rules = [_rule(number, rule) for number, rule in enumerate(settings.get("rules", ()))]
        self._default_cost: int = settings.get("default_nano_cost", NANO)
        self._clock_ns = clock_ns
        self._lock = threading.RLock()  # a signal handler may call while the interrupted call holds it
        self._buckets = Buckets()

    def take(self, request: ModelRequest, tags: Mapping[str, str]) -> Ticket | None:
        """Take what `request` may need. None where no rule applies.

        Raises `RateLimited`, then nothing is taken, and `BadRequest` for a call without `max_tokens` under a token rule.
        """
        applying = self._applying(tags)
        if not applying:
            return None
        wanted = self._estimate(request, {limit.resource for rule, _, _ in applying for limit in rule.limits})
        with self._lock:
            now_ns = self._clock_ns()
            taken: list[tuple[Bucket, int]] = []
            refused: list[tuple[Limit, Scope, int, int]] = []
            for rule, scope, apart in applying:
                for limit in rule.limits:
                    bucket = self._buckets.at((limit.name, apart), limit, now_ns)
                    amount = wanted[limit.resource]
                    if bucket.amount < amount:
                        refused.append((limit, scope, amount, max(0, bucket.amount)))
                    taken.append((bucket, amount))
            if not refused:
                for bucket, amount in taken:
                    self._buckets.change(bucket, -amount)
        if refused:
            raise RateLimited(_message(refused))
        return Ticket(self, taken)

    def correct(self, differences: Sequence[tuple[Bucket, int]]) -> None:
        with self._lock:
            for bucket, difference in differences:
                self._buckets.change(bucket, difference)

    def _applying(self, tags: Mapping[str, str]) -> list[tuple[_Rule, Scope, tuple[str, ...]]]:
        """Rules that always apply, and of the others that match those of the highest priority, each with what sets its
        buckets apart from those of other calls."""
        matching: list[tuple[_Rule, Scope]] = []
        for rule in self._rules:
            scope = _matched(rule.scope, tags)
            if scope is not None:
                matching.append((rule, scope))
        highest = max((rule.priority for rule, _ in matching if rule.priority is not None), default=None)
        return [(rule, scope, _apart(scope)) for rule, scope in matching if rule.priority is None or rule.priority == highest]

    def _estimate(self, request: ModelRequest, resources: set[str]) -> Amounts:
        amounts = {"model_inference": 1, "cost": self._default_cost}
        if "token" in resources:
            most = request.params.get("max_tokens")
            if most is None:
                raise BadRequest(
                    "Missing `max_tokens` for request subject to rate limiting rules.",
                    hint="Set `max_tokens` in the variant, or in the call's `params.chat_completion`.",
                )
            amounts["token"] = _prompt_tokens(request.system, request.messages) + int(most)
        return amounts


def rate_limits(settings: Mapping[str, Any] | None) -> RateLimits | None:
    """The limits of a checked `[rate_limiting]` section; None where there are no rules or they are switched off."""
    if not settings or not settings.get("rules") or settings.get("enabled") is False:
        return None
    return RateLimits(settings)


def _rule(number: int, rule: Mapping[str, Any]) -> _Rule:
    priority = None if rule["priority"] == "Always" else rule["priority"]["Priority"]
    limits = [
        Limit(
            (number, place),
            limit["resource"],
            limit["capacity"],
            limit["refill_rate"],
            _SECONDS[limit["interval"]] * NANO,
        )
        for place, limit in enumerate(rule["limits"])
    ]
    return _Rule(rule["scope"], priority, limits)


def _apart(scope: Scope) -> tuple[str, ...]:
    """The call's own values where each value has a bucket. A long one counts by its digest, which takes less room."""
    values = (value for entry, value in scope if EACH in entry.values())
    return tuple(
        value if len(value) <= _LONG else sha256(value.encode("utf-8", "surrogatepass")).hexdigest() for value in values
    )


def _matched(scope: Sequence[Mapping[str, str]], tags: Mapping[str, str]) -> Scope | None:
    """Each entry with the value that the call has for it; None if one entry does not fit."""
    found: list[tuple[Mapping[str, str], str]] = []
    for entry in scope:
        wanted = entry["tag_value"] if "tag_key" in entry else entry["api_key_public_id"]
        value = tags.get(entry.get("tag_key", API_KEY_TAG))
        if value is None or wanted not in (EACH, TOTAL, value):
            return None
        found.append((entry, value))
    return tuple(found)


def _prompt_tokens(system: str | None, messages: Sequence[RequestMessage]) -> int:
    """A careful guess: two bytes a token."""
    size, files = len((system or "").encode("utf-8", "replace")), 0
    for message in messages:
        for block in message.content:
            match block:
                case Text():
                    text = block.text
                case ToolCall():
                    text = block.name + block.arguments
                case ToolResult():
                    text = block.name + block.result
                case _:
                    text, files = "", files + 1
            size += len(text.encode("utf-8", "replace"))
    return size // 2 + files * FILE_TOKENS


def _message(refused: Sequence[tuple[Limit, Scope, int, int]]) -> str:
    if len(refused) == 1:
        limit, scope, wanted, there = refused[0]
        start = f"TensorZero rate limit exceeded for `{limit.resource}` resource."
        return f"{start}\nScope: {_shown(scope)}\nRequested: {wanted}\nAvailable: {there}"
    listed = "\n".join(
        f"- Resource: `{limit.resource}`, Scope: {_shown(scope)}, Requested: {wanted}, Available: {there}"
        for limit, scope, wanted, there in refused
    )
    return f"TensorZero rate limits exceeded for {len(refused)} rules:\n{listed}"


def _shown(scope: Scope) -> str:
    if not scope:
        return "none (applies to every request)"
    return ", ".join(
        " ".join(f'{name}="{wanted}"' for name, wanted in entry.items())
        + (f' (matched: "{value}")' if value not in entry.values() else "")
        for entry, value in scope
    )
