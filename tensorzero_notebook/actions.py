"""What a user calls in a notebook beside the magics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorzero_notebook.errors import UserError, briefly
from tensorzero_notebook.session import current_session

if TYPE_CHECKING:
    from tensorzero import TensorZeroGateway


@briefly
def client() -> TensorZeroGateway:
    """The session's client: the one that the magics and the composer use. It stays the same when the configuration changes."""
    return current_session().client


@briefly
def compose(*, function: str = "", variant: str = "", model: str = "", system: str = "", prompt: str = "") -> None:
    """Display a composer in the running cell. The arguments are what its form begins with, else what `%tensorzero use` says."""
    session = current_session()
    if function and model:
        raise UserError("Name a function or a model, not both.")
    try:
        from tensorzero_notebook.widgets.composer import compose as display_composer
    except ImportError as error:
        raise UserError("The composer needs anywidget.", hint="pip install 'tensorzero[notebook]'") from error
    if not function and not model:
        function, model = session.defaults.function or "", session.defaults.model or ""
        variant = variant or session.defaults.variant or ""
    if variant and not function:
        raise UserError("A variant belongs to a function: name it too.")
    session.check_function(function or None, variant or None)
    display_composer(session, function=function, variant=variant, model=model, system=system, prompt=prompt)
