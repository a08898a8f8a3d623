"""What the loopback interface can carry is found out by trying."""

import socket

import pytest

from lab import loopback


@pytest.fixture(autouse=True)
def _forget() -> None:
    loopback.name.cache_clear()
    loopback.address.cache_clear()


def test_the_address_can_be_bound() -> None:
    host = loopback.address().strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))


def test_without_ipv6_it_is_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def __init__(self, family: int = -1, kind: int = -1) -> None:
            if family == socket.AF_INET6:
                raise OSError("no IPv6 here")
            super().__init__(family, kind)

    monkeypatch.setattr(socket, "socket", Refusing)
    assert loopback.address() == "127.0.0.1"
    assert not loopback.discovery_works()


def test_the_name_is_that_of_an_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo0"), (2, "en0")])
    assert loopback.name() == "lo0"
    loopback.name.cache_clear()
    monkeypatch.setattr(socket, "if_nameindex", list)
    assert loopback.name() == "lo"


def test_another_charger_on_the_port_makes_discovery_unsafe() -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as charger:
            charger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            charger.bind(("::", 15118))
            assert not loopback.discovery_works()
    except OSError:
        pytest.skip("no IPv6 here, or the port is taken")
