"""The files of a call that is recorded go to the store before its rows are written."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from tensorzero.gateway.call import InferenceCall

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

T = TypeVar("T")


async def store_files(gateway: Gateway, call: InferenceCall) -> None:
    """Does nothing for a call without files, or the second time."""
    files = call.files
    if files is not None and gateway.records and not call.dryrun:
        await files.store(call.runtime, call.deadline)


async def while_storing_files(gateway: Gateway, call: InferenceCall, answering: Coroutine[Any, Any, T]) -> T:
    """What `answering` returns. Files that a provider fetches itself are fetched here meanwhile."""
    files = call.files
    passed_on = [] if files is None or call.dryrun or not gateway.records else files.passed_on()
    if files is None or not passed_on:
        result = await answering
    else:
        result, _ = await call.runtime.gather(_any(answering), _any(files.fetch(passed_on, call.runtime, call.deadline)))
        if isinstance(result, Exception):
            raise result
    await store_files(gateway, call)
    return result


async def _any(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine
