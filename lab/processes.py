"""Child processes that are started, watched and never left behind.

:class:`Processes` is an async context manager. Each child gets a session (and so a process group) of its
own, says that it is ready by one line of JSON on standard output, and writes its log to a file. On leaving the
context, whatever the reason, children end in the reverse order of their start: SIGTERM first, then
SIGKILL for the whole group. On Linux a child is also ended by the kernel when this process dies.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

READY_WITHIN_S = 20.0
_END_WITHIN_S = 6.0
_LAST_LINES = 12
_PR_SET_PDEATHSIG = 1


class ProcessError(Exception):
    """A child did not do what it should.

    ``name`` is the child, ``reason`` says it in words, ``lines`` are the last ones of its log, ``exit_code``
    is None where it did not end by itself, ``output`` is what a command had printed.
    """

    def __init__(
        self,
        name: str,
        reason: str,
        lines: Sequence[str] = (),
        exit_code: int | None = None,
        output: str = "",
    ) -> None:
        self.name = name
        self.reason = reason
        self.lines = tuple(lines)
        self.exit_code = exit_code
        self.output = output
        super().__init__(f"{name}: {reason}")


@dataclass(slots=True)
class Child:
    """One child process; ``ready`` is what its ready line said, empty for one that is no server."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    ready: dict[str, Any]
    ended: asyncio.Task[int]

    def last_lines(self) -> list[str]:
        """Return the last lines of the child's log."""
        return last_lines(self.log)


class Processes:
    """The children of one run; ``logs`` is the folder for their log files."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.end_all()
        finally:
            # Every child has ended, so the tasks that wait for them are over.
            await self._tasks.__aexit__(None, None, None)

    async def serve(self, name: str, command: Sequence[str]) -> Child:
        """Start a server and return once its ready line came; raises ProcessError when it does not."""
        child = await self._start(name, command)
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                child.ready = await _ready_line(child)
        except TimeoutError:
            raise ProcessError(name, f"not ready within {READY_WITHIN_S:g} s", child.last_lines()) from None
        self._tasks.create_task(_drain(child))
        return child

    async def run(
        self, name: str, command: Sequence[str], *, within_s: float = 120.0, watch: bool = True
    ) -> str:
        """Run a command to its end and return its standard output.

        Raises ProcessError when it ends with a code other than 0, takes longer than ``within_s``, or (with
        ``watch``) a server ends meanwhile.
        """
        child = await self._start(name, command)
        assert child.process.stdout is not None
        output = self._tasks.create_task(child.process.stdout.read())
        servers = [other for other in self._children if watch and other.ready and not other.ended.done()]
        done, _ = await asyncio.wait(
            [child.ended, *(server.ended for server in servers)],
            timeout=within_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if child.ended not in done:
            for server in servers:
                if server.ended in done:
                    code = server.ended.result()
                    raise ProcessError(server.name, f"ended with code {code}", server.last_lines(), code)
            raise ProcessError(name, f"did not end within {within_s:g} s", child.last_lines())
        text = (await output).decode(errors="replace")
        code = child.ended.result()
        if code != 0:
            lines = child.last_lines() or text.splitlines()[-_LAST_LINES:]
            raise ProcessError(name, f"ended with code {code}", lines, code, text)
        return text

    async def end(self, child: Child) -> int:
        """End a child in order, by force where it takes too long, and return its exit code."""
        if not child.ended.done():
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
            await asyncio.wait([child.ended], timeout=_END_WITHIN_S)
            _kill_group(child)
        return await child.ended

    async def end_all(self) -> None:
        """End all children, the last one first; whoever cannot wait for that has them killed at once."""
        try:
            for child in reversed(self._children):
                await self.end(child)
        except BaseException:
            for child in self._children:
                _kill_group(child)
            raise

    async def _start(self, name: str, command: Sequence[str]) -> Child:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=file,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        child = Child(name, process, log, {}, self._tasks.create_task(process.wait()))
        self._children.append(child)
        return child


async def _ready_line(child: Child) -> dict[str, Any]:
    """Return what the first line of a server says; raises ProcessError."""
    assert child.process.stdout is not None
    line = await child.process.stdout.readline()
    if not line:
        code = await child.ended
        raise ProcessError(
            child.name, f"ended with code {code} before it was ready", child.last_lines(), code
        )
    try:
        ready = msgspec.json.decode(line)
    except msgspec.DecodeError:
        ready = None
    if not isinstance(ready, dict) or ready.get("ready") is not True:
        raise ProcessError(
            child.name, "its first line is no ready line", [line.decode(errors="replace").rstrip()]
        )
    return ready


async def _drain(child: Child) -> None:
    """Keep a server's standard output from filling up; what it says goes to its log."""
    assert child.process.stdout is not None
    async for line in child.process.stdout:
        with child.log.open("ab") as file:
            file.write(line)


def last_lines(log: Path, count: int = _LAST_LINES) -> list[str]:
    """Return the last lines of a log file; none when there is no such file."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-count:]


def _kill_group(child: Child) -> None:
    if not child.ended.done():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child does before it becomes another program; None where there is no such thing."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel
