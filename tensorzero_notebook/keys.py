"""API keys of this session: which there are, how to ask for one unseen, and whether some text contains one.

Keys stay in the process: in its environment, where the gateway looks for them. Nothing here returns or prints one.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable

from tensorzero.masking.known import key_variables, learn_variable
from tensorzero.masking.mask import mask
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.nearest import did_you_mean

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


def ask_key(provider: str, ask: Callable[[str], str] = getpass.getpass) -> str:
    """Ask for a provider's key without showing it, keep it for this process; returns the variable's name.

    `provider` is a provider's name or an environment variable's.
    """
    variable = variable_of(provider)
    key = ask(f"{variable}: ").strip()
    if not key:
        raise UserError(f"No key was given; {variable} is as it was.")
    os.environ[variable] = key
    learn_variable(variable)
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
    return sorted({name for name, _ in key_variables()})


def contains_known_key(text: str) -> str | None:
    """The variable whose value occurs in the text, None where none does."""
    return next((name for name, value in key_variables() if value in text), None)


def hide_keys(text: str) -> str:
    """The text without any secret that is known; see `tensorzero.masking`."""
    return mask(text)
