"""One request to the gateway, from a client in this process or from a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorzero.masking.reprs import discreet
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime


@discreet("body", "headers")
@dataclass(slots=True)
class Request:
    """What an endpoint is given; nobody changes it.

    `body`: the JSON object, empty where there is none; of an inference from a client in this process its `input` is read
    already. `parameters`: those of the path, decoded. `deadline`: by when the caller wants the answer.
    """

    body: Mapping[str, Any]
    runtime: Runtime
    deadline: Deadline | None = None
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
