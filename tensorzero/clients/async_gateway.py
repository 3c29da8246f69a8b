# pyright: reportPrivateUsage=false
"""The asyncio client: spelled-out signatures over `calls`, each call a task."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from tensorzero.clients import arguments, calls
from tensorzero.clients.async_streams import AsyncStreamWrapper
from tensorzero.clients.construction import (
    LAUNCH_OPTIMIZATION,
    RENDER_SAMPLES,
    WITHOUT_DATASET,
    BaseTensorZeroGateway,
    embedded_arguments,
    embedded_transport,
    http_transport,
)
from tensorzero.clients.evaluations import AsyncEvaluationJobHandler
from tensorzero.clients.failures import unread
from tensorzero.clients.inference_body import inference_body
from tensorzero.clients.keyword_calls import keyword_calls
from tensorzero.clients.native import Received, make
from tensorzero.clients.optimization import (
    GepaLaunchResponse,
    OptimizationConfig,
    OptimizationJobHandle,
    OptimizationJobInfo,
)
from tensorzero.clients.received import RenderedSample
from tensorzero.clients.transport import Call, Transport
from tensorzero.faces.running_loop import running_loop

if TYPE_CHECKING:
    import uuid_utils

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
class AsyncTensorZeroGateway(BaseTensorZeroGateway):
    """The asyncio client: over HTTP or with the gateway in this process.

    Every method returns a task that already runs; wrong arguments raise at once, before any await. One client may be used
    from several event loops, one after another.
    """

    __slots__ = ()

    @classmethod
    def build_http(
        cls,
        *,
        gateway_url: str,
        timeout: float | None = None,
        verbose_errors: bool = False,
        async_setup: bool = True,
        api_key: str | None = None,
    ) -> asyncio.Future[AsyncTensorZeroGateway] | AsyncTensorZeroGateway:
        """A client of a gateway elsewhere; connects with the first call.

        `timeout` in seconds bounds each call. `verbose_errors` adds the causes to transport errors. `api_key` defaults to
        `TENSORZERO_API_KEY`. ValueError for a URL or a timeout that is none. To be awaited, but for `async_setup=False`.
        """
        transport = http_transport(gateway_url, timeout, verbose_errors, api_key)
        if not arguments.switch("async_setup", async_setup):
            return cls._of(transport, http=True)
        built: asyncio.Future[AsyncTensorZeroGateway] = running_loop().create_future()
        built.set_result(cls._of(transport, http=True))
        return built

    @classmethod
    def build_embedded(
        cls,
        *,
        config_file: str | None = None,
        clickhouse_url: str | None = None,
        postgres_url: str | None = None,
        valkey_url: str | None = None,
        timeout: float | None = None,
        async_setup: bool = True,
    ) -> asyncio.Future[AsyncTensorZeroGateway] | AsyncTensorZeroGateway:
        """A client with its gateway in this process.

        `config_file`: a TOML file or a glob of them; without one, a UserWarning and only the default function.
        `clickhouse_url` defaults to `TENSORZERO_CLICKHOUSE_URL`; without one, nothing is stored. `timeout` in seconds bounds
        each call. `TensorZeroInternalError` with every mistake of the configuration. To be awaited, but for
        `async_setup=False`, which blocks.
        """
        loop = running_loop() if arguments.switch("async_setup", async_setup) else None
        given = embedded_arguments(config_file, clickhouse_url, postgres_url, valkey_url, timeout)
        if loop is None:
            return cls._of(embedded_transport(*given), http=False)
        return loop.create_task(cls._build_elsewhere(*given))

    @classmethod
    async def _build_elsewhere(cls, *given: Any) -> AsyncTensorZeroGateway:
        from tensorzero.faces.nonblocking import AsyncFace

        return cls._of(await AsyncFace().blocking(embedded_transport, *given), http=False)

    @classmethod
    def _of(cls, transport: Transport, *, http: bool) -> AsyncTensorZeroGateway:
        from tensorzero.faces.nonblocking import AsyncFace

        client = make(cls)
        client._transport, client._face, client._http = transport, AsyncFace(), http
        return client

    async def __aenter__(self) -> AsyncTensorZeroGateway:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> tuple[()]:
        return await self.close()

    async def close(self) -> tuple[()]:
        """Write out what waits and drop idle connections. The client stays usable. The result is `()`, as the original's."""
        if not self._http:
            await self._face.blocking(self._transport.close)
        self._face.http.close()
        return ()

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
        return self._infer(
            calls.inference(
                self._transport,
                inference_body(
                    input,
                    function_name,
                    model_name,
                    episode_id,
                    namespace,
                    stream,
                    params,
                    variant_name,
                    dryrun,
                    output_schema,
                    allowed_tools,
                    additional_tools,
                    provider_tools,
                    tool_choice,
                    parallel_tool_calls,
                    internal,
                    tags,
                    credentials,
                    cache_options,
                    extra_body,
                    extra_headers,
                    include_original_response,
                    include_raw_response,
                    include_raw_usage,
                    include_aggregated_response,
                    internal_dynamic_variant_config,
                ),
                self._http,
                otlp_traces_extra_headers,
                otlp_traces_extra_attributes,
                otlp_traces_extra_resources,
                gateway_http_headers,
            )
        )

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
        namespace = make(AsyncOptimizationNamespace)
        namespace._client = self
        return namespace

    def _send(self, call: Call) -> asyncio.Task[Any]:
        return _running(self._answer, call)

    def _infer(self, call: Call) -> asyncio.Task[Any]:
        return _running(self._stream if call.stream else self._answer, call)

    def _evaluate(self, call: Call) -> asyncio.Task[AsyncEvaluationJobHandler]:
        return _running(self._handler, call)

    async def _answer(self, call: Call) -> Any:
        reply = await self._transport.send(call, self._face)
        try:
            return call.read(reply)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise unread(call.path, error) from error

    async def _stream(self, call: Call) -> AsyncStreamWrapper:
        return AsyncStreamWrapper(self, await self._transport.stream(call, self._face), call.read)

    async def _handler(self, call: Call) -> AsyncEvaluationJobHandler:
        return await AsyncEvaluationJobHandler.begin(self, await self._transport.stream(call, self._face))


def _running(method: Callable[[Call], Coroutine[Any, Any, Any]], call: Call) -> asyncio.Task[Any]:
    """A task of the running loop; from Python 3.12 on it begins at once, which saves a turn of the loop."""
    loop = running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(method(call), loop=loop, eager_start=True)
    return loop.create_task(method(call))


class AsyncGepaNamespace(Received):
    """`client.optimization.gepa`: needs a gateway over HTTP."""

    __slots__ = ("_client",)
    _client: AsyncTensorZeroGateway

    def launch(
        self,
        *,
        function_name: str,
        analysis_model: str,
        mutation_model: str,
        max_iterations: int,
        dataset_name: str | None = None,
        train_dataset_name: str | None = None,
        val_dataset_name: str | None = None,
        evaluation_name: str | None = None,
        evaluators: list[str] | None = None,
        initial_variants: list[str] | None = None,
        variant_prefix: str | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
        include_inference_for_mutation: bool | None = None,
        max_concurrency: int | None = None,
        max_datapoints: int | None = None,
    ) -> asyncio.Task[GepaLaunchResponse]:
        """Start a GEPA optimization; its task id is for `get`."""
        self._client._gepa_needs_http()
        return self._client._send(
            calls.gepa_launch(
                function_name=function_name,
                analysis_model=analysis_model,
                mutation_model=mutation_model,
                max_iterations=max_iterations,
                dataset_name=dataset_name,
                train_dataset_name=train_dataset_name,
                val_dataset_name=val_dataset_name,
                evaluation_name=evaluation_name,
                evaluators=evaluators,
                initial_variants=initial_variants,
                variant_prefix=variant_prefix,
                batch_size=batch_size,
                seed=seed,
                include_inference_for_mutation=include_inference_for_mutation,
                max_concurrency=max_concurrency,
                max_datapoints=max_datapoints,
            )
        )

    def get(self, *, task_id: str) -> asyncio.Task[dict[str, Any]]:
        """How far the task is."""
        self._client._gepa_needs_http()
        return self._client._send(calls.gepa_get(task_id))


class AsyncOptimizationNamespace(Received):
    """`client.optimization`"""

    __slots__ = ("_client",)
    _client: AsyncTensorZeroGateway

    @property
    def gepa(self) -> AsyncGepaNamespace:
        namespace = make(AsyncGepaNamespace)
        namespace._client = self._client
        return namespace
