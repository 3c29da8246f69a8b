"""Failures on the way to an answer, as the exceptions that callers see."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from tensorzero.masking.chain import worded
from tensorzero.types import TensorZeroError, TensorZeroInternalError

E = TypeVar("E", bound=Exception)


def with_hint(error: E, hint: str | None) -> E:
    """The same error, its next step as `.hint` and, from Python 3.11 on, as a note below the message."""
    if hint:
        hinted: Any = error
        hinted.hint = worded(hint)
        if hasattr(hinted, "add_note"):
            hinted.add_note(hinted.hint)
    return error


def refused(error: E) -> E:
    """The refusal of an argument, with the next step where its words do not say it."""
    from tensorzero.clients.argument_hints import argument_hint

    return with_hint(error, argument_hint(str(error)))


def not_constructed(error: Exception) -> NoReturn:
    """A gateway that could not be built: every message of the cause, and its hint. Other exceptions pass unchanged."""
    if not hasattr(error, "hint"):
        raise error
    message = f"Failed to construct TensorZero client: {error}"
    raise with_hint(TensorZeroInternalError(message), getattr(error, "hint", None)) from error


def timed_out() -> TensorZeroInternalError:
    return TensorZeroInternalError("HTTP Error: request timed out")


def unread(path: str, error: Exception) -> TensorZeroInternalError:
    """An answer that is JSON, but not the one that was asked for."""
    if path == "/inference":
        return undecodable("data did not match any variant of untagged enum InferenceResponse")
    return undecodable(f"missing field `{error.args[0]}`" if isinstance(error, KeyError) else repr(error))


def unread_chunk() -> TensorZeroError:
    """The like in a stream, which ends with it."""
    reason = "data did not match any variant of untagged enum InferenceResponseChunk"
    return TensorZeroError(500, f'{{"error":"Error deserializing json value as InferenceResponseChunk: {reason}"}}')


def undecodable(reason: object) -> TensorZeroInternalError:
    return TensorZeroInternalError(f"Internal TensorZero Error: Error deserializing response: {reason}")
