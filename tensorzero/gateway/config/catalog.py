"""Every provider type in one entry: its names, its keys in a configuration, where its credential is, and what serves it.

A type that is not listed may come from another package: CONTRIBUTING.md, "Adding a provider", says how. Nothing of a provider
is imported before one is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tensorzero.gateway.config.aws_settings import check_aws
from tensorzero.gateway.config.sections import CredentialLocation
from tensorzero.gateway.config.shapes import Anything, Choice, Field, Flag, Items, Record, Shape, Table, Text
from tensorzero.gateway.config.shared_shapes import ONE_LOCATION, Location, Url, url_problem

ENTRY_POINTS = "tensorzero.providers"
"""The group in which another package names its provider types: `acme = "acme_tensorzero:PROVIDER"`."""

ANYWHERE = "anywhere"
_KEYED = ("env", "path", "path_from_env", "dynamic")
_GCP = ("path", "path_from_env", "dynamic", "sdk")

Check = Callable[[Mapping[str, Any]], "str | None"]
"""What is wrong with settings whose keys have the right types; None if nothing is."""


@dataclass(frozen=True, slots=True)
class ProviderType:
    """What there is to know of a provider type before one is made.

    `fields`: its own keys under `[models.M.providers.P]`. `shown`: its name in errors.
    `credential`: where its key is unless the configuration says otherwise; by default the variable NAME_API_KEY.
    `locations`: the kinds of places where the key may be. `prefix`: whether `name::model` means a model of it.
    `serves`: for each `api_type` the class to make, as `package.module:Class`; the first one, under whatever name, where the
    settings name none. It is called with a `ProviderConfig` and is a `Provider`.
    `embeds`: the same for vectors; "" where the type may be configured for them and is not served yet, None where it may not.
    """

    name: str
    shown: str
    fields: tuple[Field, ...]
    credential: CredentialLocation | None = None
    locations: tuple[str, ...] = _KEYED
    prefix: bool = True
    serves: Mapping[str, str] = field(default_factory=dict[str, str])
    embeds: str | None = None
    embeds_by_prefix: bool = False
    credential_key: str = "api_key_location"
    section_name: str | None = None  # in `[provider_types]`; "" where it has no section
    check: Check | None = None  # before the credential's place is looked at
    late_check: Check | None = None  # after it
    listed: bool = True

    @property
    def default_location(self) -> CredentialLocation:
        return self.credential or CredentialLocation("env", f"{self.name.upper()}_API_KEY")

    @property
    def section(self) -> str:
        return self.shown.replace(" ", "") if self.section_name is None else self.section_name

    def served_by(self, settings: Mapping[str, Any]) -> str | None:
        """Which class serves a provider with these settings; None where none does yet."""
        return self.serves.get(str(settings.get("api_type") or "")) or next(iter(self.serves.values()), None)

    @property
    def shape(self) -> Shape:
        return Record("provider", self.fields)

    def allows(self, location: CredentialLocation) -> bool:
        if location.kind == "fallback":
            both = (location.default,) if self.name == "dummy" else (location.default, location.fallback)
            return all(one is not None and self.allows(one) for one in both)
        return location.kind in self.locations

    @property
    def invalid_location(self) -> str:
        if self.credential_key == "credential_location":
            return f"Error in acquiring GCP credentials: Invalid credential_location for {self.shown} provider"
        return f"Invalid api_key_location for {self.shown} provider"

    def problem(self, settings: Mapping[str, Any], credential: CredentialLocation) -> str | None:
        """What is wrong with a provider whose keys have the right types, or None."""
        if self.check is not None and (found := self.check(settings)) is not None:
            return found
        if ANYWHERE not in self.locations and not self.allows(credential):
            return self.invalid_location
        return None if self.late_check is None else self.late_check(settings)


def _check_openai(settings: Mapping[str, Any]) -> str | None:
    if settings["api_type"] != "chat_completions":
        return None
    if settings["include_encrypted_reasoning"]:
        return 'include_encrypted_reasoning is only supported when api_type = "responses"'
    if settings["provider_tools"]:
        return "`provider_tools` are provided for an OpenAI provider but Responses API is not enabled. These will be ignored."
    return None


def _check_azure(settings: Mapping[str, Any]) -> str | None:
    endpoint = settings["endpoint"]
    if endpoint.startswith(("env::", "dynamic::")) or (problem := url_problem(endpoint)) is None:
        return None
    return f"Invalid endpoint URL '{endpoint}': {problem}"


def _check_gemini(settings: Mapping[str, Any]) -> str | None:
    if ("model_id" in settings) == ("endpoint_id" in settings):
        return "Exactly one of model_id or endpoint_id must be provided"
    return None


def _text(name: str, *, required: bool = True) -> Field:
    return Field(name, Text(), required=required)


_MODEL = _text("model_name")
_KEY = Field("api_key_location", Location())
_GCP_KEY = Field("credential_location", Location())
_BASE = Field("api_base", Url())
_NEEDED_BASE = Field("api_base", Url(), required=True)
_TOOLS = Field("provider_tools", Items(Anything()), default=list)
_THINK = Field("parse_think_blocks", Flag(), default=True)
_REGION = (_text("region", required=False), Field("allow_auto_detect_region", Flag(), default=False))
_IAM = tuple(Field(name, ONE_LOCATION) for name in ("access_key_id", "secret_access_key", "session_token"))
_ENDPOINT_URL = _text("endpoint_url", required=False)
_PLAIN = (_MODEL, _KEY)
_GCP_FILE = CredentialLocation("path_from_env", "GCP_VERTEX_CREDENTIALS_PATH")
_SDK = CredentialLocation("sdk")
_OPENAI_FIELDS = (
    _MODEL,
    _BASE,
    _KEY,
    Field("api_type", Choice(("chat_completions", "responses")), default="chat_completions"),
    Field("include_encrypted_reasoning", Flag(), default=False),
    _TOOLS,
    Field("content_type_overrides", Table(Choice(("image_url", "file", "input_audio"))), default=dict),
)
_BEDROCK_FIELDS = (_text("model_id"), *_REGION, _ENDPOINT_URL, Field("api_key", ONE_LOCATION), *_IAM)
_SAGEMAKER_FIELDS = (
    _text("endpoint_name"),
    _MODEL,
    *_REGION,
    Field("hosted_provider", Choice(("openai", "tgi")), required=True),
    _ENDPOINT_URL,
    *_IAM,
)
_GEMINI_FIELDS = (
    _text("model_id", required=False),
    _text("endpoint_id", required=False),
    _text("location"),
    _text("project_id"),
    _GCP_KEY,
)
_KEYLESS = (*_KEYED, "none")
_HERE = "tensorzero.gateway.providers"

CATALOG = (
    ProviderType(
        "anthropic", "Anthropic",
        (_MODEL, _BASE, _KEY, Field("beta_structured_outputs", Flag(), default=False), _TOOLS),
    ),
    ProviderType(
        "aws_bedrock", "AWSBedrock", _BEDROCK_FIELDS, _SDK, (ANYWHERE,), prefix=False, section_name="",
        check=lambda settings: check_aws("aws_bedrock", settings),
    ),
    ProviderType(
        "aws_sagemaker", "AWSSagemaker", _SAGEMAKER_FIELDS, _SDK, (ANYWHERE,), prefix=False, section_name="",
        check=lambda settings: check_aws("aws_sagemaker", settings),
    ),
    ProviderType(
        "azure", "Azure", (_text("deployment_id"), _text("endpoint"), _KEY), prefix=False, embeds="", check=_check_azure
    ),
    ProviderType(
        "gcp_vertex_anthropic", "GCPVertexAnthropic",
        (_text("model_id"), _text("location"), _text("project_id"), _GCP_KEY, _TOOLS),
        _GCP_FILE, _GCP, credential_key="credential_location",
    ),
    ProviderType(
        "gcp_vertex_gemini", "GCPVertexGemini", _GEMINI_FIELDS, _GCP_FILE, _GCP, credential_key="credential_location",
        check=_check_gemini,
    ),
    ProviderType("google_ai_studio_gemini", "Google AI Studio Gemini", _PLAIN),
    ProviderType("groq", "Groq", (*_PLAIN, _text("reasoning_format", required=False)), locations=_KEYLESS),
    ProviderType("hyperbolic", "Hyperbolic", _PLAIN),
    ProviderType("fireworks", "Fireworks", (*_PLAIN, _THINK)),
    ProviderType("mistral", "Mistral", (*_PLAIN, _text("prompt_mode", required=False))),
    ProviderType(
        "openai", "OpenAI", _OPENAI_FIELDS, locations=_KEYLESS, late_check=_check_openai,
        serves={
            "chat_completions": f"{_HERE}.openai:chat_completions",
            "responses": f"{_HERE}.openai_responses:responses",
        },
        embeds=f"{_HERE}.openai_embeddings:OpenAIEmbeddings", embeds_by_prefix=True,
    ),
    ProviderType(
        "openrouter", "OpenRouter", _PLAIN, locations=_KEYLESS,
        embeds=f"{_HERE}.openai_embeddings:OpenRouterEmbeddings", embeds_by_prefix=True,
    ),
    ProviderType("together", "Together", (*_PLAIN, Field("parse_think_blocks", Flag()))),
    ProviderType(
        "vllm", "vLLM", (_MODEL, _NEEDED_BASE, _KEY), locations=_KEYLESS, prefix=False, section_name="VLLM"
    ),
    ProviderType("xai", "xAI", _PLAIN, locations=_KEYLESS, section_name="XAI"),
    ProviderType("tgi", "TGI", (_NEEDED_BASE, _KEY), locations=_KEYLESS, prefix=False),
    ProviderType("sglang", "SGLang", (_MODEL, _NEEDED_BASE, _KEY), locations=_KEYLESS, prefix=False),
    ProviderType("deepseek", "DeepSeek", _PLAIN),
    ProviderType(
        "dummy", "Dummy", _PLAIN, CredentialLocation("none"), ("none", "dynamic"), section_name="", listed=False,
        serves={"": f"{_HERE}.dummy:DummyProvider"}, embeds=f"{_HERE}.dummy_embeddings:DummyEmbeddings", embeds_by_prefix=True,
    ),
)  # fmt: skip
"""In the order in which errors list them."""

_BY_NAME = {one.name: one for one in CATALOG}
PREFIXES = tuple(one.name for one in CATALOG if one.prefix)
"""What may stand before `::` in the name of a model."""
EMBEDDING_PREFIXES = tuple(one.name for one in CATALOG if one.embeds_by_prefix)
LISTED = tuple(one.name for one in CATALOG if one.listed)


def provider_type(name: str) -> ProviderType | None:
    """Listed here, or brought by an installed package; None where neither is, or the package cannot be loaded."""
    return _BY_NAME.get(name) or _installed(name)[0]


def trouble_with(name: str) -> str | None:
    """Why the package that brings a type cannot be used, as a hint; None where no package does."""
    return None if name in _BY_NAME else _installed(name)[1]


@lru_cache(maxsize=64)
def _installed(name: str) -> tuple[ProviderType | None, str | None]:
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            found = point.load()
        except Exception as error:  # noqa: BLE001 - another package's code
            return (
                None,
                f"`{point.value}` brings the provider type `{name}` and cannot be loaded: {type(error).__name__}: {error}",
            )
        if not isinstance(found, ProviderType) or found.name != name:
            return None, f"`{point.value}` should be a `ProviderType` called `{name}`, and is {found!r}."
        return found, None
    return None, None


class ProviderShapes(Mapping[str, Shape]):
    """The shape of each type's settings, by its name."""

    def __getitem__(self, name: str) -> Shape:
        found = provider_type(name)
        if found is None:
            raise KeyError(name)
        return found.shape

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and provider_type(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(_BY_NAME)

    def __len__(self) -> int:
        return len(_BY_NAME)
