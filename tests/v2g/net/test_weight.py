"""Flights of TLS 1.2 count the same whatever their signatures weigh."""

import ssl
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.net.tls import ClientTls, ServerTls
from v2g.net.weight import steady


def server_flights(client: ClientTls, server: ServerTls, count: int) -> Iterator[bytes]:
    """What a server sends to a ClientHello: certificate, key exchange, done."""
    for _ in range(count):
        to_server, to_client, flight, hello = (ssl.MemoryBIO() for _ in range(4))
        car = client.choose().context.wrap_bio(to_client, hello)
        charger = server.choose(None).context.wrap_bio(to_server, flight, server_side=True)
        with pytest.raises(ssl.SSLWantReadError):
            car.do_handshake()
        to_server.write(hello.read())
        with pytest.raises(ssl.SSLWantReadError):
            charger.do_handshake()
        yield flight.read()


def test_a_server_flight_always_counts_the_same(ev_tls: ClientTls, charger_tls: ServerTls) -> None:
    flights = list(server_flights(ev_tls, charger_tls, 60))
    assert len({len(flight) for flight in flights}) > 1
    assert len({steady(flight) for flight in flights}) == 1
    assert all(0 <= steady(flight) - len(flight) <= 8 for flight in flights)


@given(st.binary(max_size=400))
def test_other_bytes_count_what_they_are(data: bytes) -> None:
    assert steady(b"\x01\xfe" + data) == 2 + len(data)


@given(st.binary(max_size=400))
def test_no_bytes_count_less_than_they_are_or_much_more(data: bytes) -> None:
    for start in (b"\x16\x03\x03", b"\x16\x03\x03\x00\x50\x0c\x00\x00\x4c\x03\x00\x17"):
        assert len(start + data) <= steady(start + data) <= len(start + data) + 139 * 50
