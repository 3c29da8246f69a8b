"""A Python program beside the test: another notebook on the same database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class OtherProcess:
    """Runs `program` with the database's URL and the folder of `sample_rows`; it says a line when it is ready."""

    def __init__(self, program: str, url: str) -> None:
        command = [sys.executable, "-c", program, url, str(Path(__file__).parent)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.line()

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
