"""What each provider type may say, and how its key may be located (reference: configuration, providers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.sections import CredentialLocation
from tensorzero.gateway.config.shapes import Anything, Choice, Field, Flag, Items, Record, Shape, Table, Text
from tensorzero.gateway.config.shared_shapes import ONE_LOCATION, Location, Url, url_problem

_MODEL = Field("model_name", Text(), required=True)
_KEY = Field("api_key_location", Location())
_GCP_KEY = Field("credential_location", Location())
_BASE = Field("api_base", Url())
_NEEDED_BASE = Field("api_base", Url(), required=True)
_TOOLS = Field("provider_tools", Items(Anything()), default=list)
_THINK = Field("parse_think_blocks", Flag(), default=True)
_REGION = (Field("region", Text()), Field("allow_auto_detect_region", Flag(), default=False))
_IAM_KEYS = ("access_key_id", "secret_access_key", "session_token")
_IAM = tuple(Field(name, ONE_LOCATION) for name in _IAM_KEYS)
_LOCATED = ("env::", "path::", "dynamic::")
_MIME_KINDS = Choice(("image_url", "file", "input_audio"))


def _text(name: str, *, required: bool = True) -> Field:
    return Field(name, Text(), required=required)


def _record(*fields: Field) -> Record:
    return Record("provider", fields)


PROVIDERS: dict[str, Shape] = {
    "openai": _record(
        _MODEL, _BASE, _KEY,
        Field("api_type", Choice(("chat_completions", "responses")), default="chat_completions"),
        Field("include_encrypted_reasoning", Flag(), default=False),
        _TOOLS,
        Field("content_type_overrides", Table(_MIME_KINDS), default=dict),
    ),
    "anthropic": _record(_MODEL, _BASE, _KEY, Field("beta_structured_outputs", Flag(), default=False), _TOOLS),
    "azure": _record(_text("deployment_id"), _text("endpoint"), _KEY),
    "aws_bedrock": _record(
        _text("model_id"), *_REGION, _text("endpoint_url", required=False), Field("api_key", ONE_LOCATION), *_IAM,
    ),
    "aws_sagemaker": _record(
        _text("endpoint_name"), _MODEL, *_REGION, Field("hosted_provider", Choice(("openai", "tgi")), required=True),
        _text("endpoint_url", required=False), *_IAM,
    ),
    "gcp_vertex_anthropic": _record(_text("model_id"), _text("location"), _text("project_id"), _GCP_KEY, _TOOLS),
    "gcp_vertex_gemini": _record(
        _text("model_id", required=False), _text("endpoint_id", required=False), _text("location"), _text("project_id"),
        _GCP_KEY,
    ),
    "groq": _record(_MODEL, _KEY, _text("reasoning_format", required=False)),
    "mistral": _record(_MODEL, _KEY, _text("prompt_mode", required=False)),
    "fireworks": _record(_MODEL, _KEY, _THINK),
    "together": _record(_MODEL, _KEY, Field("parse_think_blocks", Flag())),
    "vllm": _record(_MODEL, _NEEDED_BASE, _KEY),
    "sglang": _record(_MODEL, _NEEDED_BASE, _KEY),
    "tgi": _record(_NEEDED_BASE, _KEY),
    "dummy": _record(_MODEL, _KEY),
    **{
        kind: _record(_MODEL, _KEY)
        for kind in ("google_ai_studio_gemini", "hyperbolic", "deepseek", "openrouter", "xai")
    },
}  # fmt: skip

CREDENTIAL_KEYS = {"gcp_vertex_anthropic": "credential_location", "gcp_vertex_gemini": "credential_location"}

DEFAULT_LOCATIONS: dict[str, CredentialLocation] = {
    **{kind: CredentialLocation("env", f"{kind.upper()}_API_KEY") for kind in PROVIDERS},
    "gcp_vertex_anthropic": CredentialLocation("path_from_env", "GCP_VERTEX_CREDENTIALS_PATH"),
    "gcp_vertex_gemini": CredentialLocation("path_from_env", "GCP_VERTEX_CREDENTIALS_PATH"),
    "aws_bedrock": CredentialLocation("sdk"),
    "aws_sagemaker": CredentialLocation("sdk"),
    "dummy": CredentialLocation("none"),
}

_SHOWN = {
    "openai": "OpenAI", "anthropic": "Anthropic", "azure": "Azure", "groq": "Groq", "mistral": "Mistral",
    "fireworks": "Fireworks", "hyperbolic": "Hyperbolic", "together": "Together", "vllm": "vLLM", "sglang": "SGLang",
    "tgi": "TGI", "deepseek": "DeepSeek",
    "google_ai_studio_gemini": "Google AI Studio Gemini", "xai": "xAI", "openrouter": "OpenRouter", "dummy": "Dummy",
    "gcp_vertex_gemini": "GCPVertexGemini", "gcp_vertex_anthropic": "GCPVertexAnthropic",
}  # fmt: skip
_FROM_FILE_OR_ENV = ("env", "path", "path_from_env", "dynamic")
_ALLOWED_KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(PROVIDERS, _FROM_FILE_OR_ENV),
    **dict.fromkeys(("openai", "groq", "vllm", "sglang", "tgi", "xai", "openrouter"), (*_FROM_FILE_OR_ENV, "none")),
    "gcp_vertex_gemini": ("path", "path_from_env", "dynamic", "sdk"),
    "gcp_vertex_anthropic": ("path", "path_from_env", "dynamic", "sdk"),
    "dummy": ("none", "dynamic"),
}


def check_provider(kind: str, settings: Mapping[str, Any], credential: CredentialLocation) -> str | None:
    """What is wrong with a provider whose keys have the right types, or None."""
    if kind in ("aws_bedrock", "aws_sagemaker"):
        return _check_aws(kind, settings)
    if kind == "azure" and (problem := _check_azure(settings["endpoint"])) is not None:
        return problem
    if kind == "gcp_vertex_gemini" and ("model_id" in settings) == ("endpoint_id" in settings):
        return "Exactly one of model_id or endpoint_id must be provided"
    if not _is_allowed(kind, credential):
        return invalid_location(kind)
    if kind == "openai" and settings["api_type"] == "chat_completions":
        if settings["include_encrypted_reasoning"]:
            return 'include_encrypted_reasoning is only supported when api_type = "responses"'
        if settings["provider_tools"]:
            return (
                "`provider_tools` are provided for an OpenAI provider but Responses API is not enabled. These will be ignored."
            )
    return None


def invalid_location(kind: str) -> str:
    if kind in CREDENTIAL_KEYS:
        return f"Error in acquiring GCP credentials: Invalid credential_location for {_SHOWN[kind]} provider"
    return f"Invalid api_key_location for {_SHOWN[kind]} provider"


def _is_allowed(kind: str, credential: CredentialLocation) -> bool:
    if credential.kind == "fallback":
        both = (credential.default,) if kind == "dummy" else (credential.default, credential.fallback)
        return all(one is not None and _is_allowed(kind, one) for one in both)
    return credential.kind in _ALLOWED_KINDS[kind]


def _check_azure(endpoint: str) -> str | None:
    if endpoint.startswith(("env::", "dynamic::")) or (problem := url_problem(endpoint)) is None:
        return None
    return f"Invalid endpoint URL '{endpoint}': {problem}"


def _check_aws(kind: str, settings: Mapping[str, Any]) -> str | None:
    if settings.get("region", "none") == "none" and not settings["allow_auto_detect_region"]:
        advice = 'Use `region = "sdk"` to enable auto-detection, or specify a region like `region = "us-east-1"`.'
        return f"AWS {kind} provider requires a region. {advice}"
    kinds = {key: settings[key].partition("::")[0] for key in (*_IAM_KEYS, "api_key") if key in settings}
    endpoint = _check_aws_endpoint(kind, settings.get("endpoint_url"))
    return endpoint or _check_aws_pairs(kind, kinds) or _check_aws_kinds(kind, kinds)


def _check_aws_endpoint(kind: str, url: str | None) -> str | None:
    if url == "sdk":
        others = "Use a static URL, `env::`, `path::`, or `dynamic::` instead."
        return f'`endpoint_url = "sdk"` is not supported for `{kind}`. {others}'
    if url is None or url == "none" or url.startswith(_LOCATED) or (problem := url_problem(url)) is None:
        return None
    return f"Invalid endpoint URL `{url}` for {kind}: {problem}"


def _check_aws_pairs(kind: str, kinds: Mapping[str, str]) -> str | None:
    access, secret, token, key = (name in kinds for name in (*_IAM_KEYS, "api_key"))
    if key and (access or secret or token):
        both = "Cannot specify both `api_key` and IAM credentials (`access_key_id`/`secret_access_key`)"
        return f"{both} for `{kind}`. Use one or the other."
    if key and kinds["api_key"] not in ("env", "dynamic"):
        return f"Unsupported credential location for `api_key` in `{kind}`. Use `env::` or `dynamic::`."
    if access and not secret:
        return f"`access_key_id` requires `secret_access_key` to also be specified for `{kind}`."
    if secret and not access:
        return f"`secret_access_key` requires `access_key_id` to also be specified for `{kind}`."
    if token and not access:
        return f"`session_token` cannot be specified without `access_key_id` and `secret_access_key` for `{kind}`."
    return None


def _check_aws_kinds(kind: str, kinds: Mapping[str, str]) -> str | None:
    """Where the two keys and the session token come from: all of them from one kind of source."""
    for key in _IAM_KEYS:
        if kinds.get(key, "sdk") not in ("env", "dynamic", "sdk"):
            return f"Invalid `{key}` for `{kind}` provider: only `env::`, `dynamic::`, and `sdk` are supported."
    access, secret, token = (kinds.get(key) for key in _IAM_KEYS)
    if access != secret:
        pair = "`access_key_id` and `secret_access_key` must use the same source type"
        return f"{pair} (both `env::`, both `dynamic::`, or both `sdk`) for `{kind}`."
    if token in (None, "sdk", access):
        return None
    if access == "sdk":
        return f"When using `sdk` for credentials, `session_token` must also be `sdk` or omitted for `{kind}`."
    pair = f"When using `{access}::` for `access_key_id` and `secret_access_key`"
    return f"{pair}, `session_token` must also use `{access}::` or be omitted for `{kind}`."
