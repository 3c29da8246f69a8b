"""A public method as data, and the two ways to carry it out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tensorzero.masking.reprs import discreet
from tensorzero.routes import Route
from tensorzero.runtime.runtime import Runtime


@discreet("headers")
@dataclass(slots=True)
class Call:
    """One call of the HTTP API; nobody changes it.

    `body` is JSON-able; `read` makes what the caller gets of the decoded reply or of one chunk; `parameters` are those of
    the route's path.
    """

    route: Route
    body: Mapping[str, Any] | None
    read: Callable[[Any], Any]
    stream: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.route.path(self.parameters)


class Transport(Protocol):
    """Over the wire or into a gateway in this process.

    Failures of the operation are `TensorZeroError`, those of the way there `TensorZeroInternalError`.
    """

    def encode_body(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body of an inference as it goes this way; later changes to the caller's objects do not reach it.

        TypeError and `TensorZeroInternalError` for an input that is not one.
        """
        ...

    async def send(self, call: Call, runtime: Runtime) -> Any:
        """The decoded reply."""
        ...

    async def stream(self, call: Call, runtime: Runtime) -> AsyncIterator[list[Any]]:
        """Batches of decoded chunks, as they arrived; an item may be an exception, to be raised at its turn.

        Returns when the first batch is there; an error before that raises here.
        """
        ...

    def close(self) -> None:
        """Flush what is waiting. The transport stays usable."""
        ...
