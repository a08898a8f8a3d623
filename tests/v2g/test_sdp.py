"""SDP requests and responses, byte for byte."""

import contextlib
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.errors import FramingError
from v2g.sdp import SdpRequest, SdpResponse, Security, negotiate

ADDRESS = IPv6Address("fe80::1")


def test_the_bytes_of_a_request() -> None:
    assert SdpRequest(Security.TLS).encode().hex() == "01fe9000000000020000"
    assert SdpRequest(Security.NONE).encode().hex() == "01fe9000000000021000"


def test_the_bytes_of_a_response() -> None:
    encoded = SdpResponse(ADDRESS, 49_152, Security.TLS).encode()
    assert encoded.hex() == "01fe900100000014" + "fe800000000000000000000000000001" + "c000" + "0000"


usable = st.ip_addresses(v=6).filter(lambda ip: not ip.is_multicast and not ip.is_unspecified)


@given(usable, st.integers(1, 65_535), st.sampled_from(Security))
def test_decoding_undoes_encoding(address: IPv6Address, port: int, security: Security) -> None:
    response = SdpResponse(address, port, security)
    assert SdpResponse.decode(response.encode()) == response
    request = SdpRequest(security)
    assert SdpRequest.decode(request.encode()) == request


@given(
    st.one_of(
        st.binary(max_size=40), st.binary(max_size=22).map(lambda end: b"\x01\xfe\x90\x00\0\0\0\x02" + end)
    )
)
def test_any_datagram_gives_a_request_or_a_framing_error(datagram: bytes) -> None:
    with contextlib.suppress(FramingError):
        assert SdpRequest.decode(datagram).encode() == datagram


@given(
    st.binary(max_size=20).map(lambda payload: b"\x01\xfe\x90\x01\0\0\0" + bytes([len(payload)]) + payload)
)
def test_any_datagram_gives_a_response_or_a_framing_error(datagram: bytes) -> None:
    with contextlib.suppress(FramingError):
        assert SdpResponse.decode(datagram).encode() == datagram


@pytest.mark.parametrize(
    ("datagram", "field"),
    [
        ("01fe9001000000020000", "payload_type"),
        ("01fe900000000003000000", "length"),
        ("01fe9000000000020100", "security"),
        ("01fe9000000000020010", "transport"),
        ("02fe9000000000020000", "version"),
        ("01ff9000000000020000", "inverse"),
        ("01fe900000000002", "length"),
    ],
)
def test_an_invalid_request_names_its_field(datagram: str, field: str) -> None:
    with pytest.raises(FramingError) as caught:
        SdpRequest.decode(bytes.fromhex(datagram))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("address", "port", "field"),
    [("ff02::1", 50_000, "address"), ("::", 50_000, "address"), ("fe80::1", 0, "port")],
)
def test_a_response_that_leads_nowhere_is_refused(address: str, port: int, field: str) -> None:
    datagram = SdpResponse(IPv6Address(address), port, Security.TLS).encode()
    with pytest.raises(FramingError) as caught:
        SdpResponse.decode(datagram)
    assert caught.value.field == field


def test_a_link_local_address_needs_its_interface() -> None:
    assert SdpResponse(ADDRESS, 1, Security.TLS).host("eth0") == "fe80::1%eth0"
    assert SdpResponse(IPv6Address("fd00::2"), 1, Security.TLS).host("eth0") == "fd00::2"


def test_the_charger_answers_what_the_ev_asks_for_where_it_can() -> None:
    both = {Security.TLS, Security.NONE}
    assert negotiate(Security.TLS, both) is Security.TLS
    assert negotiate(Security.NONE, both) is Security.NONE
    assert negotiate(Security.NONE, {Security.TLS}) is Security.TLS
    assert negotiate(Security.TLS, {Security.NONE}) is Security.NONE
