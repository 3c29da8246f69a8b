"""`[rate_limiting]` inside this process: token buckets that every thread and task shares.

Before each model inference an estimate is taken out of every bucket that applies, or out of none; afterwards it is corrected.
Amounts are whole: inferences, tokens, billionths of a dollar. Other processes have buckets of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorzero.gateway.errors import BadRequest, RateLimited
from tensorzero.gateway.functions.blocks import RequestMessage, Text, ToolCall, ToolResult
from tensorzero.gateway.values import ModelRequest, Usage

EACH, TOTAL = "tensorzero::each", "tensorzero::total"
API_KEY_TAG = "tensorzero::api_key_public_id"
NANO = 1_000_000_000
MANY_BUCKETS = 10_000
FILE_TOKENS = 10_000
"""What a file counts for in an estimate: nobody knows before it is read."""

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 30 * 86400}

Amounts = dict[str, int]
Scope = tuple[tuple[Mapping[str, str], str], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """One bucket's rule. `name` tells rules apart."""

    name: str
    resource: str
    capacity: int
    refill: int
    period_ns: int


@dataclass(slots=True)
class _Bucket:
    limit: Limit
    amount: int
    filled_ns: int

    def refill(self, now_ns: int) -> None:
        """Whole units only; the time that made no unit yet is kept."""
        limit = self.limit
        if limit.refill == 0:
            return
        units = (now_ns - self.filled_ns) * limit.refill // limit.period_ns
        if units > 0:
            self.amount = min(limit.capacity, self.amount + units)
            self.filled_ns += -(-units * limit.period_ns // limit.refill)


class Ticket:
    """What one model inference has taken. `settle` puts back what it did not need, or takes what it needed besides."""

    def __init__(self, limits: RateLimits, taken: Sequence[tuple[_Bucket, int]]) -> None:
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
        self._rules: Sequence[Mapping[str, Any]] = settings.get("rules", ())
        self._default_cost: int = settings.get("default_nano_cost", NANO)
        self._clock_ns = clock_ns
        self._lock = threading.RLock()  # a signal handler may call while the interrupted call holds it
        self._buckets: dict[tuple[Any, ...], _Bucket] = {}

    def take(self, request: ModelRequest, tags: Mapping[str, str]) -> Ticket | None:
        """Take what `request` may need. None where no rule applies.

        Raises `RateLimited`, then nothing is taken, and `BadRequest` for a call without `max_tokens` under a token rule.
        """
        applying = list(self._applying(tags))
        if not applying:
            return None
        wanted = self._estimate(request, {limit.resource for _, _, limits in applying for limit in limits})
        with self._lock:
            now_ns = self._clock_ns()
            taken: list[tuple[_Bucket, int]] = []
            refused: list[tuple[Limit, Scope, int, int]] = []
            for key, scope, limits in applying:
                for limit in limits:
                    bucket = self._bucket((*key, limit.name), limit, now_ns)
                    amount = wanted[limit.resource]
                    if bucket.amount < amount:
                        refused.append((limit, scope, amount, max(0, bucket.amount)))
                    taken.append((bucket, amount))
            if refused:
                raise RateLimited(_message(refused))
            for bucket, amount in taken:
                bucket.amount -= amount
        return Ticket(self, taken)

    def correct(self, differences: Sequence[tuple[_Bucket, int]]) -> None:
        with self._lock:
            for bucket, difference in differences:
                bucket.amount = min(bucket.limit.capacity, bucket.amount + difference)

    def _bucket(self, key: tuple[Any, ...], limit: Limit, now_ns: int) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MANY_BUCKETS:
                self._forget_full(now_ns)
            bucket = self._buckets[key] = _Bucket(limit, limit.capacity, now_ns)
        bucket.refill(now_ns)
        return bucket

    def _forget_full(self, now_ns: int) -> None:
        """A full bucket is as good as none."""
        for key, bucket in list(self._buckets.items()):
            bucket.refill(now_ns)
            if bucket.amount >= bucket.limit.capacity:
                del self._buckets[key]

    def _applying(self, tags: Mapping[str, str]) -> Iterator[tuple[tuple[Any, ...], Scope, list[Limit]]]:
        """Rules that always apply, and of the others that match those of the highest priority: bucket key, scope, limits."""
        matching: list[tuple[int | None, tuple[Any, ...], Scope, list[Limit]]] = []
        for number, rule in enumerate(self._rules):
            scope = _matched(rule["scope"], tags)
            if scope is not None:
                priority = None if rule["priority"] == "Always" else rule["priority"]["Priority"]
                apart = tuple(value for entry, value in scope if EACH in entry.values())
                matching.append((priority, (number, *apart), scope, _limits(rule["limits"])))
        highest = max((priority for priority, *_ in matching if priority is not None), default=None)
        for priority, key, scope, limits in matching:
            if priority is None or priority == highest:
                yield key, scope, limits

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


def _limits(limits: Sequence[Mapping[str, Any]]) -> list[Limit]:
    return [
        Limit(
            f"{number}:{limit['interval']}",
            limit["resource"],
            limit["capacity"],
            limit["refill_rate"],
            _SECONDS[limit["interval"]] * NANO,
        )
        for number, limit in enumerate(limits)
    ]


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
