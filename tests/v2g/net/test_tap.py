"""What the tap records: tshark opens it, finds nothing wrong, and reads the messages in clear text."""

import asyncio
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pki.hierarchy import Hierarchy
from tests.conftest import VirtualTime
from tests.v2g import pcapng
from v2g.capture import Capture
from v2g.errors import TlsError
from v2g.net.clock import LoopClock, SystemClock
from v2g.net.keylog import KeyLog
from v2g.net.network import Network, TcpNetwork
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tap import TappedStream
from v2g.net.tls import ClientTls, ServerTls, client_tls, server_tls
from v2g.v2gtp import PayloadType, encode_frame

tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

REQUEST = encode_frame(PayloadType.EXI, b"the request in EXI")
RESPONSE = encode_frame(PayloadType.EXI, b"the response in EXI" * 100)


def run_tshark(path: Path, *arguments: str) -> str:
    command = [
        "tshark",
        "-n",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
        "-r",
        str(path),
    ]
    done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def clear_text(path: Path, stream: int) -> tuple[bytes, bytes]:
    """What each side of a connection said, client first, as tshark decrypts it."""
    client = server = b""
    for line in run_tshark(path, "-q", "-z", f"follow,tls,raw,{stream}").splitlines():
        digits = line.strip()
        if digits and all(digit in "0123456789abcdef" for digit in digits):
            if line.startswith("\t"):
                server += bytes.fromhex(digits)
            else:
                client += bytes.fromhex(digits)
    return client, server


async def read_exactly(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read()
    return data


async def dialogue(
    network: Network,
    hierarchy: Hierarchy,
    *,
    ev_capture: Capture,
    charger_capture: Capture,
    cars: int = 1,
    virtual: bool = False,
) -> None:
    """Let cars ask and a charger answer over TLS, each side recording into its own file."""
    clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC)) if virtual else SystemClock()
    with KeyLog(reader=ev_capture.add_secrets) as ev_keys, KeyLog(reader=charger_capture.add_secrets) as keys:
        leaf = hierarchy["secc_leaf"]
        charger = ServerTls(hierarchy.chain("secc_leaf"), leaf.signing_key(), keylog=keys)
        ev = ClientTls([hierarchy["v2g_root"].certificate], keylog=ev_keys)

        async def serve(raw: Stream) -> None:
            stream = await server_tls(TappedStream(raw, charger_capture, clock, outgoing=False), charger)
            await read_exactly(stream, len(REQUEST))
            await stream.write(RESPONSE)
            assert await stream.read() == b""
            await stream.close()

        async def drive() -> None:
            raw = await network.connect("::1", listener.port)
            stream = await client_tls(TappedStream(raw, ev_capture, clock, outgoing=True), ev)
            await stream.write(REQUEST)
            assert await read_exactly(stream, len(RESPONSE)) == RESPONSE
            await stream.close()

        listener = await network.listen("::1", 0, serve)
        async with asyncio.TaskGroup() as group:
            for _ in range(cars):
                group.create_task(drive())
        await asyncio.sleep(0.05 if virtual else 0)
        await listener.close()


@tshark
@pytest.mark.parametrize("cars", [1, 3])
async def test_both_sides_record_sessions_that_tshark_decrypts(
    cars: int, hierarchy: Hierarchy, tmp_path: Path
) -> None:
    captures = Capture(tmp_path / "ev.pcapng"), Capture(tmp_path / "charger.pcapng")
    await dialogue(TcpNetwork(), hierarchy, ev_capture=captures[0], charger_capture=captures[1], cars=cars)
    for capture in captures:
        capture.close()
        for stream in range(cars):
            assert clear_text(capture.path, stream) == (REQUEST, RESPONSE)
        assert run_tshark(capture.path, "-Y", "_ws.malformed || tcp.checksum.status == 0") == ""
        assert run_tshark(capture.path, "-Y", "tcp.analysis.flags") == ""


@tshark
@pytest.mark.parametrize("chunk_size", [None, 50])
def test_a_simulated_session_is_recorded_in_virtual_time(
    chunk_size: int | None, hierarchy: Hierarchy, tmp_path: Path, virtual_time: VirtualTime
) -> None:
    captures = Capture(tmp_path / "ev.pcapng"), Capture(tmp_path / "charger.pcapng")
    network = SimulatedNetwork(delay_s=0.02, chunk_size=chunk_size)
    virtual_time(
        dialogue(network, hierarchy, ev_capture=captures[0], charger_capture=captures[1], virtual=True)
    )
    for capture in captures:
        capture.close()
        assert clear_text(capture.path, 0) == (REQUEST, RESPONSE)
    times = run_tshark(captures[0].path, "-T", "fields", "-e", "frame.time_epoch").split()
    # TCP round trip 40 ms, then two for TLS, one for the request.
    assert [times[0], times[-1]] == ["1767225600.040000000", "1767225600.160000000"]


@tshark
def test_the_file_is_readable_while_the_session_runs(
    hierarchy: Hierarchy, tmp_path: Path, virtual_time: VirtualTime
) -> None:
    captures = Capture(tmp_path / "ev.pcapng"), Capture(tmp_path / "charger.pcapng")
    virtual_time(
        dialogue(
            SimulatedNetwork(), hierarchy, ev_capture=captures[0], charger_capture=captures[1], virtual=True
        )
    )
    assert clear_text(captures[0].path, 0) == (REQUEST, RESPONSE)
    for capture in captures:
        capture.close()


def test_a_plain_connection_is_recorded_with_both_ends(tmp_path: Path, virtual_time: VirtualTime) -> None:
    capture = Capture(tmp_path / "plain.pcapng")

    async def scenario() -> None:
        async def serve(stream: Stream) -> None:
            await stream.write(await stream.read())

        network = SimulatedNetwork()
        listener = await network.listen("", 0, serve)
        clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
        for end in ("closed", "aborted"):
            raw = await network.connect("::1", listener.port)
            stream = TappedStream(raw, capture, clock, outgoing=True, comment=end)
            assert (stream.local, stream.peer) == (raw.local, raw.peer)
            await stream.write(REQUEST)
            assert await stream.read() == REQUEST
            if end == "closed":
                assert await stream.read() == b""
                await stream.close()
            else:
                stream.abort()
        await listener.close()

    virtual_time(scenario())
    capture.close()
    segments = pcapng.read(capture.path).segments()
    assert [segment.flags for segment in segments] == [2, 18, 16, 24, 24, 17, 17, 16, 2, 18, 16, 24, 24, 20]
    assert [segment.payload for segment in segments if segment.payload] == [REQUEST] * 4
    assert [segment.comment for segment in segments if segment.comment] == ["closed", "aborted"]


def test_a_handshake_that_fails_is_recorded_too(
    tmp_path: Path, hierarchy: Hierarchy, other_hierarchy: Hierarchy, virtual_time: VirtualTime
) -> None:
    capture = Capture(tmp_path / "ev.pcapng")

    async def scenario() -> None:
        foreign = ServerTls(other_hierarchy.chain("secc_leaf"), other_hierarchy["secc_leaf"].signing_key())

        async def serve(stream: Stream) -> None:
            with pytest.raises(TlsError):
                await server_tls(stream, foreign)

        network = SimulatedNetwork()
        listener = await network.listen("", 0, serve)
        clock = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
        with KeyLog(reader=capture.add_secrets) as keys:
            raw = await network.connect("::1", listener.port)
            tapped = TappedStream(raw, capture, clock, outgoing=True)
            with pytest.raises(TlsError):
                await client_tls(tapped, ClientTls([hierarchy["v2g_root"].certificate], keylog=keys))
            assert tapped.tls is None
        await asyncio.sleep(0.1)
        await listener.close()

    virtual_time(scenario())
    capture.close()
    alert = bytes.fromhex("15030300020230")
    assert alert in capture.path.read_bytes()
