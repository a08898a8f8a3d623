"""Addresses as people write them."""

import contextlib
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.endpoint import Endpoint


@pytest.mark.parametrize("text", ["[fe80::1%eth0]:15118", "192.0.2.1:61341", "localhost:1", "[::1]:0"])
def test_reading_and_writing_agree(text: str) -> None:
    assert str(Endpoint.parse(text)) == text


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_every_address_survives(address: object, port: int) -> None:
    endpoint = Endpoint(str(address), port)
    assert Endpoint.parse(str(endpoint)) == endpoint
    assert endpoint.ip == address


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "fe80::1:15118", "[::1]", ":80", "[]:80", "host:", "host:x", "host:65536", "host:٣"],
)
def test_what_is_wrong_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT|is not a number"):
        Endpoint.parse(text)


@given(st.text(max_size=30))
def test_any_text_gives_an_endpoint_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert Endpoint.parse(text).port in range(65_536)


def test_the_scope_is_no_part_of_the_address() -> None:
    assert Endpoint("fe80::1%eth0", 1).ip == IPv6Address("fe80::1")
