"""How much bytes count on a simulated link, so that a run with TLS repeats bit for bit.

OpenSSL draws its own random numbers, and an ECDSA signature in DER is one to three bytes shorter now and then. On
a link with a rate such a byte is time, and after it nothing is as in the run before. Counting the signature of
a TLS 1.2 handshake at its longest takes that away: all other sizes of that handshake are fixed. In TLS 1.3 the signature
is encrypted and nothing can be done from outside, so runs of ISO 15118-20 differ by that byte's time.
"""

from collections.abc import Iterator

_HANDSHAKE, _SERVER_KEY_EXCHANGE, _NAMED_CURVE = 22, 12, 3
_LONGEST = {23: 72, 24: 104, 25: 139}
"""DER signatures of P-256, P-384 and P-521 at their longest, by the named curve."""


def steady(data: bytes) -> int:
    """Return the bytes that ``data`` counts: its own, and those that its TLS 1.2 signatures could have had."""
    if len(data) < 5 or data[0] != _HANDSHAKE:
        return len(data)
    return len(data) + sum(_missing(body) for body in _key_exchanges(data))


def _key_exchanges(data: bytes) -> Iterator[bytes]:
    """Walk the records of a flight as far as they are whole, plain handshake messages."""
    while len(data) >= 5 and data[0] == _HANDSHAKE:
        end = 5 + int.from_bytes(data[3:5])
        messages, data = data[5:end], data[end:]
        while len(messages) >= 4:
            size = int.from_bytes(messages[1:4])
            if 4 + size > len(messages):
                return  # encrypted by now: no length in there means anything
            if messages[0] == _SERVER_KEY_EXCHANGE:
                yield messages[4 : 4 + size]
            messages = messages[4 + size :]


def _missing(body: bytes) -> int:
    """Return by how much the signature of a ServerKeyExchange is shorter than it could be (RFC 8422, 5.4)."""
    if len(body) < 4 or body[0] != _NAMED_CURVE:
        return 0
    curve, point = int.from_bytes(body[1:3]), body[3]
    signature = int.from_bytes(body[4 + point + 2 : 4 + point + 4])
    if 4 + point + 4 + signature != len(body):
        return 0
    return max(0, _LONGEST.get(curve, signature) - signature)
