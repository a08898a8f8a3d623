"""Which network interfaces can reach a charger or an EV: those with an IPv6 link-local address."""

import contextlib
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from v2g.errors import InterfaceError

_PROC = Path("/proc/net/if_inet6")
_PROBE = ("ff02::1", 15_118)
_HINT = "give addresses instead of discovery (--listen, --connect), or name an interface"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface with its IPv6 addresses, link-local ones first."""

    name: str
    index: int
    addresses: tuple[IPv6Address, ...]

    @property
    def loopback(self) -> bool:
        """Whether it only leads back to this machine."""
        return any(address.is_loopback for address in self.addresses) or self.name in {"lo", "lo0"}

    @property
    def link_local(self) -> IPv6Address | None:
        """Its link-local address, if it has one."""
        return next((address for address in self.addresses if address.is_link_local), None)

    def __str__(self) -> str:
        addresses = ", ".join(map(str, self.addresses)) or "no IPv6 address"
        return f"{self.name} ({addresses})"


def list_interfaces() -> list[Interface]:
    """Return the interfaces of this machine in the system's order."""
    known = _from_proc() if _PROC.exists() else None
    found = []
    for index, name in socket.if_nameindex():
        addresses = known.get(name, []) if known is not None else _probe(index)
        ordered = sorted(addresses, key=lambda address: not address.is_link_local)
        found.append(Interface(name, index, tuple(ordered)))
    return found


def _from_proc() -> dict[str, list[IPv6Address]]:
    addresses: dict[str, list[IPv6Address]] = {}
    for line in _PROC.read_text().splitlines():
        digits, *_, name = line.split()
        addresses.setdefault(name, []).append(IPv6Address(bytes.fromhex(digits)))
    return addresses


def _probe(index: int) -> list[IPv6Address]:
    """Ask the routing table which address would be used towards the link; nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.connect((*_PROBE, 0, index))
        return [IPv6Address(sock.getsockname()[0].partition("%")[0])]
    return []


def choose_interface(name: str = "auto") -> Interface:
    """Return the named interface, or for ``auto`` the first that is not loopback and has a link-local address.

    InterfaceError says what is missing and lists what there is.
    """
    interfaces = list_interfaces()
    found = tuple(str(interface) for interface in interfaces)
    if name != "auto":
        for interface in interfaces:
            if interface.name == name:
                if not interface.addresses:
                    raise InterfaceError(f"interface {name} has no IPv6 address", found)
                return interface
        raise InterfaceError(f"there is no interface {name}", found)
    for interface in interfaces:
        if interface.link_local is not None and not interface.loopback:
            return interface
    raise InterfaceError(f"no interface has an IPv6 link-local address; {_HINT}", found)
