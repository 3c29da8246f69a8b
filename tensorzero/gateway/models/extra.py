"""`extra_body` and `extra_headers`: pointers into the provider's request, in the order variant, provider, call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import orjson

from tensorzero.gateway.config.sections import ExtraBody, ExtraHeader
from tensorzero.gateway.errors import BadRequest

E = TypeVar("E", ExtraBody, ExtraHeader)

_NO_LIST = (
    "TensorZero doesn't support pointing an index ({}) if its container doesn't exist. We'd love to hear about your use case "
    "(& help)! Please open a GitHub Discussion: https://github.com/tensorzero/tensorzero/discussions/new"
)


def for_variant(entries: Sequence[E], variant_name: str) -> list[E]:
    """Those without a variant filter, and those for this one."""
    return [entry for entry in entries if entry.variant_name in (None, variant_name)]


def for_provider(entries: Iterable[E], model_name: str, provider_name: str) -> list[E]:
    return [
        entry
        for entry in entries
        if entry.model_name in (None, model_name) and (entry.model_name is None or entry.provider_name in (None, provider_name))
    ]


def apply_body(body: dict[str, Any], entries: Iterable[ExtraBody]) -> None:
    """Replace, add or delete in place. Raises `BadRequest` with the original's text."""
    for entry in entries:
        if not entry.pointer:
            raise _failure("Pointer cannot be empty", entry.pointer)
        if not entry.pointer.startswith("/"):
            raise _failure("Pointer must start with '/'", entry.pointer)
        keys = [key.replace("~1", "/").replace("~0", "~") for key in entry.pointer[1:].split("/")]
        if entry.delete:
            _delete(body, keys)
        else:
            _write(body, keys, entry)


def apply_headers(headers: dict[str, str], entries: Iterable[ExtraHeader]) -> None:
    """Override same-named headers, whatever their case. Deleting never removes the built-in `authorization`."""
    for entry in entries:
        name = entry.name.lower()
        if not name or any(c in name for c in " :\r\n\t") or not name.isascii():
            raise BadRequest(f"Invalid header name `{entry.name}`: invalid HTTP header name")
        if "\r" in entry.value or "\n" in entry.value:
            raise BadRequest(f"Invalid header value for `{entry.name}`: failed to parse header value")
        if not entry.delete:
            headers[name] = entry.value
        elif name != "authorization":
            headers.pop(name, None)


def _failure(reason: str, pointer: str) -> BadRequest:
    return BadRequest(f"Error replacing extra body: `{reason}` with pointer: `{pointer}`")


def _index(key: str, length: int, pointer: str) -> int:
    if not key.isdigit() or int(key) >= length:
        raise _failure(f"Could not find array index {key} in target array (len {length})", pointer)
    return int(key)


def _write(body: Any, keys: list[str], entry: ExtraBody) -> None:
    target = body
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if isinstance(target, dict):
            if last:
                target[key] = entry.value
            elif key in target:
                target = target[key]
            elif keys[position + 1].isdigit():
                raise _failure(_NO_LIST.format(keys[position + 1]), entry.pointer)
            else:
                target[key] = target = {}
        elif isinstance(target, list):
            target = _step_into_list(target, key, last, entry)
        else:
            shown = orjson.dumps(target).decode()
            raise _failure(f"Can only index into object or array - found target {shown}", entry.pointer)


def _step_into_list(target: list[Any], key: str, last: bool, entry: ExtraBody) -> Any:
    if key == "-":
        target.append(entry.value if last else {})
        return target[-1]
    index = _index(key, len(target), entry.pointer)
    if last:
        target[index] = entry.value
    return target[index]


def _delete(body: Any, keys: list[str]) -> None:
    target = body
    for key in keys[:-1]:
        if isinstance(target, dict) and key in target:
            target = target[key]
        elif isinstance(target, list) and key.isdigit() and int(key) < len(target):
            target = target[int(key)]
        else:
            return
    if isinstance(target, dict):
        target.pop(keys[-1], None)
    elif isinstance(target, list) and keys[-1].isdigit() and int(keys[-1]) < len(target):
        del target[int(keys[-1])]
