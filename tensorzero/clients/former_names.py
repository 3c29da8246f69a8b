"""Names that earlier releases had: still there, with a DeprecationWarning that names today's."""

from __future__ import annotations

import warnings
from typing import Any

_TOP_LEVEL = {
    "DynamicEvaluationRunResponse": "WorkflowEvaluationRunResponse",
    "DynamicEvaluationRunEpisodeResponse": "WorkflowEvaluationRunEpisodeResponse",
    "ChatInferenceDatapointInput": "ChatDatapointInsert",
    "JsonInferenceDatapointInput": "JsonDatapointInsert",
    "ChatDatapoint": "generated_types.DatapointChat",
    "JsonDatapoint": "generated_types.DatapointJson",
    "Datapoint": "generated_types.Datapoint",
    "DiclConfig": "DICLConfig",
    "DiclOptimizationConfig": "DICLOptimizationConfig",
    "ProviderExtraBody": "ModelProviderExtraBody",
    "ProviderExtraBodyDelete": "ModelProviderExtraBodyDelete",
    "ProviderExtraHeader": "ModelProviderExtraHeader",
    "ProviderExtraHeaderDelete": "ModelProviderExtraHeaderDelete",
    "AndFilter": "InferenceFilterAnd",
    "OrFilter": "InferenceFilterOr",
    "NotFilter": "InferenceFilterNot",
    "FloatMetricFilter": "InferenceFilterFloatMetric",
    "BooleanMetricFilter": "InferenceFilterBooleanMetric",
    "TagFilter": "InferenceFilterTag",
    "TimeFilter": "InferenceFilterTime",
}


def lookup(name: str, package: Any) -> Any:
    """What `tensorzero.<name>` was; `package` is that module. AttributeError for what never was."""
    today = _TOP_LEVEL.get(name)
    if today is None:
        raise AttributeError(f"module 'tensorzero' has no attribute '{name}'")
    warnings.warn(f"`tensorzero.{name}` is now `tensorzero.{today}`.", DeprecationWarning, stacklevel=3)
    found = package
    for part in today.split("."):
        found = getattr(found, part)
    return found


class FormerMethods:
    """Methods of earlier releases, for both clients."""

    __slots__ = ()

    def dynamic_evaluation_run(
        self,
        *,
        variants: dict[str, str],
        tags: dict[str, str] | None = None,
        project_name: str | None = None,
        display_name: str | None = None,
    ) -> Any:
        """Now `workflow_evaluation_run`."""
        _warn("dynamic_evaluation_run", "workflow_evaluation_run")
        client: Any = self
        return client.workflow_evaluation_run(
            variants=variants, tags=tags, project_name=project_name, display_name=display_name
        )

    def dynamic_evaluation_run_episode(
        self, *, run_id: Any, task_name: str | None = None, tags: dict[str, str] | None = None
    ) -> Any:
        """Now `workflow_evaluation_run_episode`."""
        _warn("dynamic_evaluation_run_episode", "workflow_evaluation_run_episode")
        client: Any = self
        return client.workflow_evaluation_run_episode(run_id=run_id, task_name=task_name, tags=tags)

    def bulk_insert_datapoints(self, *, dataset_name: str, datapoints: Any) -> Any:
        """Now `create_datapoints(requests=…)`."""
        _warn("bulk_insert_datapoints", "create_datapoints")
        client: Any = self
        return client.create_datapoints(dataset_name=dataset_name, requests=datapoints)


def _warn(name: str, today: str) -> None:
    warnings.warn(f"`{name}` is now `{today}`.", DeprecationWarning, stacklevel=3)
