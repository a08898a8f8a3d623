"""Whether this machine's loopback can carry the demo, and how.

Discovery needs IPv6 multicast on the loopback interface, which Linux and macOS have and many containers
lack. What works is found out by trying, not by looking at names of systems.
"""

import socket
import struct
from functools import cache

_GROUP, _PORT = "ff02::1", 15_118
_WAIT_S = 0.3


@cache
def name() -> str:
    """Return the name of the loopback interface, "lo" where none is known."""
    names = [name for _, name in socket.if_nameindex()]
    return next((known for known in ("lo", "lo0") if known in names), "lo")


@cache
def address() -> str:
    """Return the loopback address to use, in brackets for IPv6; IPv4 where there is no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return "127.0.0.1"
    return "[::1]"


def discovery_works() -> bool:
    """Try one multicast datagram on the loopback interface's SDP port.

    False as well when another charger of this machine listens there: the demo's car would find that one.
    """
    try:
        index = socket.if_nametoindex(name())
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.settimeout(_WAIT_S)
            probe.bind(("::", _PORT))
            membership = socket.inet_pton(socket.AF_INET6, _GROUP) + struct.pack("@I", index)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
            # Not a V2GTP frame, so whoever else listens ignores it.
            probe.sendto(b"pnclab", (_GROUP, _PORT, 0, index))
            return probe.recv(64) == b"pnclab"
    except OSError:
        return False
