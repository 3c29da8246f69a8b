"""What AWS providers may say of their region, endpoint and keys (reference: configuration, providers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.shared_shapes import url_problem

_IAM_KEYS = ("access_key_id", "secret_access_key", "session_token")
_LOCATED = ("env::", "path::", "dynamic::")


def check_aws(kind: str, settings: Mapping[str, Any]) -> str | None:
    """What is wrong with settings whose keys have the right types; None if nothing is."""
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
