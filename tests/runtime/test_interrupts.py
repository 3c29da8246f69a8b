"""Ctrl-C ends a call at once, whatever it is waiting for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from socket_server import SocketServer

PROGRAM = """
import asyncio, signal, sys, time
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive
from tensorzero.runtime.runtime import HttpRequest
from tensorzero.runtime.nonblocking import AsyncRuntime
how, what, url = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to it

def say(word):
    print(word, time.monotonic(), flush=True)

async def wait(runtime):
    if what == "send":
        await runtime.http.send(HttpRequest("POST", url + "/hang", {}, b"{}"))
    elif what == "stream":
        stream = await runtime.http.open_stream(HttpRequest("POST", url + "/stall", {}, b"{}"))
        while True:
            await stream.read()
    elif what == "sleep":
        say("waiting")
        await runtime.sleep(30)
    elif what == "database":
        def read():
            say("waiting")
            time.sleep(30)
        await runtime.blocking(read)
    else:
        async def one():
            await runtime.http.send(HttpRequest("POST", url + "/hang", {}, b"{}"))
        await runtime.gather(one(), one())

try:
    drive(wait(BlockingRuntime())) if how == "blocking" else asyncio.run(wait(AsyncRuntime()))
except KeyboardInterrupt:
    say("interrupted")
"""


@pytest.mark.parametrize("what", ["send", "stream", "sleep", "database", "gather"])
@pytest.mark.parametrize("how", ["blocking", "asyncio"])
def test_ctrl_c_ends_a_call_at_once(how: str, what: str, server: SocketServer) -> None:
    command = [sys.executable, "-c", PROGRAM, how, what, server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            if what in {"sleep", "database"}:
                assert process.stdout.readline().startswith("waiting")
            expected = {"send": 1, "stream": 1, "gather": 2}.get(what, 0)
            server.wait(lambda: len(server.requests) == expected, 60)
            time.sleep(0.05)  # the request is read; now the process waits for the answer
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            word, at = process.stdout.readline().split()
            assert word == "interrupted"
            assert float(at) - begin < 10, "the wait itself lasts half a minute at least"
            assert process.wait(20) == 0, process.stderr.read()
            assert time.monotonic() - begin < 20, "the interpreter waited for something"
        finally:
            process.kill()
