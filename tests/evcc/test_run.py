"""The car as a process of its own, over real sockets and real TLS."""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.evcc.bundle20 import several
from tests.evcc.charger import Charger, Silence, charging_status
from tests.evcc.charger20 import USUAL20
from tests.evcc.material import World
from tests.evcc.material20 import World20
from tests.evcc.scenario import build_vehicle
from v2g.net.clock import SystemClock
from v2g.net.network import TcpNetwork
from v2g.net.tls import Iso20Server, ServerTls

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def today() -> World:
    """A market whose certificates are valid on the real clock."""
    return World(seed=7, at=datetime.now(UTC) - timedelta(hours=1))


async def run_car(charger: Charger, folder: Path, *flags: str) -> tuple[int, list[str], str]:
    """Start ``evcc run`` against a charger on loopback; return exit code, lines of output, and errors."""
    listener = await TcpNetwork().listen("127.0.0.1", 0, charger.serve)
    try:
        process = await start(f"127.0.0.1:{listener.port}", folder, *flags)
        out, err = await process.communicate()
    finally:
        await listener.close()
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines(), err.decode()


async def start(address: str, folder: Path, *flags: str) -> asyncio.subprocess.Process:
    arguments = ["run", "--vehicle", str(folder), "--connect", address, *flags]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evcc.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def secured(world: World) -> Charger:
    return Charger(world, SystemClock(), tls=ServerTls(world.cpo.wire, world.cpo.leaf.signing_key()))


def events(trace: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trace.read_text().splitlines()]


async def test_two_sessions_of_a_real_process(today: World, tmp_path: Path) -> None:
    folder = build_vehicle(tmp_path / "car", today)
    trace, capture = tmp_path / "trace.jsonl", tmp_path / "car.pcapng"
    charger = secured(today)
    code, lines, err = await run_car(
        charger,
        folder,
        *("--rounds", "2", "--interval", "0", "--sessions", "2", "--json"),
        *("--trace", str(trace), "--capture", str(capture)),
    )
    assert (code, err) == (0, "")
    first, second = (json.loads(line) for line in lines)
    assert (first["outcome"], second["outcome"]) == ("ok", "ok")
    assert (first["contract_installed"], second["contract_installed"]) == (True, False)
    assert first["emaid"] == second["emaid"]
    kinds = [event["kind"] for event in events(trace)]
    assert kinds[0] == "process.ready"
    assert kinds[-1] == "process.ended"
    assert kinds.count("session.ended") == 2
    assert {event["connection"] for event in events(trace) if event["kind"] == "tls.established"} == {1, 2}
    ended = events(trace)[-1]
    assert ended["exit_code"] == 0
    assert ended["peak_rss_bytes"] < 120_000_000
    assert capture.read_bytes().count(b"CLIENT_RANDOM") == 2


async def test_what_a_person_sees(today: World, tmp_path: Path) -> None:
    folder = build_vehicle(tmp_path / "car", today)
    code, lines, err = await run_car(secured(today), folder, "--rounds", "1", "--interval", "0")
    assert (code, err) == (0, "")
    assert lines[0].startswith("car WPNC")
    assert any("CertificateInstallation" in line for line in lines)
    assert lines[-1].startswith("charged ")


async def test_the_exit_code_is_that_of_the_session(today: World, tmp_path: Path) -> None:
    folder = build_vehicle(tmp_path / "car", today)
    plain = Charger(today, SystemClock())
    code, lines, _ = await run_car(plain, folder, "--json")
    assert code == json.loads(lines[-1])["exit_code"] == 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize(
    ("request_name", "number", "code", "reason"),
    [
        ("ChargingStatusReq", signal.SIGINT, 0, ""),
        ("ChargingStatusReq", signal.SIGTERM, 0, ""),
        ("ServiceDiscoveryReq", signal.SIGINT, 130, "interrupted"),
        ("ServiceDiscoveryReq", signal.SIGTERM, 143, "interrupted"),
    ],
)
async def test_signals(
    today: World, tmp_path: Path, request_name: str, number: signal.Signals, code: int, reason: str
) -> None:
    """While power flows the car leaves in order, before that at once."""
    folder = build_vehicle(tmp_path / "car", today)
    charger = secured(today)
    process: asyncio.subprocess.Process | None = None
    seen = 0

    def strike(_charger: Charger, _request: object) -> object:
        nonlocal seen
        seen += 1
        if request_name == "ChargingStatusReq" and seen == 1:
            return charging_status()
        assert process is not None
        os.kill(process.pid, number)
        return charging_status() if request_name == "ChargingStatusReq" else Silence

    charger.answers[request_name] = strike
    listener = await TcpNetwork().listen("127.0.0.1", 0, charger.serve)
    try:
        flags = ("--rounds", "0", "--interval", "0.01", "--json")
        process = await start(f"127.0.0.1:{listener.port}", folder, *flags)
        out, err = await process.communicate()
    finally:
        await listener.close()
    assert err == b""
    summary = json.loads(out)
    assert (process.returncode, summary["exit_code"], summary["reason"]) == (code, code, reason)
    assert charger.names[-1] == ("SessionStopReq" if code == 0 else "ServiceDiscoveryReq")


def secured20(world: World20) -> Charger:
    pki = world.pki
    iso20 = Iso20Server(pki.chain("secc_leaf"), pki["secc_leaf"].signer(), [pki["oem_root"].certificate])
    tls = ServerTls(world.cpo.wire, world.cpo.leaf.signing_key(), iso20=iso20)
    return Charger(world, SystemClock(), usual=USUAL20, tls=tls)


@pytest.fixture(scope="module")
def today20() -> World20:
    return World20(seed=8, at=datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.parametrize("protocol", ["iso20-dc", "iso20-ac"])
async def test_iso20_over_real_sockets(today20: World20, tmp_path: Path, protocol: str) -> None:
    folder = build_vehicle(tmp_path / "car", today20)
    charger = secured20(today20)
    charger.answers["CertificateInstallationReq"] = several(today20, 3)
    trace, capture = tmp_path / "trace.jsonl", tmp_path / "car.pcapng"
    code, lines, err = await run_car(
        charger,
        folder,
        *("--protocols", protocol, "--rounds", "3", "--json"),
        *("--trace", str(trace), "--capture", str(capture)),
    )
    assert (code, err) == (0, "")
    summary = json.loads(lines[0])
    assert (summary["protocol"], summary["control"]) == (protocol, "scheduled")
    assert len(summary["contracts_installed"]) == 3
    (established,) = [event for event in events(trace) if event["kind"] == "tls.established"]
    assert established["version"] == "TLSv1.3"
    assert b"CLIENT_TRAFFIC_SECRET_0" in capture.read_bytes()


async def test_what_a_person_sees_of_iso20(today20: World20, tmp_path: Path) -> None:
    folder = build_vehicle(tmp_path / "car", today20)
    code, lines, err = await run_car(
        secured20(today20), folder, "--rounds", "2", "--control", "dynamic", "--bidirectional"
    )
    assert (code, err) == (0, "")
    assert any("speaking ISO 15118-20 DC" in line for line in lines)
    assert any("DC_BPT with dynamic control" in line for line in lines)
    assert any("DC_PreCharge " in line for line in lines)
    assert "DC_BPT, dynamic control" in lines[-1]
