"""Child processes are watched while they run and gone afterwards."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from lab.processes import Child, ProcessError, Processes, last_lines

READY = 'print(\'{"ready": true, "address": "here"}\', flush=True); '
BLOCK = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
SERVER = [sys.executable, "-c", f"{BLOCK}{READY} signal.sigwait([signal.SIGTERM])"]


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def gone(child: Child) -> bool:
    try:
        os.kill(child.process.pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_server_is_ready_when_it_says_so_and_ends_with_the_context(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        server = await processes.serve("server", SERVER)
        assert server.ready == {"ready": True, "address": "here"}
        assert not gone(server)
    assert gone(server)
    assert server.ended.result() == 0


async def test_a_command_gives_its_output(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        assert await processes.run("hello", python("print('hello')")) == "hello\n"


async def test_a_failing_command_gives_code_output_and_last_words(tmp_path: Path) -> None:
    program = "import sys; print('out'); print('first\\nlast words', file=sys.stderr); sys.exit(7)"
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError) as caught:
            await processes.run("bad", python(program))
    assert (caught.value.name, caught.value.exit_code, caught.value.output) == ("bad", 7, "out\n")
    assert caught.value.lines == ("first", "last words")
    assert str(caught.value) == "bad: ended with code 7"


async def test_a_server_that_ends_before_it_is_ready(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError) as caught:
            await processes.serve("server", python("import sys; sys.exit('no port is free')"))
    assert caught.value.exit_code == 1
    assert caught.value.lines == ("no port is free",)


@pytest.mark.parametrize("line", ["nonsense", "{}", "[1]", '{"ready": false}'])
async def test_a_first_line_that_is_no_ready_line(tmp_path: Path, line: str) -> None:
    program = f"import signal; print({line!r}, flush=True); signal.sigwait([signal.SIGTERM])"
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError, match="no ready line"):
            await processes.serve("server", python(program))


async def test_a_server_that_falls_ends_the_run(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        server = await processes.serve("server", SERVER)
        waiting = asyncio.ensure_future(
            processes.run("car", python("import signal; signal.sigwait([signal.SIGTERM])"))
        )
        server.process.send_signal(signal.SIGKILL)
        with pytest.raises(ProcessError) as caught:
            await waiting
    assert (caught.value.name, caught.value.exit_code) == ("server", -9)


async def test_a_command_that_takes_too_long(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError, match=r"did not end within 0\.01 s"):
            await processes.run("slow", python("import signal; signal.pause()"), within_s=0.01)


async def test_a_child_that_ignores_the_signal_is_killed_with_its_own_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.processes._END_WITHIN_S", 0.05)
    program = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']); "
        'print(\'{"ready": true, "child": %d}\' % child.pid, flush=True); signal.pause()'
    )
    async with Processes(tmp_path) as processes:
        server = await processes.serve("stubborn", python(program))
        watched = os.pidfd_open(server.ready["child"]) if hasattr(os, "pidfd_open") else None
    assert gone(server)
    if watched is not None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(watched, ended.set)
        async with asyncio.timeout(10):
            await ended.wait()
        loop.remove_reader(watched)
        os.close(watched)


async def test_an_error_inside_the_context_still_ends_all(tmp_path: Path) -> None:
    servers: list[Child] = []

    async def work() -> None:
        async with Processes(tmp_path) as processes:
            servers.append(await processes.serve("server", SERVER))
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await work()
    assert gone(servers[0])


async def test_cancelling_still_ends_all(tmp_path: Path) -> None:
    started: asyncio.Future[Child] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with Processes(tmp_path) as processes:
            started.set_result(await processes.serve("server", SERVER))
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    server = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(server)


async def test_what_a_server_says_later_goes_to_its_log(tmp_path: Path) -> None:
    program = f"{BLOCK}{READY} print('and more', flush=True); signal.sigwait([signal.SIGTERM])"
    async with Processes(tmp_path) as processes:
        server = await processes.serve("server", python(program))
    assert server.last_lines() == ["and more"]


def test_last_lines_of_no_file(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none") == []
