"""How a call uses the inference cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.call import CacheOptions

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway


def cache_options(gateway: Gateway, asked: Mapping[str, Any] | None, *, dryrun: bool) -> CacheOptions | None:
    """What a call's `cache_options` come to; None where the cache is off, switched off or not there."""
    mode = (asked or {}).get("enabled") or "off"
    settings = gateway.config.gateway
    if mode == "off" or gateway.database is None or settings.cache_enabled is False:
        return None
    reads, writes = mode in ("on", "read_only"), mode in ("on", "write_only") and not dryrun
    if not reads and not writes:
        return None
    return CacheOptions(
        gateway.database,
        gateway.cache_silence,
        reads,
        writes,
        (asked or {}).get("max_age_s"),
        settings.fetch_and_encode_input_files_before_inference,
    )
