"""What a reader of TLS has to know of the handshake: hellos, certificates, names of alerts [RFC 5246, RFC 8446]."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, FINISHED, KEY_UPDATE = 1, 2, 11, 20, 24
TLS12, TLS13 = 0x0303, 0x0304
VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3"}

_ENCRYPT_THEN_MAC, _SUPPORTED_VERSIONS = 22, 43
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    116: "certificate_required",
    120: "no_application_protocol",
}


class HandshakeError(Exception):
    """A handshake message that is not one."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose; ``retry`` asks the client for another hello and chooses nothing yet."""

    version: int
    random: bytes
    suite: int
    compressed: bool
    encrypt_then_mac: bool
    retry: bool


def client_random(body: bytes) -> bytes:
    """Return the random of a ClientHello; raises :class:`HandshakeError`."""
    if len(body) < 34:
        raise HandshakeError("the ClientHello is too short")
    return body[2:34]


def server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello; raises :class:`HandshakeError`."""
    try:
        (version,) = struct.unpack_from(">H", body)
        random, place = body[2:34], 35 + body[34]
        suite, compression = struct.unpack_from(">HB", body, place)
        extensions = dict(_extensions(body[place + 3 :]))
        if chosen := extensions.get(_SUPPORTED_VERSIONS):
            (version,) = struct.unpack(">H", chosen)
    except (struct.error, IndexError) as error:
        raise HandshakeError("the ServerHello is too short") from error
    return ServerHello(
        version, random, suite, bool(compression), _ENCRYPT_THEN_MAC in extensions, random == _RETRY_RANDOM
    )


def certificates(body: bytes, version: int) -> list[bytes]:
    """Return the DER certificates of a Certificate message, leaf first; raises :class:`HandshakeError`."""
    try:
        if version == TLS13:
            body = body[1 + body[0] :]
        rest, found = _vector(body, 3)[0], []
        while rest:
            certificate, rest = _vector(rest, 3)
            found.append(certificate)
            if version == TLS13:
                _, rest = _vector(rest, 2)
    except IndexError as error:
        raise HandshakeError("the Certificate message is too short") from error
    return found


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    if not data:
        return
    rest, _ = _vector(data, 2)
    while rest:
        if len(rest) < 4:
            raise IndexError
        kind = int.from_bytes(rest[:2])
        value, rest = _vector(rest[2:], 2)
        yield kind, value


def _vector(data: bytes, size: int) -> tuple[bytes, bytes]:
    """Split off what stands behind its own length of ``size`` bytes; IndexError if it is not all there."""
    length = int.from_bytes(data[:size])
    if len(data) < size + length:
        raise IndexError
    return data[size : size + length], data[size + length :]
