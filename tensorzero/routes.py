"""The HTTP API as one list of routes: a client formats a route, a gateway in this process looks it up, a server matches it.

A `Route` says where something is asked, not what answers: `tensorzero.gateway.routes` joins each to its endpoint. Imports
nothing else of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

_PARAMETER = re.compile(r"\{(\w+)\}")
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """`template` is a path whose parameters stand in braces: `/v1/datasets/{dataset_name}/datapoints`.

    `streams`: "never", "always", or "asked" where the body's `stream` decides.
    """

    name: str
    method: str
    template: str
    streams: str = "never"
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if "{" in self.template:
            pieces = _PARAMETER.split(self.template)
            pattern = "".join(f"(?P<{piece}>[^/]+)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
            object.__setattr__(self, "_pattern", re.compile(pattern))

    def path(self, parameters: Mapping[str, str] = _NOTHING) -> str:
        """The path with its parameters percent-encoded. Raises KeyError for one that is missing."""
        if self._pattern is None:
            return self.template
        return _PARAMETER.sub(lambda found: quote(parameters[found[1]], safe=""), self.template)

    def match(self, path: str) -> dict[str, str] | None:
        """The decoded parameters of a path, still percent-encoded itself; None for a path of another route."""
        if self._pattern is None:
            return {} if path == self.template else None
        found = self._pattern.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


class MethodNotAllowed(Exception):
    """The path is known under other methods: `allowed`, sorted."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = tuple(allowed)


def match(method: str, path: str, routes: Sequence[Route] | None = None) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and the parameters of its path, which comes without query; None where no route has the path.

    A path without parameters goes before one with them. Raises `MethodNotAllowed`.
    """
    fitting: list[tuple[Route, dict[str, str]]] = []
    for one in ROUTES if routes is None else routes:
        parameters = one.match(path)
        if parameters is not None:
            fitting.append((one, parameters))
    fitting.sort(key=lambda pair: len(pair[1]))
    for pair in fitting:
        if pair[0].method == method:
            return pair
    if fitting:
        raise MethodNotAllowed(sorted({one.method for one, _ in fitting}))
    return None


_listing: list[Route] = []


def _listed(name: str, method: str, template: str, streams: str = "never") -> Route:
    _listing.append(Route(name, method, template, streams))
    return _listing[-1]


INFERENCE = _listed("inference", "POST", "/inference", "asked")
FEEDBACK = _listed("feedback", "POST", "/feedback")
EMBEDDINGS = _listed("embeddings", "POST", "/openai/v1/embeddings")
CONFIG = _listed("config", "GET", "/experimental_get_config")
WORKFLOW_EVALUATION_RUN = _listed("workflow_evaluation_run", "POST", "/workflow_evaluation_run")
WORKFLOW_EVALUATION_EPISODE = _listed("workflow_evaluation_episode", "POST", "/workflow_evaluation_run/{run_id}/episode")
CREATE_DATAPOINTS = _listed("create_datapoints", "POST", "/v1/datasets/{dataset_name}/datapoints")
UPDATE_DATAPOINTS = _listed("update_datapoints", "PATCH", "/v1/datasets/{dataset_name}/datapoints")
DELETE_DATAPOINTS = _listed("delete_datapoints", "DELETE", "/v1/datasets/{dataset_name}/datapoints")
UPDATE_DATAPOINTS_METADATA = _listed("update_datapoints_metadata", "PATCH", "/v1/datasets/{dataset_name}/datapoints/metadata")
CREATE_DATAPOINTS_FROM_INFERENCES = _listed(
    "create_datapoints_from_inferences", "POST", "/v1/datasets/{dataset_name}/from_inferences"
)
LIST_DATAPOINTS = _listed("list_datapoints", "POST", "/v1/datasets/{dataset_name}/list_datapoints")
GET_DATAPOINTS = _listed("get_datapoints", "POST", "/v1/datasets/{dataset_name}/get_datapoints")
GET_DATAPOINTS_OF_ANY = _listed("get_datapoints_of_any", "POST", "/v1/datasets/get_datapoints")
DELETE_DATASET = _listed("delete_dataset", "DELETE", "/v1/datasets/{dataset_name}")
GET_INFERENCES = _listed("get_inferences", "POST", "/v1/inferences/get_inferences")
LIST_INFERENCES = _listed("list_inferences", "POST", "/v1/inferences/list_inferences")
RENDER_SAMPLES = _listed("render_samples", "POST", "/experimental_render_samples")
LAUNCH_OPTIMIZATION = _listed("launch_optimization", "POST", "/experimental_optimization")
LAUNCH_OPTIMIZATION_WORKFLOW = _listed("launch_optimization_workflow", "POST", "/experimental_optimization_workflow")
POLL_OPTIMIZATION = _listed("poll_optimization", "GET", "/experimental_optimization/{job_handle}")
LAUNCH_GEPA = _listed("launch_gepa", "POST", "/v1/optimization/gepa")
GET_GEPA = _listed("get_gepa", "GET", "/v1/optimization/gepa/{task_id}")
RUN_EVALUATION = _listed("run_evaluation", "POST", "/internal/evaluations/run", "always")

ROUTES = tuple(_listing)
"""Every route that a client of ours asks."""
