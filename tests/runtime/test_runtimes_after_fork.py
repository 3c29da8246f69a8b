"""After a fork the child has a transport of its own, and the parent's goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest
from socket_server import SocketServer

PROGRAM = """
import asyncio, multiprocessing, os, signal, sys, threading
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive
from tensorzero.runtime.runtime import HttpRequest
from tensorzero.runtime.nonblocking import AsyncRuntime

how, start, url = sys.argv[1:]
signal.alarm(60)
runtime = BlockingRuntime() if how == "blocking" else AsyncRuntime()
run = drive if how == "blocking" else asyncio.run

async def work():
    for _ in range(3):
        reply = await runtime.http.send(HttpRequest("GET", url + "/hello", {}))
        assert reply.body == b"hello"
    stream = await runtime.http.open_stream(HttpRequest("GET", url + "/drip/3", {}))
    body = b""
    while data := await stream.read():
        body += data
    assert body == b"piece 0;piece 1;piece 2;", body
    assert await runtime.blocking(lambda: 7) == 7

def child():
    signal.alarm(5)  # a hang ends here
    run(work())

def fork():
    if start == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        return process.exitcode
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            if start == "os.fork":
                os._exit(code)
            sys.exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

async def all_of_it():
    await work()
    half = await runtime.http.open_stream(HttpRequest("GET", url + "/drip/30", {}))
    body = await half.read()
    forked = fork() if how == "blocking" else None
    while data := await half.read():
        body += data
    assert body.endswith(b"piece 29;"), body
    await work()
    return forked

forked = run(all_of_it())
if forked is None:
    forked = fork()
    run(work())
print("child", forked)
"""


@pytest.mark.parametrize("start", ["os.fork", "os.fork and exit", "multiprocessing"])
@pytest.mark.parametrize("how", ["blocking", "asyncio"])
def test_a_forked_child_uses_connections_of_its_own(how: str, start: str, server: SocketServer) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, how, start, server.url]
    found = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert found.stdout.strip().splitlines()[-1:] == ["child 0"], (found.returncode, found.stdout, found.stderr)
    assert found.stderr == ""
