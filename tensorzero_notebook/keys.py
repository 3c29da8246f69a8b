"""API keys of this session: which there are, how to ask for one unseen, and whether some text contains one.

Keys stay in the process: in its environment, where the gateway looks for them. Nothing here returns or prints one.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.nearest import did_you_mean

SHORTEST = 12
"""Characters from which a value is looked for in text: shorter ones are placeholders such as `none` or `test`."""

VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "azure": "AZURE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks": "FIREWORKS_API_KEY",
    "google_ai_studio_gemini": "GOOGLE_AI_STUDIO_API_KEY",
    "groq": "GROQ_API_KEY",
    "hyperbolic": "HYPERBOLIC_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "sglang": "SGLANG_API_KEY",
    "tgi": "TGI_API_KEY",
    "together": "TOGETHER_API_KEY",
    "vllm": "VLLM_API_KEY",
    "xai": "XAI_API_KEY",
}
HIDDEN = "[key hidden]"
_asked: set[str] = set()


def ask_key(provider: str, ask: Callable[[str], str] = getpass.getpass) -> str:
    """Ask for a provider's key without showing it, keep it for this process; returns the variable's name.

    `provider` is a provider's name or an environment variable's.
    """
    variable = variable_of(provider)
    key = ask(f"{variable}: ").strip()
    if not key:
        raise UserError(f"No key was given; {variable} is as it was.")
    os.environ[variable] = key
    _asked.add(variable)
    return variable


def variable_of(provider: str) -> str:
    """The environment variable that a provider's key is read from."""
    name = provider.strip()
    found = VARIABLES.get(name.lower().replace("-", "_"))
    if found is not None:
        return found
    if name.isidentifier() and name.isupper():
        return name
    raise UserError(
        f"Unknown provider: {provider}",
        hint=f"{did_you_mean(name.lower(), VARIABLES)}Name one of {', '.join(VARIABLES)}, "
        "or the environment variable that holds the key.",
    )


def known_variables() -> list[str]:
    """Variables of this process that hold a key, asked for or found."""
    return sorted({name for name, _ in _known()})


def contains_known_key(text: str) -> str | None:
    """The variable whose value occurs in the text, None where none does."""
    return next((name for name, value in _known() if value in text), None)


def hide_keys(text: str) -> str:
    """The text with every known key's value replaced."""
    for _, value in _known():
        text = text.replace(value, HIDDEN)
    return text


def _known() -> Iterator[tuple[str, str]]:
    for name, value in list(os.environ.items()):
        upper = name.upper()
        if (upper.endswith(("_API_KEY", "_API_TOKEN", "_SECRET_KEY", "_SECRET_ACCESS_KEY")) or name in _asked) and len(
            value.strip()
        ) >= SHORTEST:
            yield name, value.strip()
