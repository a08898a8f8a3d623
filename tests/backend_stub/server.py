"""The real market process, for the tests that need one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = [sys.executable, "-c", "import sys; from backend_stub.cli import main; sys.exit(main())"]


@dataclass
class Server:
    """A running ``backend-stub serve``."""

    process: subprocess.Popen[str]
    url: str

    def kill(self) -> None:
        """Kill it as `kill -9` does; nothing of it runs any more afterwards."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def serving(pki: Path, database: str | Path, *options: str) -> Iterator[Server]:
    """Start the market on any free port; it is ended afterwards in any case."""
    arguments = [*COMMAND, "serve", "--pki", str(pki), "--database", str(database), "--port", "0", "--json"]
    process = subprocess.Popen([*arguments, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        try:
            ready = json.loads(process.stdout.readline())
            assert ready["ready"] is True
            assert ready["pid"] == process.pid
            yield Server(process, ready["address"])
        finally:
            process.kill()
            process.wait()


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run one ``backend-stub`` command to its end."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
