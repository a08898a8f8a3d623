"""Addresses as people write them: ``[fe80::1%eth0]:15118``, ``192.0.2.1:61341``, ``localhost:61341``."""

import ipaddress
from dataclasses import dataclass

DYNAMIC_PORTS = range(49_152, 65_536)
"""The ports a charger may listen on; peers refuse others."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host (name, IPv4 or IPv6 address, the latter perhaps with a ``%scope``) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read ``host:port``, with brackets around an IPv6 address; ValueError says what is wrong."""
        host, separator, port = text.strip().rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not separator or not host.strip("[]") or (":" in host and not bracketed):
            raise ValueError(
                f"{text!r} is not HOST:PORT; an IPv6 address stands in brackets, as in [::1]:61341"
            )
        if not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
            raise ValueError(f"{text!r}: the port {port!r} is not a number from 0 to 65535")
        return cls(host[1:-1] if bracketed else host, int(port))

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """The host as an address without scope; ValueError if it is a name."""
        return ipaddress.ip_address(self.host.partition("%")[0])
