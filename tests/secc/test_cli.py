"""The command: what it prints, how it exits, and the charger as a real process."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from secc.cli import main
from secc.config import Config, load
from secc.diagram import mermaid, page
from secc.iso2 import PROTOCOL
from tests.secc import kit
from tests.secc.kit import Car
from v2g.endpoint import Endpoint
from v2g.messages import iso2
from v2g.messages.iso2 import PaymentOption
from v2g.net.clock import SystemClock
from v2g.net.network import TcpNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, client_tls

ROOT = Path(__file__).parents[2]


def test_config_prints_a_file_that_can_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["config"]) == 0
    file = tmp_path / "secc.toml"
    file.write_text(capsys.readouterr().out)
    assert load(file) == Config()


def test_diagram_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram"]) == 0
    assert capsys.readouterr().out == mermaid(PROTOCOL) + "\n"
    assert main(["diagram", "--page"]) == 0
    assert capsys.readouterr().out == page(PROTOCOL)


@pytest.mark.parametrize("command", [[], ["run"]])
def test_help_has_examples_and_exit_codes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "secc run --pki pki" in text
    assert "exit codes" in text


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Leave logging as it was: the command configures it."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--config", "missing.toml"], 2, "missing.toml: No such file"),
        (["--listen", "nowhere"], 2, "command line: network.listen"),
        (["--no-sdp"], 2, "network.listen: an address is needed"),
        (["--no-sdp", "--listen", "[::1]:0"], 2, "certificates.chain: TLS needs it"),
        (["--no-sdp", "--listen", "[::1]:0", "--pki", "nothing"], 2, "certificates.directory"),
        (["--no-tls", "--no-sdp", "--listen", "[::1]:0", "--trace", "no/where"], 2, "output.trace"),
        (["--no-tls", "--no-sdp", "--listen", "[::1]:0", "--capture", "no/where"], 2, "output.capture"),
        (
            ["--no-tls", "--no-sdp", "--listen", "[::1]:0", "--backend", "https://x"],
            2,
            "backend.ca",
        ),
        (["--no-tls", "--no-sdp", "--listen", "192.0.2.1:0"], 3, "192.0.2.1:0: cannot listen"),
        (["--no-tls", "--interface", "none77"], 3, "there is no interface none77"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_exit_code(
    arguments: list[str],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "https://x" in arguments:
        (tmp_path / "bad.toml").write_text('[backend]\nca = "missing.pem"\n')
        arguments = [*arguments, "--config", "bad.toml"]
    assert main(["run", *arguments]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.startswith("secc: ")
    assert captured.out == ""


# --- the real process -----------------------------------------------------------------------------------


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """Start ``secc run`` and give its ready line; the process is gone afterwards."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "secc.cli", "run", "--json", *arguments, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        yield child, json.loads(await child.stdout.readline())
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def connect(address: str, roots: Path | None) -> Car:
    endpoint = Endpoint.parse(address)
    stream: Stream = await TcpNetwork().connect(endpoint.host, endpoint.port)
    if roots is not None:
        stream = await client_tls(stream, ClientTls(roots))
    return Car(stream, SystemClock())


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    now = datetime.now(UTC) - timedelta(minutes=1)
    Hierarchy.create(now=now, entropy=SystemEntropy()).save(tmp_path / "pki")
    return tmp_path / "pki"


@pytest.mark.system
async def test_a_process_serves_tls_and_plain_and_ends_in_order(pki: Path, tmp_path: Path) -> None:
    trace, capture = tmp_path / "trace.jsonl", tmp_path / "capture.pcapng"
    config = tmp_path / "secc.toml"
    config.write_text("[network]\nshutdown_grace_s = 0\nlinger_s = 0\n")
    arguments = [
        "--config",
        str(config),
        "--pki",
        str(pki),
        "--no-sdp",
        "--listen",
        "[::1]:0",
        "--listen-plain",
        "127.0.0.1:0",
    ]
    async with process(*arguments, "--trace", str(trace), "--capture", str(capture)) as (child, ready):
        assert ready["ready"] is True
        assert ready["pid"] == child.pid
        assert ready["security"] == "tls"
        car = await connect(ready["address"], pki / "v2g" / "root.pem")
        await car.negotiate()
        await car.ask(kit.SETUP)
        response = await car.ask(iso2.ServiceDiscoveryReq())
        assert response.payment_option_list.payment_option == list(PaymentOption)
        assert response.service_list is None  # no backend
        await car.ask(kit.TERMINATE)
        await car.channel.close()
        plain = await connect(ready["plain_address"], None)
        await plain.negotiate()
        await plain.ask(kit.SETUP)
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
        await plain.channel.close()
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    assert events[0]["kind"] == "process.ready"
    assert events[0]["address"] == ready["address"]
    assert events[-1]["kind"] == "process.ended"
    assert events[-1]["exit_code"] == 0
    assert 10e6 < events[-1]["peak_rss_bytes"] < 120e6
    outcomes = [event["outcome"] for event in events if event["kind"] == "session.ended"]
    assert outcomes == ["ok", "aborted"]
    content = capture.read_bytes()
    assert content.startswith(b"\x0a\x0d\x0d\x0a")
    assert b"CLIENT_RANDOM" in content


@pytest.mark.system
async def test_sigint_ends_it_too_and_people_get_a_sentence(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "secc.cli", "run", "--no-tls", "--no-sdp", "--listen", "127.0.0.1:0"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert child.stdout is not None
    line = (await child.stdout.readline()).decode()
    assert line.startswith("secc ready: plain TCP on 127.0.0.1:")
    os.kill(child.pid, signal.SIGINT)
    assert await child.wait() == 0
    await child.communicate()


@pytest.mark.system
async def test_a_port_in_use_is_exit_code_3() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "secc.cli", "run", "--no-tls", "--no-sdp", "--listen", address),
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        _, errors = await child.communicate()
    assert child.returncode == 3
    assert address in errors.decode()
