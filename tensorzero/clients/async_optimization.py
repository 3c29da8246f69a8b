# pyright: reportPrivateUsage=false
"""`client.optimization` of the asyncio client."""

from __future__ import annotations

import asyncio
from typing import Any

from tensorzero.clients import calls
from tensorzero.clients.async_calling import AsyncCalling
from tensorzero.clients.native import Received, make
from tensorzero.clients.optimization import GepaLaunchResponse


class AsyncGepaNamespace(Received):
    """`client.optimization.gepa`: needs a gateway over HTTP."""

    __slots__ = ("_client",)
    _client: AsyncCalling

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
    _client: AsyncCalling

    @property
    def gepa(self) -> AsyncGepaNamespace:
        namespace = make(AsyncGepaNamespace)
        namespace._client = self._client
        return namespace
