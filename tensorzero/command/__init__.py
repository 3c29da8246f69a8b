"""`tensorzero variant` and `tensorzero function`: change a configuration file and keep the rest of it, byte for byte.

The same as functions: each returns a `Change` (`.diff()` shows it, `.write()` makes it), or the text of a difference.
They load the gateway's configuration room when first used; `tensorzero --help` does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tensorzero.command.command_line import main
from tensorzero.command.failures import CommandError

if TYPE_CHECKING:
    from tensorzero.command.change import Change
    from tensorzero.command.functions import add_function, diff_functions, remove_function
    from tensorzero.command.variants import add_variant, diff_variants, remove_variant

__all__ = [
    "Change",
    "CommandError",
    "add_function",
    "add_variant",
    "diff_functions",
    "diff_variants",
    "main",
    "remove_function",
    "remove_variant",
]


_ROOMS = {
    "Change": "change",
    **dict.fromkeys(("add_function", "diff_functions", "remove_function"), "functions"),
    **dict.fromkeys(("add_variant", "diff_variants", "remove_variant"), "variants"),
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
