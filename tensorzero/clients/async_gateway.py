# pyright: reportPrivateUsage=false
"""The asyncio client: spelled-out signatures over `calls`, each call a task."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from tensorzero.clients import calls
from tensorzero.clients.async_calling import AsyncCalling
from tensorzero.clients.async_optimization import AsyncOptimizationNamespace
from tensorzero.clients.construction import LAUNCH_OPTIMIZATION, RENDER_SAMPLES, WITHOUT_DATASET
from tensorzero.clients.keyword_calls import keyword_calls
from tensorzero.clients.native import make

if TYPE_CHECKING:
    import uuid_utils
    from typing_extensions import Unpack

    from tensorzero.clients.async_evaluations import AsyncEvaluationJobHandler
    from tensorzero.clients.async_streams import AsyncStreamWrapper
    from tensorzero.clients.inference_arguments import InferenceArguments
    from tensorzero.clients.optimization import OptimizationConfig, OptimizationJobHandle, OptimizationJobInfo
    from tensorzero.clients.received import RenderedSample
    from tensorzero.generated_types import (
        CreateDatapointRequest,
        CreateDatapointsFromInferenceRequestParams,
        CreateDatapointsResponse,
        Datapoint,
        DeleteDatapointsResponse,
        ExtraBody,
        ExtraHeader,
        GetDatapointsResponse,
        GetInferencesResponse,
        ListDatapointsRequest,
        ListInferencesRequest,
        StoredInference,
        UpdateDatapointMetadataRequest,
        UpdateDatapointRequest,
        UpdateDatapointsResponse,
    )
    from tensorzero.types import (
        FeedbackResponse,
        InferenceInput,
        InferenceResponse,
        ToolChoice,
        WorkflowEvaluationRunEpisodeResponse,
        WorkflowEvaluationRunResponse,
    )
    from tensorzero.util import UUID


@keyword_calls
class AsyncTensorZeroGateway(AsyncCalling):
    """The asyncio client: over HTTP or with the gateway in this process.

    Every method returns a task that already runs; wrong arguments raise at once, before any await. One client may be used
    from several event loops, one after another.
    """

    __slots__ = ()

    @overload
    def inference(
        self, *, stream: Literal[False] | None = None, **arguments: Unpack[InferenceArguments]
    ) -> asyncio.Task[InferenceResponse]: ...

    @overload
    def inference(
        self, *, stream: Literal[True], **arguments: Unpack[InferenceArguments]
    ) -> asyncio.Task[AsyncStreamWrapper]: ...

    @overload
    def inference(
        self, *, stream: bool | None, **arguments: Unpack[InferenceArguments]
    ) -> asyncio.Task[InferenceResponse | AsyncStreamWrapper]: ...

    def inference(
        self,
        *,
        input: InferenceInput | dict[str, Any],  # noqa: A002  # the public name
        function_name: str | None = None,
        model_name: str | None = None,
        episode_id: str | UUID | uuid_utils.UUID | None = None,
        namespace: str | None = None,
        stream: bool | None = None,
        params: dict[str, Any] | None = None,
        variant_name: str | None = None,
        dryrun: bool | None = None,
        output_schema: dict[str, Any] | None = None,
        allowed_tools: list[str] | None = None,
        additional_tools: list[dict[str, Any]] | None = None,
        provider_tools: list[Any] | None = None,
        tool_choice: ToolChoice | Literal["none"] | None = None,
        parallel_tool_calls: bool | None = None,
        internal: bool | None = None,
        tags: dict[str, str] | None = None,
        credentials: dict[str, str] | None = None,
        cache_options: dict[str, Any] | None = None,
        extra_body: list[ExtraBody | dict[str, Any]] | None = None,
        extra_headers: list[ExtraHeader | dict[str, Any]] | None = None,
        include_original_response: bool | None = None,
        include_raw_response: bool | None = None,
        include_raw_usage: bool | None = None,
        include_aggregated_response: bool | None = None,
        otlp_traces_extra_headers: dict[str, str] | None = None,
        otlp_traces_extra_attributes: dict[str, str] | None = None,
        otlp_traces_extra_resources: dict[str, str] | None = None,
        internal_dynamic_variant_config: dict[str, Any] | None = None,
        gateway_http_headers: dict[str, str] | None = None,
    ) -> asyncio.Task[InferenceResponse | AsyncStreamWrapper]:
        """One answer, or with `stream=True` an async iterator of its chunks.

        Exactly one of `function_name` and `model_name`. TypeError and ValueError for arguments of the wrong kind,
        `TensorZeroInternalError` for JSON of the wrong shape and for a gateway out of reach, `TensorZeroError` for what the
        gateway refuses or could not do.
        """
        return self._inference(locals())

    def _inference(self, arguments: Mapping[str, Any]) -> asyncio.Task[Any]:
        """`keyword_calls` comes straight here."""
        return self._infer(calls.inference(self._transport, arguments, self._http))

    def feedback(
        self,
        *,
        metric_name: str,
        value: Any,
        inference_id: str | UUID | uuid_utils.UUID | None = None,
        episode_id: str | UUID | uuid_utils.UUID | None = None,
        dryrun: bool | None = None,
        internal: bool | None = None,
        tags: dict[str, str] | None = None,
    ) -> asyncio.Task[FeedbackResponse]:
        """A value of a metric, a `comment` or a `demonstration`, on one inference or one episode."""
        return self._send(calls.feedback(metric_name, value, inference_id, episode_id, dryrun, internal, tags))

    def workflow_evaluation_run(
        self,
        *,
        variants: dict[str, str],
        tags: dict[str, str] | None = None,
        project_name: str | None = None,
        display_name: str | None = None,
    ) -> asyncio.Task[WorkflowEvaluationRunResponse]:
        """Begin a run whose episodes use the given variant of each function."""
        return self._send(calls.workflow_evaluation_run(variants, tags, project_name, display_name))

    def workflow_evaluation_run_episode(
        self,
        *,
        run_id: str | UUID | uuid_utils.UUID,
        task_name: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> asyncio.Task[WorkflowEvaluationRunEpisodeResponse]:
        """Begin one episode of a run; pass its id to `inference`."""
        return self._send(calls.workflow_evaluation_run_episode(run_id, task_name, tags))

    def create_datapoints(
        self,
        *,
        dataset_name: str,
        requests: Sequence[CreateDatapointRequest],
    ) -> asyncio.Task[CreateDatapointsResponse]:
        """Add datapoints; the dataset is made with its first one."""
        return self._send(calls.create_datapoints(dataset_name, requests))

    def update_datapoints(
        self,
        *,
        dataset_name: str,
        requests: Sequence[UpdateDatapointRequest],
    ) -> asyncio.Task[UpdateDatapointsResponse]:
        """Change datapoints: what is left out stays, None clears. Each gets a new id."""
        return self._send(calls.update_datapoints(dataset_name, requests))

    def get_datapoints(
        self,
        *,
        ids: Sequence[str | UUID],
        dataset_name: str | None = None,
    ) -> asyncio.Task[GetDatapointsResponse]:
        """Datapoints by id. Without a dataset: deprecated."""
        if dataset_name is None:
            warnings.warn(WITHOUT_DATASET, DeprecationWarning, stacklevel=3)
        return self._send(calls.get_datapoints(ids, dataset_name))

    def update_datapoints_metadata(
        self,
        *,
        dataset_name: str,
        requests: Sequence[UpdateDatapointMetadataRequest],
    ) -> asyncio.Task[UpdateDatapointsResponse]:
        """Change names of datapoints; ids stay."""
        return self._send(calls.update_datapoints_metadata(dataset_name, requests))

    def delete_datapoints(
        self,
        *,
        dataset_name: str,
        ids: Sequence[str | UUID],
    ) -> asyncio.Task[DeleteDatapointsResponse]:
        """Delete datapoints by id."""
        return self._send(calls.delete_datapoints(dataset_name, ids))

    def delete_dataset(
        self,
        *,
        dataset_name: str,
    ) -> asyncio.Task[DeleteDatapointsResponse]:
        """Delete every datapoint of a dataset."""
        return self._send(calls.delete_dataset(dataset_name))

    def create_datapoints_from_inferences(
        self,
        *,
        dataset_name: str,
        params: CreateDatapointsFromInferenceRequestParams,
        output_source: Literal["none", "inference", "demonstration"] | None = None,
    ) -> asyncio.Task[CreateDatapointsResponse]:
        """Add stored inferences to a dataset. `output_source`, if given, is written onto `params`."""
        return self._send(calls.create_datapoints_from_inferences(dataset_name, params, output_source))

    def list_datapoints(
        self,
        *,
        dataset_name: str,
        request: ListDatapointsRequest,
    ) -> asyncio.Task[GetDatapointsResponse]:
        """Datapoints of a dataset: filtered, ordered, a page."""
        return self._send(calls.list_datapoints(dataset_name, request))

    def get_inferences(
        self,
        *,
        ids: Sequence[str | UUID | uuid_utils.UUID],
        function_name: str | None = None,
        output_source: str = "inference",
    ) -> asyncio.Task[GetInferencesResponse]:
        """Stored inferences by id; faster with their function's name."""
        return self._send(calls.get_inferences(ids, function_name, output_source))

    def list_inferences(
        self,
        *,
        request: ListInferencesRequest,
    ) -> asyncio.Task[GetInferencesResponse]:
        """Stored inferences: filtered, ordered, a page."""
        return self._send(calls.list_inferences(request))

    def experimental_run_evaluation(
        self,
        *,
        evaluation_name: str | None = None,
        function_name: str | None = None,
        evaluator_names: list[str] | None = None,
        dataset_name: str | None = None,
        datapoint_ids: list[str] | None = None,
        variant_name: str | None = None,
        concurrency: int = 1,
        inference_cache: str = "on",
        internal_dynamic_variant_config: dict[str, Any] | None = None,
        max_datapoints: int | None = None,
        adaptive_stopping: dict[str, dict[str, float]] | None = None,
    ) -> asyncio.Task[AsyncEvaluationJobHandler]:
        """Run a variant over a dataset and judge each answer; iterate the handler for results."""
        return self._evaluate(
            calls.run_evaluation(
                evaluation_name,
                function_name,
                evaluator_names,
                dataset_name,
                datapoint_ids,
                variant_name,
                concurrency,
                inference_cache,
                internal_dynamic_variant_config,
                max_datapoints,
                adaptive_stopping,
            )
        )

    def experimental_render_samples(
        self,
        *,
        stored_samples: Sequence[StoredInference | Datapoint],
        variants: dict[str, str],
        concurrency: int | None = None,
    ) -> asyncio.Task[list[RenderedSample]]:
        """Deprecated: stored inferences or datapoints with a variant's templates filled in."""
        warnings.warn(RENDER_SAMPLES, DeprecationWarning, stacklevel=3)
        call = calls.render_samples(stored_samples, variants, concurrency)
        self._embedded_only("render_samples")
        return self._send(call)

    def experimental_launch_optimization(
        self,
        *,
        train_samples: list[RenderedSample],
        val_samples: list[RenderedSample] | None = None,
        optimization_config: OptimizationConfig | dict[str, Any],
    ) -> asyncio.Task[OptimizationJobHandle]:
        """Deprecated: start an optimization from rendered samples."""
        warnings.warn(LAUNCH_OPTIMIZATION, DeprecationWarning, stacklevel=3)
        call = calls.launch_optimization(train_samples, val_samples, optimization_config)
        self._launches_here()
        return self._send(call)

    def experimental_launch_optimization_workflow(
        self,
        *,
        function_name: str,
        template_variant_name: str,
        optimizer_config: OptimizationConfig | dict[str, Any],
        output_source: str | None = None,
        dataset_name: str | None = None,
        query_variant_name: str | None = None,
        filters: dict[str, Any] | None = None,
        order_by: list[dict[str, Any]] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        val_fraction: float | None = None,
    ) -> asyncio.Task[OptimizationJobHandle]:
        """Start an optimization from stored inferences or a dataset."""
        return self._send(
            calls.launch_optimization_workflow(
                function_name,
                template_variant_name,
                optimizer_config,
                output_source,
                dataset_name,
                query_variant_name,
                filters,
                order_by,
                limit,
                offset,
                val_fraction,
            )
        )

    def experimental_poll_optimization(
        self,
        *,
        job_handle: OptimizationJobHandle,
    ) -> asyncio.Task[OptimizationJobInfo]:
        """How far an optimization is."""
        return self._send(calls.poll_optimization(job_handle))

    @property
    def optimization(self) -> AsyncOptimizationNamespace:
        """What optimizes over HTTP: `client.optimization.gepa`."""
        namespace = make(AsyncOptimizationNamespace)
        namespace._client = self
        return namespace
