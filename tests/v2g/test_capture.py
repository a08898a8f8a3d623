"""The capture file: packets that add up, for our own reader and for scapy."""

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2g import pcapng
from v2g.capture import Capture

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
EV, CHARGER = "[fe80::e0%eth0]:50001", "[fe80::5ecc%eth0]:61341"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "capture.pcapng"


def flags(path: Path) -> list[int]:
    return [segment.flags for segment in pcapng.read(path).segments()]


def check_stream(segments: list[pcapng.Segment]) -> dict[tuple[bytes, int], bytes]:
    """Follow the sequence numbers of a connection and return what each side sent."""
    expected: dict[tuple[bytes, int], int] = {}
    streams: dict[tuple[bytes, int], bytes] = {}
    for segment in segments:
        if segment.source in expected:
            assert segment.sequence == expected[segment.source]
        if segment.flags & ACK:
            assert segment.acknowledged == expected[segment.destination]
        length = len(segment.payload) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
        expected[segment.source] = (segment.sequence + length) & 0xFFFFFFFF
        streams[segment.source] = streams.get(segment.source, b"") + segment.payload
        assert len(segment.payload) <= 1460
    return streams


def test_a_connection_from_its_handshake_to_its_end(path: Path) -> None:
    capture = Capture(path)
    record = capture.open_tcp(EV, CHARGER, AT, outgoing=True, comment="car 1")
    record.sent(b"request", AT + timedelta(milliseconds=1))
    record.received(b"response", AT + timedelta(milliseconds=2))
    record.closed(AT + timedelta(milliseconds=3))
    record.peer_closed(AT + timedelta(milliseconds=4))
    record.closed(AT + timedelta(milliseconds=5))
    capture.close()
    file = pcapng.read(path)
    assert [block.kind for block in file.blocks[:2]] == [0x0A0D0D0A, 1]
    assert flags(path) == [SYN, SYN | ACK, ACK, PSH | ACK, PSH | ACK, FIN | ACK, FIN | ACK, ACK]
    first, second, *_ = segments = file.segments()
    ev = (ip_address("fe80::e0").packed, 50_001)
    charger = (ip_address("fe80::5ecc").packed, 61_341)
    assert (first.source, first.destination, first.comment) == (ev, charger, "car 1")
    assert second.source == charger
    assert check_stream(segments) == {ev: b"request", charger: b"response"}
    assert first.microseconds == round(AT.timestamp() * 1e6)
    assert segments[3].microseconds - first.microseconds == 1000


def test_an_accepted_connection_begins_with_the_peers_syn(path: Path) -> None:
    capture = Capture(path)
    capture.open_tcp("127.0.0.1:61341", "127.0.0.1:50001", AT, outgoing=False)
    capture.close()
    first, *_ = pcapng.read(path).segments()
    assert first.source == (b"\x7f\0\0\1", 50_001)


def test_a_reset_is_the_last_word(path: Path) -> None:
    capture = Capture(path)
    record = capture.open_tcp(EV, CHARGER, AT, outgoing=True)
    record.reset(AT)
    record.reset(AT)
    record.closed(AT)
    record.peer_closed(AT)
    capture.close()
    assert flags(path)[3:] == [RST | ACK]


@given(
    st.sampled_from([(EV, CHARGER), ("10.0.0.1:1000", "10.0.0.2:2000")]),
    st.lists(st.tuples(st.booleans(), st.binary(max_size=4000)), max_size=8),
)
def test_any_dialogue_can_be_followed(ends: tuple[str, str], pieces: list[tuple[bool, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.pcapng")
        capture = Capture(path)
        record = capture.open_tcp(*ends, AT, outgoing=True)
        for ours, data in pieces:
            (record.sent if ours else record.received)(data, AT)
        capture.close()
        sent, received = check_stream(pcapng.read(path).segments()).values()
    assert sent == b"".join(data for ours, data in pieces if ours)
    assert received == b"".join(data for ours, data in pieces if not ours)


@given(st.binary(max_size=1300))
def test_datagrams(payload: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.pcapng")
        capture = Capture(path)
        capture.add_udp(EV, "[ff02::1]:15118", payload, AT, "SDP")
        capture.close()
        (segment,) = pcapng.read(path).segments()
    assert segment.destination == (ip_address("ff02::1").packed, 15_118)
    assert (segment.protocol, segment.payload, segment.comment) == (17, payload, "SDP")


def test_multicast_has_the_hardware_address_of_its_group(path: Path) -> None:
    capture = Capture(path)
    capture.add_udp(EV, "[ff02::1]:15118", b"x", AT)
    capture.close()
    assert pcapng.read(path).blocks[2].body[20:26] == bytes.fromhex("333300000001")


def test_held_packets_come_after_the_secrets_with_their_own_times(path: Path) -> None:
    capture = Capture(path)
    record = capture.open_tcp(EV, CHARGER, AT, outgoing=True)
    other = capture.open_tcp(EV.replace("50001", "50002"), CHARGER, AT, outgoing=True)
    record.hold()
    record.received(b"encrypted", AT + timedelta(seconds=1))
    other.sent(b"meanwhile", AT + timedelta(seconds=2))
    capture.add_secrets(b"CLIENT_RANDOM aa bb\n")
    record.release()
    record.sent(b"after", AT + timedelta(seconds=3))
    record.release()
    capture.close()
    kinds = [block.kind for block in pcapng.read(path).blocks]
    assert kinds[2:] == [6] * 6 + [6, 10, 6, 6]
    payloads = [segment.payload for segment in pcapng.read(path).segments()[6:]]
    assert payloads == [b"meanwhile", b"encrypted", b"after"]
    secrets = pcapng.read(path).blocks[9].body
    assert secrets == bytes.fromhex("4b534c54 14000000") + b"CLIENT_RANDOM aa bb\n"


def test_holding_has_a_limit(path: Path) -> None:
    capture = Capture(path)
    record = capture.open_tcp(EV, CHARGER, AT, outgoing=True)
    record.hold()
    for _ in range(300):
        record.received(bytes(1000), AT)
    assert len(pcapng.read(path).segments()) > 100
    capture.close()


def test_the_file_can_be_read_after_a_kill(path: Path) -> None:
    program = f"""
import os, signal
from datetime import UTC, datetime
from v2g.capture import Capture
record = Capture({str(path)!r}).open_tcp({EV!r}, {CHARGER!r}, datetime.now(UTC), outgoing=True)
record.sent(b"last words", datetime.now(UTC))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert pcapng.read(path).segments()[-1].payload == b"last words"


def test_a_full_disk_ends_the_capture_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    capture = Capture(path)
    record = capture.open_tcp(EV, CHARGER, AT, outgoing=True)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(os, "write", full)
        record.sent(b"lost", AT)
    record.sent(b"lost too", AT)
    assert len(pcapng.read(path).segments()) == 3
    assert caplog.text.count("ends here") == 1
    capture.close()


def test_half_a_block_ends_the_capture(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    capture = Capture(path)
    real_write = os.write
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:10]))
        capture.add_secrets(b"CLIENT_RANDOM aa bb\n")
    assert "only 10 of 40 bytes" in caplog.text
    assert len(pcapng.read(path).blocks) == 2


def test_only_the_owner_may_read_a_file_with_keys(path: Path) -> None:
    Capture(path).close()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # scapy's own, on import
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_scapy_reads_it(path: Path) -> None:
    from scapy.layers.inet import TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import rdpcap

    capture = Capture(path)
    record = capture.open_tcp(EV, CHARGER, AT, outgoing=True, comment="car 1")
    record.sent(bytes(range(256)) * 10, AT)
    record.closed(AT)
    capture.add_udp(EV, "[ff02::1]:15118", b"hello", AT)
    capture.close()
    packets = rdpcap(str(path))
    assert len(packets) == 7
    assert packets[0].comment == b"car 1"
    assert float(packets[0].time) == pytest.approx(AT.timestamp(), abs=1e-5)
    data = b"".join(bytes(packet[TCP].payload) for packet in packets if TCP in packet)
    assert data == bytes(range(256)) * 10
    assert (packets[-1][IPv6].dst, packets[-1][UDP].dport) == ("ff02::1", 15_118)
    for packet in packets:
        layer = TCP if TCP in packet else UDP
        stated = packet[layer].chksum
        del packet[layer].chksum
        assert packet.__class__(bytes(packet))[layer].chksum == stated
