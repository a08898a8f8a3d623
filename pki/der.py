"""Just enough DER to read OCSP requests and to write OCSP answers.

pyca/cryptography reads and writes them as well, but only with one certificate in each, and a responder has
to answer whatever a client may ask in one message. Reading is strict: definite, minimal lengths, low tags.
"""

from datetime import UTC, datetime

SEQUENCE = 0x30
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
ENUMERATED = 0x0A
BOOLEAN = 0x01
GENERALIZED_TIME = 0x18

_LONG = 0x80
_HIGH_TAG = 0x1F


class DerError(ValueError):
    """These bytes are not the DER that was expected; the message says where."""


def context(number: int, *, constructed: bool = True) -> int:
    """Return the tag ``[number]``."""
    return 0x80 | (0x20 if constructed else 0) | number


def elements(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Return the elements that ``data`` consists of, as (tag, content, whole element); raises DerError."""
    found = []
    position = 0
    while position < len(data):
        tag, start, end = _header(data, position)
        found.append((tag, data[start:end], data[position:end]))
        position = end
    return found


def only(data: bytes, tag: int, what: str) -> bytes:
    """Return the content of the one element of ``data``, which must have ``tag``; raises DerError."""
    parts = elements(data)
    if len(parts) != 1 or parts[0][0] != tag:
        raise DerError(f"{what}: not one element of tag {tag:#04x}")
    return parts[0][1]


def unsigned(content: bytes, what: str) -> int:
    """Return an INTEGER's value; raises DerError for one that is negative or not minimal."""
    if not content or content[0] & 0x80:
        raise DerError(f"{what}: not a number from 0")
    if len(content) > 1 and content[0] == 0 and not content[1] & 0x80:
        raise DerError(f"{what}: a number with a needless zero byte")
    return int.from_bytes(content, "big")


def write(tag: int, *parts: bytes) -> bytes:
    """Return one element with ``parts`` as its content."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def integer(value: int) -> bytes:
    """Return an INTEGER of 0 or more."""
    return write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def moment(value: datetime) -> bytes:
    """Return a GeneralizedTime in whole seconds of UTC, as X.509 wants it."""
    return write(GENERALIZED_TIME, value.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the element at ``position``."""
    if position + 2 > len(data):
        raise DerError(f"cut off at byte {position}")
    tag, first = data[position], data[position + 1]
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise DerError(f"a tag of several bytes at byte {position}")
    start = position + 2
    if first < _LONG:
        size = first
    else:
        count = first & 0x7F
        length = data[start : start + count]
        size = int.from_bytes(length, "big")
        if not 1 <= count <= 4 or len(length) != count or length[0] == 0 or size < _LONG:
            raise DerError(f"a length that is not DER at byte {position + 1}")
        start += count
    if start + size > len(data):
        raise DerError(f"cut off: {size} bytes announced at byte {position}, {len(data) - start} are there")
    return tag, start, start + size
