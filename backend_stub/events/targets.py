"""Where webhooks may go: a guard against being used to reach what only this machine can reach.

A subscriber chooses the URL, this process makes the call. So plain HTTP goes to this machine or to hosts that
were allowed by name, and HTTPS to no address that is special: private, link-local (where clouds keep their
credentials), multicast. The address is looked up and judged for every delivery and the call goes to exactly
that address, so that a name cannot change its meaning in between.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

MAX_URL_LENGTH = 2000

_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises OSError."""


class TargetError(Exception):
    """Events must not be sent there; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was judged, and the address that it may be called at."""

    url: str
    """With the address in the place of the name."""
    host: str
    """What the Host header and the certificate must say."""
    authority: str


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """``allowed_hosts`` may be called by plain HTTP and at special addresses; this machine always may."""

    allowed_hosts: frozenset[str] = frozenset()

    def check(self, url: str) -> SplitResult:
        """Return the parts of a URL that may be subscribed; raises TargetError. Nothing is looked up."""
        if len(url) > MAX_URL_LENGTH:
            raise TargetError(f"the URL is longer than {MAX_URL_LENGTH} characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TargetError(f"no URL: {error}") from error
        host = parts.hostname
        if parts.scheme not in _PORTS or not host or port == 0:
            raise TargetError("expected https://HOST[:PORT]/PATH")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise TargetError("a webhook URL has no user, password or fragment")
        if not url.isascii() or any(character <= " " for character in url):
            raise TargetError("write other than plain ASCII characters with %")
        address = _literal(host)
        if address is not None:
            self._check_address(host, address)
        if parts.scheme == "http" and not self._exempt(host, address):
            raise TargetError(
                f"plain http goes to this machine or to an allowed host only, not to {host}: use https"
            )
        return parts

    async def resolve(self, url: str, look_up: Resolve) -> Target:
        """Return where to send; raises TargetError when the URL or every address is forbidden, or OSError."""
        parts = self.check(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS[parts.scheme]
        literal = _literal(host)
        found = [literal] if literal else [ipaddress.ip_address(text) for text in await look_up(host, port)]
        refusal = TargetError(f"{host} has no address")
        for address in found:
            try:
                self._check_address(host, address)
            except TargetError as error:
                refusal = error
                continue
            name = f"[{address}]" if address.version == 6 else str(address)
            return Target(parts._replace(netloc=f"{name}:{port}").geturl(), host, parts.netloc)
        raise refusal

    def _exempt(self, host: str, address: "_Address | None") -> bool:
        local = address.is_loopback if address is not None else host == "localhost"
        return local or host in self.allowed_hosts

    def _check_address(self, host: str, address: "_Address") -> None:
        plain = getattr(address, "ipv4_mapped", None) or address
        if host in self.allowed_hosts or (plain.is_loopback and self._exempt(host, _literal(host))):
            return
        if not plain.is_global or plain.is_multicast:
            raise TargetError(f"{host} is at {address}, which is not a public address")


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _literal(host: str) -> "_Address | None":
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Ask the operating system for the addresses of a host; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
