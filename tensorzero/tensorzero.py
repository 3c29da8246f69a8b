"""The original's native module, as an import path: clients, configuration and optimization objects, handlers."""

from __future__ import annotations

from tensorzero.client import AsyncTensorZeroGateway, BaseTensorZeroGateway, TensorZeroGateway
from tensorzero.clients.async_evaluations import AsyncEvaluationJobHandler
from tensorzero.clients.config_views import (
    BestOfNSamplingConfig,
    ChainOfThoughtConfig,
    ChatCompletionConfig,
    Config,
    DICLConfig,
    FunctionConfigChat,
    FunctionConfigJson,
    FunctionsConfig,
    MixtureOfNConfig,
    VariantsConfig,
)
from tensorzero.clients.openai_patch import (
    LocalHttpGateway,
    _start_http_gateway,  # pyright: ignore[reportPrivateUsage]  # its public name
)
from tensorzero.clients.optimization import (
    DICLOptimizationConfig,
    FireworksSFTConfig,
    GCPVertexGeminiSFTConfig,
    GEPAConfig,
    GepaEvaluatorStats,
    GepaLaunchResponse,
    GepaProgress,
    OpenAIRFTConfig,
    OpenAISFTConfig,
    OptimizationJobHandle,
    OptimizationJobInfo,
    OptimizationJobStatus,
    TogetherSFTConfig,
)
from tensorzero.clients.received import (
    RenderedSample,
    ResolvedInput,
    ResolvedInputMessage,
)
from tensorzero.clients.sync_evaluations import EvaluationJobHandler

__all__ = [
    "AsyncEvaluationJobHandler",
    "AsyncTensorZeroGateway",
    "BaseTensorZeroGateway",
    "BestOfNSamplingConfig",
    "ChainOfThoughtConfig",
    "ChatCompletionConfig",
    "Config",
    "DICLConfig",
    "DICLOptimizationConfig",
    "EvaluationJobHandler",
    "FireworksSFTConfig",
    "FunctionConfigChat",
    "FunctionConfigJson",
    "FunctionsConfig",
    "GCPVertexGeminiSFTConfig",
    "GEPAConfig",
    "GepaEvaluatorStats",
    "GepaLaunchResponse",
    "GepaProgress",
    "LocalHttpGateway",
    "MixtureOfNConfig",
    "OpenAIRFTConfig",
    "OpenAISFTConfig",
    "OptimizationJobHandle",
    "OptimizationJobInfo",
    "OptimizationJobStatus",
    "RenderedSample",
    "ResolvedInput",
    "ResolvedInputMessage",
    "TensorZeroGateway",
    "TogetherSFTConfig",
    "VariantsConfig",
    "_start_http_gateway",
]
