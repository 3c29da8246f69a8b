"""Token buckets that are made when they are first drawn from and forgotten when they are full again.

Each call costs what its own buckets cost, however many others there are, and there are never more than `MOST_BUCKETS`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MOST_BUCKETS = 100_000
"""About 50 MB. Past it the bucket that has not been drawn from for longest is forgotten, though it is not full."""
_LOOKED_AT = 2
"""Old buckets that are looked at for each new one: more than come, so that full ones do not pile up."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One bucket's rule. `name` tells rules apart."""

    name: Hashable
    resource: str
    capacity: int
    refill: int
    period_ns: int


@dataclass(slots=True)
class Bucket:
    key: Hashable
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


class Buckets:
    """Buckets by key. Not thread-safe, but a signal handler may call in between."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()  # the longest unused first

    def __len__(self) -> int:
        return len(self._buckets)

    def at(self, key: Hashable, limit: Limit, now_ns: int) -> Bucket:
        """The bucket, filled up to now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now_ns)
            bucket = self._buckets.setdefault(key, Bucket(key, limit, limit.capacity, now_ns))
        else:
            self._to_the_end(key)
        bucket.refill(now_ns)
        return bucket

    def change(self, bucket: Bucket, difference: int) -> None:
        """Put back, or take more, which may leave a debt. A bucket that was forgotten meanwhile is remembered again."""
        bucket = self._buckets.setdefault(bucket.key, bucket)
        bucket.amount = min(bucket.limit.capacity, bucket.amount + difference)

    def _make_room(self, now_ns: int) -> None:
        for _ in range(_LOOKED_AT):
            key = next(iter(self._buckets), None)
            bucket = self._buckets.get(key)
            if bucket is None:
                return
            bucket.refill(now_ns)
            if bucket.amount >= bucket.limit.capacity or len(self._buckets) >= MOST_BUCKETS:  # full is as good as none
                self._buckets.pop(key, None)
            else:
                self._to_the_end(key)

    def _to_the_end(self, key: Hashable) -> None:
        try:
            self._buckets.move_to_end(key)
        except KeyError:  # a signal handler's call has forgotten it
            return
