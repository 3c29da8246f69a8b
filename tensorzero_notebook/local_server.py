"""The process behind `local_model`: llama.cpp's own server on loopback, until standard input closes.

A process of its own, because llama.cpp's threads do not survive a fork: with the server inside the kernel, a forked child
that ends in the ordinary way waits for them for ever, and stopping waits for the answer under way.

    python -m tensorzero_notebook.local_server FILE NAME CONTEXT_TOKENS THREADS     prints {"url": …} or {"error": …}
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LONGEST_ANSWER = 512
"""Tokens, where a request says nothing of `max_tokens`."""


def parameters(path: str, name: str, context_tokens: int, threads: int) -> Any:
    """llama.cpp's settings: loopback, a free port, silent, two answers at a time sharing one context.

    The chat template inside SmolLM2's file knows no tools, and llama.cpp then leaves them out of the prompt without a word:
    it gets a template that is the same without tools, and has them in Hermes' form.
    """
    xllamacpp: Any = import_module("xllamacpp")  # extra `local`; compiled, without type information
    chosen = xllamacpp.CommonParams()
    chosen.model.path = path
    chosen.model_alias = {name}
    chosen.hostnames = ["127.0.0.1"]
    chosen.port = 0
    chosen.n_ctx = context_tokens
    chosen.n_parallel = 2
    chosen.kv_unified = True
    chosen.verbosity = -1
    chosen.warmup = False
    if "smollm2" in Path(path).name.lower():
        chosen.chat_template = Path(__file__).with_name("smollm2_tools.jinja").read_text("utf-8")
        end_at_last(chosen)
    chosen.ui = False
    chosen.endpoint_slots = False
    if threads:
        chosen.cpuparams.n_threads = threads
        chosen.cpuparams_batch.n_threads = threads
    return chosen


def end_at_last(chosen: Any) -> None:
    """One answer in a hundred of so small a model falls into repeating itself, and would go on to the end of its context of
    8,192 tokens: minutes. Repetitions are made unlikely, and no answer is longer unless the request says so."""
    chosen.n_predict = LONGEST_ANSWER
    chosen.sampling.dry_multiplier = 0.8
    chosen.sampling.dry_penalty_last_n = LONGEST_ANSWER


def main() -> None:
    path, name, context_tokens, threads = sys.argv[1:5]
    try:
        xllamacpp: Any = import_module("xllamacpp")
        server = xllamacpp.Server(parameters(path, name, int(context_tokens), int(threads)))
    except Exception as error:  # noqa: BLE001  # whatever it is, the starting process says it
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"url": server.listening_address}), flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # destroying the server would wait for an answer that nobody reads any more


if __name__ == "__main__":
    main()
