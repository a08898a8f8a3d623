"""Finding and choosing the network interface."""

import socket
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from v2g.errors import InterfaceError
from v2g.net import interfaces
from v2g.net.interfaces import Interface, choose_interface, list_interfaces

TABLE = """\
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fe800000000000000000000000000009 05 40 20 80  wlan0
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with lo, an address-less tun0, eth0 and wlan0."""
    table = tmp_path / "if_inet6"
    table.write_text(TABLE)
    monkeypatch.setattr(interfaces, "_PROC", table)
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "tun0"), (4, "eth0"), (5, "wlan0")])
    return table


def test_the_list_has_link_local_addresses_first(machine: Path) -> None:
    lo, tun0, eth0, _ = list_interfaces()
    assert lo.loopback
    assert tun0.addresses == ()
    assert eth0 == Interface("eth0", 4, (IPv6Address("fe80::fc:ff:fe00:1"), IPv6Address("fd00::2")))
    assert eth0.link_local == IPv6Address("fe80::fc:ff:fe00:1")
    assert str(eth0) == "eth0 (fe80::fc:ff:fe00:1, fd00::2)"


def test_auto_takes_the_first_that_can_reach_an_ev(machine: Path) -> None:
    assert choose_interface().name == "eth0"


def test_a_name_is_a_name(machine: Path) -> None:
    assert choose_interface("wlan0").index == 5
    assert choose_interface("lo").loopback


@pytest.mark.parametrize(
    ("name", "words"),
    [("eth7", "there is no interface eth7"), ("tun0", "interface tun0 has no IPv6 address")],
)
def test_a_name_that_does_not_help_lists_what_there_is(name: str, words: str, machine: Path) -> None:
    with pytest.raises(InterfaceError) as caught:
        choose_interface(name)
    assert str(caught.value).startswith(words)
    assert "eth0 (fe80::fc:ff:fe00:1, fd00::2); wlan0 (fe80::9)" in str(caught.value)
    assert "tun0 (no IPv6 address)" in caught.value.found


def test_nothing_usable_says_what_to_do(machine: Path) -> None:
    machine.write_text(TABLE.splitlines(keepends=True)[0])
    with pytest.raises(
        InterfaceError, match=r"no interface has an IPv6 link-local address; give addresses .*--connect"
    ):
        choose_interface()


def test_other_systems_are_asked_by_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_PROC", Path("/nonexistent"))
    expected = {item.name: item.link_local for item in list_interfaces()}
    monkeypatch.undo()
    for item in list_interfaces():
        if item.link_local is not None and not item.loopback:
            assert expected[item.name] == item.link_local
