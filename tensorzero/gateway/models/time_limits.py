"""Time limits of a configuration as deadlines, and whose a deadline was."""

from __future__ import annotations

from tensorzero.gateway.errors import GatewayError, TimedOut
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded


def timeout_deadline(name: str, key: str, limit_ms: int | None) -> Deadline | None:
    """A deadline whose error reads like ``Model m timed out due to configured `streaming.ttft_ms` timeout (2s)``."""
    if limit_ms is None:
        return None
    return Deadline.after(
        limit_ms / 1000, lambda: TimedOut(f"{name} timed out due to configured `{key}` timeout ({duration(limit_ms)})")
    )


def duration(limit_ms: int) -> str:
    """As the original prints one: `0ns`, `200ms`, `1.5s`."""
    if limit_ms == 0:
        return "0ns"
    if limit_ms < 1000:
        return f"{limit_ms}ms"
    return f"{limit_ms // 1000}.{limit_ms % 1000:03}".rstrip("0").rstrip(".") + "s"


def owned(passed: DeadlineExceeded, *own: Deadline | None) -> Exception:
    """What to raise where `passed` was caught: the error of one's own deadline, with what was tried until then; another's
    deadline goes on to its owner."""
    if not any(passed.deadline is one for one in own):
        return passed
    error = passed.deadline.error()
    return error.after(passed.attempts) if isinstance(error, GatewayError) else error
