"""Keys, read when a call needs them. No key is ever kept on a configuration, in a repr or in an error.

Every key that is read is told to `tensorzero.masking`, which hides it wherever a server or a library repeats it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tensorzero.gateway.config.sections import CredentialLocation
from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.masking.known import learn
from tensorzero.masking.literals import looks_like_key
from tensorzero.settled import settled

_NOT_THE_KEY = (
    "`env::` is followed by the name of an environment variable, and the configuration has a key there. Put the key into a "
    "variable such as `OPENAI_API_KEY`, and name that."
)


class MissingKey(BadRequest):
    """`API key missing for provider …`, with the variable or argument that fixes it as the hint."""


def resolve(location: CredentialLocation, credentials: Mapping[str, str], provider: str) -> str | None:
    """The key, or None where none is sent. `provider` is the name that errors show, e.g. `OpenAI`.

    Raises `MissingKey`.
    """
    match location.kind:
        case "none":
            return None
        case "env":
            return _from_environment(location.name, provider)
        case "dynamic":
            return _from_call(location.name, credentials, provider)
        case "path":
            return _from_file(location.name, provider)
        case "path_from_env":
            return _from_file(_from_environment(location.name, provider), provider)
        case "fallback":
            return _from_either(location, credentials, provider)
        case "sdk":
            raise GatewayError(f"Invalid api_key_location for {provider} provider")


def _from_environment(name: str, provider: str) -> str:
    key = os.environ.get(name)
    if not key:
        raise MissingKey(
            f"API key missing for provider {provider}: Environment variable `{name}` is missing",
            hint=_NOT_THE_KEY
            if looks_like_key(name)
            else f'Set the environment variable `{name}`, or give the provider `api_key_location = "dynamic::NAME"` and pass '
            "`credentials={'NAME': …}`.",
        )
    learn(key)
    return key


def _from_call(name: str, credentials: Mapping[str, str], provider: str) -> str:
    key = credentials.get(name)
    if key is None:
        raise MissingKey(
            f"API key missing for provider {provider}: Dynamic api key `{name}` is missing",
            hint=f"Pass `credentials={{'{name}': …}}` to the call.",
        )
    learn(key)
    return key


def _from_file(path: str, provider: str) -> str:
    try:
        key = Path(settled(path)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "stream did not contain valid UTF-8"
        raise MissingKey(
            f"API key missing for provider {provider}: Failed to read credentials file - {reason}",
            hint=f"`api_key_location` names the file {path}, which must hold the key.",
        ) from None
    learn(key)
    return key


def _from_either(location: CredentialLocation, credentials: Mapping[str, str], provider: str) -> str | None:
    if location.default is None or location.fallback is None:
        raise GatewayError(f"Invalid api_key_location for {provider} provider")
    try:
        return resolve(location.default, credentials, provider)
    except MissingKey:
        return resolve(location.fallback, credentials, provider)
