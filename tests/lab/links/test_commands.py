"""``pnclab link`` as a user runs it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.cli import main
from lab.processes import Child, Processes

PNCLAB = (sys.executable, "-m", "lab.cli", "link")


def test_presets_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["link", "presets"]) == 0
    text = capsys.readouterr().out
    assert "lte-edge" in text
    assert "Lighthouse" in text
    assert main(["link", "presets", "nb-iot", "--json"]) == 0
    (preset,) = json.loads(capsys.readouterr().out).values()
    assert preset["link"]["down"]["rate_bit_s"] == 26_000
    assert preset["sources"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["presets", "5g"], "there is no preset '5g'"),
        (["run", "--to", "localhost"], "HOST:PORT"),
        (["run", "--to", "[::1]:1", "--preset", "5g"], "there is no preset"),
        (["run", "--to", "[::1]:1", "--loss", "200%"], "between 0 and 100"),
        (["run", "--to", "[::1]:1", "--loss", "80%", "--burst", "1"], "--loss, --burst"),
        (["run", "--to", "[::1]:1", "--outage", "5s"], "START+LENGTH"),
        (["run", "--to", "[::1]:1", "--mtu", "10"], "mtu must lie between"),
        (["run", "--to", "[::1]:1", "--toxic", "boom"], "there is no toxic"),
        (["status", "127.0.0.1:1"], "127.0.0.1:1: Connection refused"),
        (["set", "nowhere", "--delay", "1s"], "HOST:PORT"),
    ],
)
def test_mistakes_are_told(capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    assert main(["link", *arguments]) == 2
    assert reason in capsys.readouterr().err


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    async with Processes(tmp_path / "logs") as running:
        yield running


async def link(processes: Processes, *options: str) -> Child:
    return await processes.serve("link", [*PNCLAB, "run", "--json", *options])


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(100))
    writer.close()


@pytest.mark.system
async def test_a_link_runs_changes_and_ends(processes: Processes) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    child = await link(processes, "--to", f"127.0.0.1:{port}", "--preset", "office-lan", "--delay", "5ms")
    assert child.ready["link"]["rtt"] == {"kind": "constant", "value_s": 0.01}
    host, _, at = str(child.ready["address"]).rpartition(":")
    control = str(child.ready["control"])

    async def knock() -> bytes:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(at))
        writer.write(b"hello")
        answer = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return answer

    assert await knock() == b"hello"
    changed = await processes.run(
        "set",
        [
            *PNCLAB,
            "set",
            control,
            "--json",
            "--loss",
            "1%",
            "--outage",
            "9min+1s",
            "--toxic",
            "truncate,after=2",
        ],
    )
    now = json.loads(changed)
    assert now["link"]["up"]["loss"]["good"] == 0.01
    assert now["link"]["up"]["rate_bit_s"] == 100e6
    assert now["link"]["outages"] == [{"start_s": 540.0, "length_s": 1.0, "every_s": None}]
    assert now["toxics"][0]["kind"] == "truncate"
    assert await knock() == b"he"
    said = await processes.run("status", [*PNCLAB, "status", control])
    assert "2 connections" in said
    assert "truncate" in said
    cleared = await processes.run(
        "clear", [*PNCLAB, "set", control, "--no-toxics", "--reset", "--preset", "lte-good", "--json"]
    )
    assert json.loads(cleared)["toxics"] == []
    assert json.loads(cleared)["link"]["name"] == "lte-good"
    assert await processes.end(child) == 0
    lines = [json.loads(line) for line in child.log.read_text().splitlines() if line.startswith("{")]
    assert [next(iter(line)) for line in lines] == ["connection", "connection", "ended"]
    server.close()
    await server.wait_closed()


@pytest.mark.system
async def test_an_address_that_cannot_be_had_is_exit_code_3(processes: Processes) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    taken = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        *PNCLAB, "run", "--listen", taken, "--to", taken,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    _, error = await process.communicate()
    assert process.returncode == 3
    assert f"cannot listen at {taken}: Address already in use" in error.decode()
    server.close()
    await server.wait_closed()
