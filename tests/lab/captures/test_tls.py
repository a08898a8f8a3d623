"""What two OpenSSL ends say to each other can be read with their keys, and only with them."""

import ssl
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.captures import tls
from lab.captures.keylog import KeyRing
from tests.lab.captures.openssl import NO_ENCRYPT_THEN_MAC, Wire, talk

TEXTS = [(0, b"question"), (1, b"answer" * 3000), (0, b""), (0, b"x" * 5000), (1, b"end")]
TEXTS = [text for text in TEXTS if text[1]]
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def keys_of(log: bytes) -> KeyRing:
    ring = KeyRing()
    ring.add(log)
    return ring


def read(flights: Sequence[tuple[int, bytes]], ring: KeyRing) -> list[tls.TlsEvent]:
    reader = tls.TlsReader(ring)
    return [event for side, data in flights for event in reader.feed(side, data)]


def said(events: Sequence[tls.TlsEvent]) -> list[tuple[int, bytes]]:
    """The application data, records that follow each other on one side put together."""
    joined: list[tuple[int, bytes]] = []
    for event in events:
        if isinstance(event, tls.Plaintext):
            if joined and joined[-1][0] == event.side:
                joined[-1] = (event.side, joined[-1][1] + event.data)
            else:
                joined.append((event.side, event.data))
    return joined


JOINED = said([tls.Plaintext(*text) for text in TEXTS])


@pytest.mark.parametrize("options", [0, NO_ENCRYPT_THEN_MAC])
@pytest.mark.parametrize(
    "cipher",
    [
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ],
)
def test_tls12(tmp_path: Path, cipher: str, options: int) -> None:
    wire = talk(tmp_path, TEXTS, version=V12, ciphers=cipher, options=options)
    events = read(wire.flights, keys_of(wire.key_log))
    assert wire.cipher == cipher
    assert tls.Chosen("TLSv1.2", cipher) in events
    assert tls.Established() in events
    assert said(events) == JOINED
    (presented,) = [event for event in events if isinstance(event, tls.Presented)]
    assert presented.side == tls.SERVER


@pytest.fixture(scope="module")
def wire13(tmp_path_factory: pytest.TempPathFactory) -> Wire:
    return talk(tmp_path_factory.mktemp("tls13"), TEXTS, version=V13)


def test_tls13(wire13: Wire) -> None:
    events = read(wire13.flights, keys_of(wire13.key_log))
    assert tls.Chosen("TLSv1.3", wire13.cipher) in events
    assert tls.Established() in events
    assert said(events) == JOINED


def test_tls13_after_a_retry_of_the_hello(tmp_path: Path) -> None:
    wire = talk(tmp_path, TEXTS, version=V13, curve="secp521r1")
    hellos = [data for side, data in wire.flights if side == 0 and data[5:6] == b"\x01"]
    assert len(hellos) == 2
    assert said(read(wire.flights, keys_of(wire.key_log))) == JOINED


@given(st.data())
def test_any_cutting_gives_the_same(wire13: Wire, data: st.DataObject) -> None:
    pieces = []
    for side, flight in wire13.flights:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(flight)), max_size=4)))
        ends = [0, *cuts, len(flight)]
        pieces += [(side, flight[a:b]) for a, b in pairwise(ends)]
    assert said(read(pieces, keys_of(wire13.key_log))) == JOINED


def test_without_keys_it_says_for_which_client_random(wire13: Wire) -> None:
    random = wire13.flights[0][1][11:43].hex()
    events = read(wire13.flights, KeyRing())
    assert events[-1] == tls.Locked(f"no keys for client random {random}")
    assert not said(events)


def test_with_half_of_the_keys_it_says_which_one_is_missing(wire13: Wire) -> None:
    lines = [line for line in wire13.key_log.splitlines() if not line.startswith(b"SERVER_TRAFFIC")]
    locked = read(wire13.flights, keys_of(b"\n".join(lines)))[-1]
    assert isinstance(locked, tls.Locked)
    assert "no SERVER_TRAFFIC_SECRET_0 among the keys" in locked.reason


@pytest.mark.parametrize("version", [V12, V13])
def test_a_changed_record_is_not_believed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    wire = talk(tmp_path, TEXTS, version=version)
    side, last = wire.flights[-1]
    flights = [*wire.flights[:-1], (side, last[:-1] + bytes([last[-1] ^ 1]))]
    events = read(flights, keys_of(wire.key_log))
    assert said(events) == JOINED[:-1]
    locked = events[-1]
    assert isinstance(locked, tls.Locked)
    assert locked.damaged
    assert "a record of the server cannot be opened" in locked.reason


def test_a_suite_that_is_not_supported_is_named(tmp_path: Path) -> None:
    wire = talk(tmp_path, TEXTS, version=V12, ciphers="ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
    assert read(wire.flights, keys_of(wire.key_log))[-1] == tls.Locked("cipher suite 0xC0AE is not supported")


def test_missing_bytes_lock_the_rest(wire13: Wire) -> None:
    reader = tls.TlsReader(keys_of(wire13.key_log))
    (locked,) = reader.lost(0, 77)
    assert locked == tls.Locked(
        "77 bytes of the client are missing in the capture, and records behind them cannot be opened",
        damaged=True,
    )
    assert not list(reader.feed(0, b"\x16\x03\x01"))


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=8), st.booleans())
def test_any_bytes_end_in_events(pieces: list[tuple[int, bytes]], as_records: bool) -> None:
    if as_records:
        pieces = [(side, b"\x16\x03\x03" + len(data).to_bytes(2) + data) for side, data in pieces]
    read(pieces, KeyRing())


@given(st.data())
def test_a_damaged_handshake_ends_in_events(wire13: Wire, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(wire13.flights) - 1))
    side, flight = wire13.flights[number]
    place = data.draw(st.integers(0, len(flight) - 1))
    changed = bytearray(flight)
    changed[place] ^= data.draw(st.integers(1, 255))
    flights = [*wire13.flights[:number], (side, bytes(changed)), *wire13.flights[number + 1 :]]
    assert said(read(flights, keys_of(wire13.key_log))) is not None


def test_key_logs_are_read_with_care() -> None:
    ring = keys_of(
        b"# comment\n\nCLIENT_RANDOM zz yy\nCLIENT_RANDOM 00\nnonsense\nA " + b"00" * 32 + b" " + b"11" * 48
    )
    assert len(ring) == 1
    assert ring.unreadable == 3
    assert ring.of(bytes(32)) == {"A": b"\x11" * 48}
