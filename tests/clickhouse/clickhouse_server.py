"""A ClickHouse server for tests: the real engine behind HTTP on loopback, in a process that can be stopped and started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

USER, PASSWORD = "tester", "very-secret"


class ClickHouseServer:
    """Started with `start`; the port stays the same over restarts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.port}/tz"

    def start(self) -> None:
        command = [sys.executable, "-m", "tensorzero.clickhouse.holder_endpoint", "--path", str(self._directory)]
        command += ["--port", str(self.port), "--user", USER, "--password", PASSWORD]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout
        self.port = json.loads(self._process.stdout.readline())["port"]

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            assert self._process.stdout
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None
