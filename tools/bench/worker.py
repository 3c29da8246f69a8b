"""One client in a process of its own. Runs under any interpreter: standard library, and the package that it measures.

    python worker.py KIND BASE_URL CONFIG_FILE [CLICKHOUSE_URL]

KIND is tensorzero-sync, tensorzero-async, httpx-sync, httpx-async, litellm-sync or litellm-async. Reads one JSON order a line,
`{"measure": …, …}`, and answers each with one JSON line. Seconds throughout.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
import warnings

ANSWER = "tokens-120"
TOPICS = ["rivers", "bridges", "clocks", "lanterns", "maps"]
INPUT = {
    "system": {"tone": "plain", "topics": TOPICS},
    "messages": [
        {"role": "user", "content": [{"type": "text", "arguments": {"question": "Which of them is oldest? " * 8}}]},
        {"role": "assistant", "content": "The oldest of them is the river. " * 8},
        {"role": "user", "content": [{"type": "text", "arguments": {"question": "And which came after it? " * 8}}]},
        {"role": "assistant", "content": "After the river came the bridge. " * 8},
        {"role": "user", "content": [{"type": "text", "arguments": {"question": "Why do you think so? " * 8}}]},
    ],
}
MESSAGES = [
    {"role": "system", "content": "Answer in a plain tone. Topics: " + ", ".join(TOPICS)},
    {"role": "user", "content": "Question: " + "Which of them is oldest? " * 8},
    {"role": "assistant", "content": "The oldest of them is the river. " * 8},
    {"role": "user", "content": "Question: " + "And which came after it? " * 8},
    {"role": "assistant", "content": "After the river came the bridge. " * 8},
    {"role": "user", "content": "Question: " + "Why do you think so? " * 8},
]


class TensorZeroSync:
    """An embedded gateway, blocking; the original's package or ours, whichever this interpreter has."""

    def __init__(self, base_url, config_file, clickhouse_url=None):
        from tensorzero import TensorZeroGateway

        self.client = TensorZeroGateway.build_embedded(config_file=config_file, clickhouse_url=clickhouse_url)

    def call(self):
        return self.client.inference(function_name="draft", input=INPUT).usage.output_tokens

    def stream(self, tokens):
        return self.client.inference(function_name=f"draft_{tokens}", input=INPUT, stream=True)

    def flush(self):
        self.client.close()


class TensorZeroAsync:
    def __init__(self, base_url, config_file, clickhouse_url=None):
        self.arguments = {"config_file": config_file, "clickhouse_url": clickhouse_url}

    async def open(self):
        from tensorzero import AsyncTensorZeroGateway

        self.client = await AsyncTensorZeroGateway.build_embedded(**self.arguments)

    async def call(self):
        return (await self.client.inference(function_name="draft", input=INPUT)).usage.output_tokens

    async def stream(self, tokens):
        return await self.client.inference(function_name=f"draft_{tokens}", input=INPUT, stream=True)


class HttpxSync:
    """What a careful user writes by hand: httpx, json, server-sent events line by line."""

    def __init__(self, base_url, config_file, clickhouse_url=None):
        import httpx

        self.client = httpx.Client(base_url=base_url, trust_env=False)

    def call(self):
        reply = self.client.post("/v1/chat/completions", json={"model": ANSWER, "messages": MESSAGES})
        return reply.json()["usage"]["completion_tokens"]

    def stream(self, tokens):
        body = {"model": f"tokens-{tokens}", "messages": MESSAGES, "stream": True}
        with self.client.stream("POST", "/v1/chat/completions", json=body) as reply:
            for line in reply.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])


class HttpxAsync:
    def __init__(self, base_url, config_file, clickhouse_url=None):
        self.base_url = base_url

    async def open(self):
        import httpx

        limits = httpx.Limits(max_connections=128, max_keepalive_connections=128)
        self.client = httpx.AsyncClient(base_url=self.base_url, trust_env=False, limits=limits, timeout=60)

    async def call(self):
        reply = await self.client.post("/v1/chat/completions", json={"model": ANSWER, "messages": MESSAGES})
        return reply.json()["usage"]["completion_tokens"]

    async def stream(self, tokens):
        return self._chunks(tokens)

    async def _chunks(self, tokens):
        body = {"model": f"tokens-{tokens}", "messages": MESSAGES, "stream": True}
        async with self.client.stream("POST", "/v1/chat/completions", json=body) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])


class LitellmSync:
    def __init__(self, base_url, config_file, clickhouse_url=None):
        import litellm

        litellm.suppress_debug_info = True
        litellm.telemetry = False
        self.litellm = litellm
        self.arguments = {"api_base": base_url + "/v1", "api_key": "none", "messages": MESSAGES}

    def call(self):
        return self.litellm.completion(model="openai/" + ANSWER, **self.arguments).usage.completion_tokens

    def stream(self, tokens):
        return self.litellm.completion(model=f"openai/tokens-{tokens}", stream=True, **self.arguments)


class LitellmAsync(LitellmSync):
    async def open(self):
        pass

    async def call(self):
        return (await self.litellm.acompletion(model="openai/" + ANSWER, **self.arguments)).usage.completion_tokens

    async def stream(self, tokens):
        return await self.litellm.acompletion(model=f"openai/tokens-{tokens}", stream=True, **self.arguments)


def summary(seconds, cpu):
    ordered = sorted(seconds)
    return {"p50": statistics.median(ordered), "p99": ordered[int(len(ordered) * 0.99)], "cpu": cpu / len(ordered)}


def latency(client, calls):
    for _ in range(20):
        client.call()
    seconds, cpu = [], time.process_time()
    for _ in range(calls):
        start = time.perf_counter()
        client.call()
        seconds.append(time.perf_counter() - start)
    return summary(seconds, time.process_time() - cpu)


async def latency_async(client, calls):
    for _ in range(20):
        await client.call()
    seconds, cpu = [], time.process_time()
    for _ in range(calls):
        start = time.perf_counter()
        await client.call()
        seconds.append(time.perf_counter() - start)
    return summary(seconds, time.process_time() - cpu)


async def throughput_async(client, calls, in_flight):
    """Calls a second with that many in flight."""
    left = iter(range(calls))

    async def work():
        for _ in left:
            await client.call()

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return {"rate": calls / (time.perf_counter() - start)}


def first_chunk(client, streams):
    """Seconds from the call to the first chunk; the streams are read to their end."""
    seconds = []
    for _ in range(streams):
        start, first = time.perf_counter(), None
        for _chunk in client.stream(100):
            first = first or time.perf_counter() - start
        seconds.append(first)
    return {"p50": statistics.median(seconds)}


async def first_chunk_async(client, streams):
    seconds = []
    for _ in range(streams):
        start, first = time.perf_counter(), None
        async for _chunk in await client.stream(100):
            first = first or time.perf_counter() - start
        seconds.append(first)
    return {"p50": statistics.median(seconds)}


def chunks(client, streams):
    """Chunks a second of 1,000-token streams, one after another."""
    rates = []
    for _ in range(streams):
        start = time.perf_counter()
        count = sum(1 for _chunk in client.stream(1000))
        rates.append(count / (time.perf_counter() - start))
    return {"rate": statistics.median(rates), "chunks": count}


async def chunks_async(client, streams):
    rates = []
    for _ in range(streams):
        start, count = time.perf_counter(), 0
        async for _chunk in await client.stream(1000):
            count += 1
        rates.append(count / (time.perf_counter() - start))
    return {"rate": statistics.median(rates), "chunks": count}


def paced(client, seconds, calls_per_second):
    """Latency of calls started on a fixed beat, as an application's are."""
    for _ in range(20):
        client.call()
    times, cpu, begin = [], time.process_time(), time.perf_counter()
    for number in range(int(seconds * calls_per_second)):
        due = begin + number / calls_per_second
        while (wait := due - time.perf_counter()) > 0:
            time.sleep(wait)
        start = time.perf_counter()
        client.call()
        times.append(time.perf_counter() - start)
    return summary(times, time.process_time() - cpu)


SYNC = {"latency": latency, "first_chunk": first_chunk, "chunks": chunks, "paced": paced}
ASYNC = {
    "latency": latency_async,
    "first_chunk": first_chunk_async,
    "chunks": chunks_async,
    "throughput": throughput_async,
}
KINDS = {
    "tensorzero-sync": TensorZeroSync,
    "tensorzero-async": TensorZeroAsync,
    "httpx-sync": HttpxSync,
    "httpx-async": HttpxAsync,
    "litellm-sync": LitellmSync,
    "litellm-async": LitellmAsync,
}


def orders():
    for line in sys.stdin:
        yield json.loads(line)


def answer(value):
    ANSWERS.write(json.dumps(value) + "\n")
    ANSWERS.flush()


def main_sync(client):
    answer({"ready": True, "tokens": client.call()})
    for order in orders():
        answer(SYNC[order.pop("measure")](client, **order))
    if hasattr(client, "flush"):
        client.flush()


async def main_async(client):
    await client.open()
    answer({"ready": True, "tokens": await client.call()})
    for order in orders():
        answer(await ASYNC[order.pop("measure")](client, **order))


def main():
    warnings.simplefilter("ignore")
    kind, arguments = sys.argv[1], sys.argv[2:]
    client = KINDS[kind](*arguments)
    if kind.endswith("async"):
        asyncio.run(main_async(client))
    else:
        main_sync(client)


if __name__ == "__main__":
    ANSWERS = os.fdopen(os.dup(1), "w")  # what a package prints goes to standard error
    os.dup2(2, 1)
    main()
