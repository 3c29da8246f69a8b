"""Vectors of nothing but zeros, without a key and a network."""

from __future__ import annotations

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.providers.credentials import resolve
from tensorzero.gateway.providers.dummy_answers import RAW_REQUEST
from tensorzero.gateway.providers.protocol import EmbeddingCall, EmbeddingResponse
from tensorzero.gateway.values import Usage

_LENGTH = 1536
_RAW = """\
{
  "usage": {
    "prompt_tokens": 10,
    "total_tokens": 10
  }
}"""


class DummyEmbeddings:
    """`type = "dummy"`, for vectors; the model name chooses what goes wrong, as for texts."""

    type = "dummy"

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        self._model = str(config.settings["model_name"])

    async def embed(self, call: EmbeddingCall) -> EmbeddingResponse:
        if "slow" in self._model:
            await call.runtime.sleep(30.0, call.deadline)
        if self._model == "error_with_raw_response":
            message = "Error 500 Internal Server Error from dummy client: Error from Dummy embedding provider with raw response"
            raise self._error(message, "dummy error raw request", "dummy error raw response")
        if self._model.startswith("error"):
            message = f"Error from dummy client: Error sending request to Dummy provider for model '{self._model}'."
            raise self._error(message, RAW_REQUEST)
        key = resolve(self._config.credential, call.credentials, "Dummy")
        if self._model == "test_key" and key not in (None, "good_key"):
            raise self._error("Error from dummy client: Invalid API key for Dummy provider", RAW_REQUEST)
        vectors: list[list[float] | str] = [[0.0] * _LENGTH for _ in range(_count(call))]
        return EmbeddingResponse(vectors, Usage(10, 0), RAW_REQUEST, _RAW, None, 100)

    def _error(self, message: str, raw_request: str, raw_response: str | None = None) -> ProviderError:
        return ProviderError(
            message, provider_type="dummy", api_type="embeddings", raw_request=raw_request, raw_response=raw_response
        )


def _count(call: EmbeddingCall) -> int:
    """A text is one input, and so is a list of tokens."""
    given = call.input
    return 1 if isinstance(given, str) or (given and isinstance(given[0], int)) else len(given)
