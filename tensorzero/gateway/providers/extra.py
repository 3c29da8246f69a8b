"""`extra_body` and `extra_headers`: pointers into the provider's request, in the order variant, provider, call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

import orjson

from tensorzero.gateway.config.sections import ExtraBody, ExtraHeader
from tensorzero.gateway.errors import BadRequest

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_LONGEST_NUMBER = 20
_NO_HEADER_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
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
    """Replace, add or delete in `body`. Raises `BadRequest` with the original's text.

    What is inside belongs to the configuration or the caller (stop sequences, schemas, values of earlier entries): every
    object and list on a pointer's way is copied before it changes.
    """
    owned = _Owned()
    for entry in entries:
        keys = _keys(entry.pointer)
        if entry.delete:
            _delete(body, keys, entry.pointer, owned)
        else:
            _write(body, keys, entry, owned)


def apply_headers(headers: dict[str, str], *levels: Iterable[ExtraHeader]) -> None:
    """Override same-named headers, whatever their case. Deleting takes back what an earlier entry gave, never a header that
    was there before (observed 2026.6.0)."""
    given: dict[str, str] = {}
    for entries in levels:
        for entry in entries:
            name = entry.name.lower()
            if not _HEADER_NAME.fullmatch(name):
                raise BadRequest(f"Invalid header name `{entry.name}`: invalid HTTP header name")
            if entry.delete:
                given.pop(name, None)
            elif _NO_HEADER_VALUE.search(entry.value):
                raise BadRequest(f"Invalid header value `{entry.value}`: failed to parse header value")
            else:
                given[name] = entry.value
    headers.update(given)


def _keys(pointer: str) -> list[str]:
    if not pointer:
        raise _failure("Pointer cannot be empty", pointer)
    if not pointer.startswith("/"):
        raise _failure("Pointer must start with '/'", pointer)
    if pointer.endswith("/"):
        raise _failure("Pointer cannot end with '/'", pointer)
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer[1:].split("/")]


def _failure(reason: str, pointer: str) -> BadRequest:
    return BadRequest(f"Error replacing extra body: `{reason}` with pointer: `{pointer}`")


def _number(key: str) -> int | None:
    """The place in a list that a key means: decimal digits without zeros in front, in 64 bits."""
    if len(key) > _LONGEST_NUMBER or not (key.isascii() and key.isdigit()) or (key[0] == "0" and key != "0"):
        return None
    number = int(key)
    return number if number < 2**64 else None


def _index(key: str, length: int) -> int | None:
    number = _number(key)
    return number if number is not None and number < length else None


class _Owned:
    """The containers that are copies already and may change."""

    def __init__(self) -> None:
        self._containers: dict[int, Any] = {}

    def take(self, container: Any, key: Any) -> Any:
        """What `container` holds there; an object or a list as a copy, which takes its place the first time."""
        held = container[key]
        if isinstance(held, (dict, list)) and id(cast("Any", held)) not in self._containers:
            held = container[key] = self.keep(cast("Any", held).copy())
        return cast("Any", held)

    def keep(self, container: Any) -> Any:
        self._containers[id(container)] = container
        return container


def _write(body: Any, keys: list[str], entry: ExtraBody, owned: _Owned) -> None:
    target = body
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if isinstance(target, dict):
            if last:
                target[key] = entry.value
            elif key in target:
                target = owned.take(target, key)
            elif _number(keys[position + 1]) is not None:
                raise _failure(_NO_LIST.format(keys[position + 1]), entry.pointer)
            else:
                target[key] = target = owned.keep({})
        elif isinstance(target, list):
            target = _step_into_list(cast("list[Any]", target), key, last, entry, owned)
        else:
            shown = orjson.dumps(target).decode()
            raise _failure(f"Can only index into object or array - found target {shown}", entry.pointer)


def _step_into_list(target: list[Any], key: str, last: bool, entry: ExtraBody, owned: _Owned) -> Any:
    if key == "-":
        if not last:
            raise _failure("Array append operator `-` can only be used at the end of a pointer", entry.pointer)
        target.append(entry.value)
        return entry.value
    index = _index(key, len(target))
    if index is None:
        raise _failure(f"Could not find array index {key} in target array (len {len(target)})", entry.pointer)
    if last:
        target[index] = entry.value
        return entry.value
    return owned.take(target, index)


def _delete(body: Any, keys: list[str], pointer: str, owned: _Owned) -> None:
    """What is not there is gone already."""
    target = body
    for key in keys[:-1]:
        target = _existing(target, key, pointer, owned)
    last = keys[-1]
    if isinstance(target, dict):
        _take_out(cast("dict[str, Any]", target), last)
    elif isinstance(target, list):
        items = cast("list[Any]", target)
        index = _place_to_delete(items, last, pointer)
        if index is not None:
            del items[index]


def _existing(target: Any, key: str, pointer: str, owned: _Owned) -> Any:
    if isinstance(target, dict):
        return owned.take(target, key) if key in target else None
    if isinstance(target, list):
        items = cast("list[Any]", target)
        index = _place_to_delete(items, key, pointer)
        return None if index is None else owned.take(items, index)
    return None


def _place_to_delete(items: list[Any], key: str, pointer: str) -> int | None:
    if key == "-":
        raise _failure("Cannot delete using array append operator `-`", pointer)
    return _index(key, len(items))


def _take_out(target: dict[str, Any], key: str) -> None:
    """The last key takes the place of the one that goes (observed 2026.6.0)."""
    if key not in target:
        return
    pairs = list(target.items())
    place = list(target).index(key)
    moved = pairs.pop()
    if place < len(pairs):
        pairs[place] = moved
    target.clear()
    target.update(pairs)
