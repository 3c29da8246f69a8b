"""Programs that call the client from within a call of the client. Each prints the ids of what was acknowledged, and ends.

python calling_from_within.py PROGRAM DATABASE_URL CONFIG_FILE
"""

from __future__ import annotations

import atexit
import gc
import random
import signal
import sys
import time
import warnings
from typing import Any

PROGRAM, URL, CONFIG = sys.argv[1:]


def after_ours() -> None:
    if PROGRAM == "at_exit":
        both()
        tell()


atexit.register(after_ours)  # before the import, so that it runs after the package's own handler

from tensorzero import TensorZeroGateway  # noqa: E402

warnings.simplefilter("ignore", UserWarning)
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
acknowledged: list[tuple[str, str]] = []


def connect() -> TensorZeroGateway:
    return TensorZeroGateway.build_embedded(config_file=CONFIG, clickhouse_url=URL)


client = connect()


def infer() -> str:
    found = str(client.inference(model_name="dummy::good", input=ASK).inference_id)
    acknowledged.append(("i", found))
    return found


def judge(inference_id: str) -> None:
    given = client.feedback(metric_name="comment", inference_id=inference_id, value="from within")
    acknowledged.append(("f", str(given.feedback_id)))


def both() -> None:
    judge(infer())


def stream() -> None:
    answer: Any = client.inference(model_name="dummy::good", input=ASK, stream=True)
    acknowledged.append(("i", str(list(answer)[-1].inference_id)))


def tell() -> None:
    for kind, found in acknowledged:
        print(kind, found)
    print("end", flush=True)


def storm(handler: Any, seconds: float = 4.0) -> None:
    """Every kind of call, while a timer's handler calls too."""
    inside = False

    def on_alarm(number: int, frame: Any) -> None:
        nonlocal inside
        if not inside:  # a handler that is longer than the time between two alarms
            inside = True
            try:
                handler()
            finally:
                inside = False
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 3e-3))

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    until = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < until:
        both()
        stream()
        rounds += 1
        if rounds % 20 == 0:
            client._transport.gateway.database.flush(60)  # type: ignore[attr-defined]
        if rounds % 30 == 0:
            client.close()
    signal.setitimer(signal.ITIMER_REAL, 0)


def signals() -> None:
    storm(both)


def signals_that_close() -> None:
    def end_of_shift() -> None:
        both()
        if random.random() < 0.05:
            client.close()

    storm(end_of_shift)


def at_exit() -> None:
    """One handler runs before the package's own, which is registered at the import, and one after it."""
    both()
    atexit.register(both)


class Last:
    """Calls when nobody refers to it any more."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        both()


def finalizers() -> None:
    """Collected at an allocation: on whatever thread, wherever it is."""
    gc.set_threshold(150)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        Last()
        both()
        stream()
    gc.set_threshold(700)
    gc.collect()


def collector() -> None:
    """The collector's own callback, at every collection on every thread."""
    inside = False
    last = 0.0

    def on_collection(phase: str, info: Any) -> None:
        nonlocal inside, last
        if phase == "stop" and not inside and time.monotonic() - last > 0.002:
            inside, last = True, time.monotonic()
            try:
                both()
            finally:
                inside = False

    gc.callbacks.append(on_collection)
    gc.set_threshold(100)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        both()
        stream()
    gc.callbacks.remove(on_collection)
    gc.set_threshold(700)


def terminate() -> None:
    """Note it, then end: what a handler of SIGTERM does."""

    def on_term(number: int, frame: Any) -> None:
        both()
        client.close()
        tell()
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_term)
    print("ready", flush=True)
    while True:
        both()


if __name__ == "__main__":
    random.seed(5)
    both()
    stream()  # what is imported by a first call is there: no call can be made in the middle of an import
    globals()[PROGRAM]()
    if PROGRAM not in ("at_exit", "terminate"):
        client.close()
        tell()
