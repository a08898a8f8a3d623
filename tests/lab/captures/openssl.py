"""TLS sessions between two OpenSSL ends in memory, with what went over the wire and the key log."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy

NO_ENCRYPT_THEN_MAC = 1 << 19
"""OpenSSL's option, which the standard library does not name."""


@dataclass
class Wire:
    """The bytes of both directions in their order (side 0 is the client), and the key log."""

    flights: list[tuple[int, bytes]] = field(default_factory=list)
    key_log: bytes = b""
    cipher: str = ""


def talk(
    folder: Path,
    texts: list[tuple[int, bytes]],
    *,
    version: ssl.TLSVersion,
    ciphers: str | None = None,
    options: int = 0,
    curve: str | None = None,
    on_end: Callable[[ssl.SSLObject, ssl.SSLObject], None] | None = None,
) -> Wire:
    """Shake hands, exchange ``texts`` (side, bytes) and return what went over the wire."""
    log = folder / "keys.log"
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.keylog_filename = str(log)
    server.load_cert_chain(_identity(folder))
    for context in (client, server):
        context.minimum_version = context.maximum_version = version
        context.options |= options
        if ciphers is not None:
            context.set_ciphers(ciphers)
    if curve is not None:
        server.set_ecdh_curve(curve)
    wires = (ssl.MemoryBIO(), ssl.MemoryBIO())  # what client and server have written
    wire = Wire()
    inbound = (ssl.MemoryBIO(), ssl.MemoryBIO())
    ends = (client.wrap_bio(inbound[0], wires[0]), server.wrap_bio(inbound[1], wires[1], server_side=True))

    def carry() -> bool:
        moved = False
        for side in (0, 1):
            if data := wires[side].read():
                wire.flights.append((side, data))
                inbound[1 - side].write(data)
                moved = True
        return moved

    done = [False, False]
    while not all(done):
        for side in (0, 1):
            try:
                ends[side].do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                pass
            carry()
    for side, text in texts:
        ends[side].write(text)
        carry()
        received = b""
        while len(received) < len(text):
            received += ends[1 - side].read(1 << 14)
        assert received == text
    if on_end is not None:
        on_end(*ends)
        carry()
    wire.key_log = log.read_bytes()
    cipher = ends[0].cipher()
    wire.cipher = cipher[0] if cipher else ""
    client.keylog_filename = None  # type: ignore[assignment]  # closes the file
    return wire


def _identity(folder: Path) -> Path:
    path = folder / "server.pem"
    if not path.exists():
        hierarchy = Hierarchy.create(now=datetime(2026, 1, 1, tzinfo=UTC), entropy=SeededEntropy(7))
        leaf = hierarchy["secc_leaf"]
        key = leaf.signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key + leaf.certificate.public_bytes(Encoding.PEM))
    return path
