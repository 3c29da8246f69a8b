"""TensorZero in a notebook: `%load_ext tensorzero_notebook`, then prompts as cells, a composer, and everything as frames.

    %load_ext tensorzero_notebook
    from tensorzero_notebook import client, compose, inferences, local_model

Names are loaded when they are used; importing this package loads neither pandas nor a gateway.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorzero_notebook.actions import client, compose
    from tensorzero_notebook.frames import episodes, feedback, inferences, model_inferences
    from tensorzero_notebook.frames.versions import variant_versions
    from tensorzero_notebook.local import local_model
    from tensorzero_notebook.session import Session, current_session, start_session

__all__ = [
    "Session",
    "client",
    "compose",
    "current_session",
    "episodes",
    "feedback",
    "inferences",
    "load_ipython_extension",
    "local_model",
    "model_inferences",
    "start_session",
    "unload_ipython_extension",
    "variant_versions",
]

_HOMES = {
    "Session": "session",
    "client": "actions",
    "compose": "actions",
    "current_session": "session",
    "episodes": "frames",
    "feedback": "frames",
    "inferences": "frames",
    "local_model": "local",
    "model_inferences": "frames",
    "start_session": "session",
    "variant_versions": "frames",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext tensorzero_notebook`: the session, the magics, the hooks; one line says what was set up."""
    from tensorzero_notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext tensorzero_notebook`: what waits is written, the hooks go."""
    from tensorzero_notebook.extension import unload

    unload(shell)
