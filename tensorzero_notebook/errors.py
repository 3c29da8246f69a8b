"""What a user reads when something goes wrong in a notebook.

An expected failure (a refused call, a mistake in the configuration, a database that does not answer) is one message and
its next step. Anything else keeps its traceback: it is ours to mend.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tensorzero.masking.chain import worded
from tensorzero.printing import printable


class UserError(Exception):
    """A request that cannot be met as it was made. `hint` is the next step, where there is one."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(worded(message))
        self.hint = worded(hint)

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback, also where the extension is not loaded."""
        return _brief(self)


Given = ParamSpec("Given")
Result = TypeVar("Result")


def briefly(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Have IPython show what `function` fails with, where it is expected, as one message: with or without the extension."""

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if is_expected(error) and not hasattr(error, "_render_traceback_"):
                with contextlib.suppress(AttributeError):  # a type without room for it
                    error._render_traceback_ = functools.partial(_brief, error)  # type: ignore[attr-defined]
            raise

    return call


# Looked up only among modules that are loaded: an error can only come from those, and `import tensorzero` stays light.
_EXPECTED = (
    ("tensorzero.types", "BaseTensorZeroError"),
    ("tensorzero.gateway.errors", "ConfigError"),
    ("tensorzero.clickhouse.errors", "StorageError"),
    ("tensorzero_notebook.local", "LocalModelError"),
)


def is_expected(error: BaseException) -> bool:
    if isinstance(error, UserError):
        return True
    found = (getattr(sys.modules.get(module), name, None) for module, name in _EXPECTED)
    return any(kind is not None and isinstance(error, kind) for kind in found)


def message_of(error: BaseException) -> str:
    """The failure in words and its hint on a line of its own; no JSON around it, no stack, no key."""
    from tensorzero_notebook.keys import hide_keys

    text = getattr(error, "text", None) or getattr(error, "message", None) or str(error) or type(error).__name__
    text = _told(text)
    status = getattr(error, "status_code", None)
    if status is not None:
        text = f"{text} (status {status})"
    lines = [_from_here(text), *filter(None, (getattr(error, "hint", None), _key_hint(text)))]
    return hide_keys("\n".join(lines))


def _from_here(text: str) -> str:
    """With the place of a mistake as seen from the working directory, if that is still there."""
    with contextlib.suppress(OSError):
        return text.replace(f"({Path.cwd()}{os.sep}", "(")
    return text


def add_hint(error: BaseException, hint: str) -> None:
    """Another next step, after the error's own."""
    before = getattr(error, "hint", None)
    error.hint = f"{before}\n{hint}" if before else hint  # type: ignore[attr-defined]


def _key_hint(text: str) -> str | None:
    """How a notebook gets the key that is missing."""
    from tensorzero_notebook.keys import VARIABLES

    missing = (name for name, variable in VARIABLES.items() if f"`{variable}` is missing" in text)
    provider = next(missing, None)
    return None if provider is None else f"In a notebook, `%tensorzero key {provider}` asks for it unseen."


def _told(text: Any) -> str:
    """The `error` of a JSON body, else the text itself."""
    try:
        body = json.loads(text)
    except (TypeError, ValueError):
        return str(text)
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, str) else str(text)


def show_error(
    shell: Any, kind: type[BaseException], error: BaseException, traceback: Any, tb_offset: int | None = None
) -> Any:
    """IPython's handler for expected failures (`shell.set_custom_exc`)."""
    if not is_expected(error):
        return shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    lines = _brief(error)
    shell._showtraceback(kind, error, lines)
    return lines


def _brief(error: BaseException) -> list[str]:
    return [printable(f"{_name(type(error))}: {message_of(error)}")]


def _name(kind: type[BaseException]) -> str:
    return "Error" if kind is UserError else kind.__name__


def install(shell: Any) -> None:
    """Show expected failures in one line. Kept narrow: other exceptions never reach the handler."""
    import tensorzero.types as public
    from tensorzero.clickhouse.errors import StorageError
    from tensorzero.gateway.errors import ConfigError
    from tensorzero_notebook.local import LocalModelError

    kinds = (UserError, public.BaseTensorZeroError, StorageError, ConfigError, LocalModelError)
    shell.set_custom_exc(kinds, show_error)


def uninstall(shell: Any) -> None:
    shell.set_custom_exc((), None)
