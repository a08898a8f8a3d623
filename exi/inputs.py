"""Where the commands take EXI from: hexadecimal, base64, raw bytes or a V2GTP frame, in a file or typed.

Which of them it is, the data say themselves. An EXI stream starts with the byte 0x80, a V2GTP frame with 0x01
0xFE, and no text starts with either; their hexadecimal text starts with ``80`` or ``01FE``, their base64
text with ``gA`` to ``gP`` or ``Af4`` to ``Af7``.
"""

import argparse
import re
import sys
from binascii import a2b_base64
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from exi.command import UsageError

MAX_BYTES: Final = 2**18
"""Most bytes of EXI data that are taken; the largest real messages have some kilobytes."""

MAX_FILE_BYTES: Final = 2**20
"""Most bytes that are read from a file, EXI or text."""

STANDARD_INPUT: Final = "standard input"

_EXI: Final = b"\x80"
_V2GTP: Final = b"\x01\xfe"
_V2GTP_HEADER: Final = 8

_NOT_DIGITS: Final = re.compile(r"0x|\\x|[\s:;,_-]", re.IGNORECASE)
_HEX: Final = re.compile("[0-9A-Fa-f]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_URL_SAFE: Final = str.maketrans("-_", "+/")


class Frame(msgspec.Struct, frozen=True):
    """The header of a V2GTP frame: its payload type, and the bytes it announces and that follow it."""

    payload_type: int
    announced: int
    following: int

    def mismatch(self) -> str | None:
        """Say how the announced length differs from the bytes that follow; None where it does not."""
        if self.announced == self.following:
            return None
        return f"the V2GTP header announces {self.announced} bytes, {self.following} follow"


class Input(msgspec.Struct, frozen=True):
    """EXI data: ``data``, without the header of a V2GTP ``frame`` they may have come in.

    ``name`` is that of the file, empty for data that were typed; ``form`` says how they were written:
    ``hex``, ``base64`` or ``raw``.
    """

    name: str
    form: str
    data: bytes
    frame: Frame | None = None


def add_input_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments that say where the data are."""
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "file",
        nargs="*",
        default=["-"],
        metavar="FILE",
        help="raw bytes, hex or base64, EXI or a V2GTP frame, whichever it is; - or nothing: standard input. "
        "Hexadecimal text may stand here itself, in one piece or several",
    )
    source.add_argument("--hex", metavar="TEXT", help="the data as hexadecimal text")
    source.add_argument("--base64", metavar="TEXT", help="the data as base64 text")


def read_input(options: argparse.Namespace) -> Input:
    """Return the data that the arguments of a command name. Raises UsageError."""
    if options.hex is not None:
        return _unframed("", "hex", from_hex(options.hex))
    if options.base64 is not None:
        return _unframed("", "base64", from_base64(options.base64))
    typed = _typed(" ".join(options.file))
    if typed is not None:
        return _unframed("", "hex", typed)
    if len(options.file) > 1:
        raise UsageError(f"one file at a time, not {len(options.file)}")
    name: str = options.file[0]
    try:
        content = read_file(name)
    except UsageError as error:
        raise UsageError(f"{error}{_why_not_hex(name)}") from error
    place = place_of(name)
    try:
        return recognise(place, content)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def place_of(name: str) -> str:
    """Return what error messages call a file."""
    return STANDARD_INPUT if name == "-" else name


def _typed(argument: str) -> bytes | None:
    """Return the bytes of an argument that is hex text instead of a file's name."""
    digits = _NOT_DIGITS.sub("", argument)
    if len(digits) < 4 or len(digits) % 2 or not _HEX.fullmatch(digits):
        return None
    data = bytes.fromhex(digits)
    return data if _starts_well(data) and not _is_there(argument) else None


def _why_not_hex(argument: str) -> str:
    """Say why an argument that names no file is not taken for hexadecimal text either, if it looks like that."""
    digits = _NOT_DIGITS.sub("", argument)
    if _is_there(argument) or not _HEX.fullmatch(digits):
        return ""
    if len(digits) % 2:
        why = f"has an odd number of digits, {len(digits)}"
    elif digits.upper() in {"80", "01"}:
        why = "is too short, one byte"
    else:
        why = "starts neither with 80, as EXI does, nor with 01FE, as V2GTP does"
    return f"; as hexadecimal text it {why} (--hex takes it as it is)"


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def recognise(name: str, content: bytes) -> Input:
    """Return the EXI data in the bytes of a file, in whatever form they are. Raises UsageError."""
    text = _as_text(content)
    if _starts_well(content) or text is None:
        return _unframed(name, "raw", content)
    if not text:
        raise UsageError("there are no data")
    if text[0] in "<{[":
        what = "XML" if text[0] == "<" else "JSON"
        raise UsageError(f"this is {what} text, not EXI; 'exi encode' makes EXI of it")
    digits = _NOT_DIGITS.sub("", text)
    is_hex = _HEX.fullmatch(digits) is not None
    compact = "".join(text.split())
    is_base64 = _BASE64.fullmatch(compact) is not None
    if is_hex and is_base64 and not digits.upper().startswith(("80", "01FE")):
        # Both are possible: it is base64 if only that starts as it should.
        is_hex = len(compact) % 4 != 0 or not _starts_well(a2b_base64(compact.translate(_URL_SAFE)))
    if is_hex:
        return _unframed(name, "hex", from_hex(text))
    if is_base64:
        return _unframed(name, "base64", from_base64(text))
    return _unframed(name, "raw", content)


def _as_text(content: bytes) -> str | None:
    try:
        text = content.decode("ascii").strip().strip("\"'")
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character.isspace() for character in text) else None


def _starts_well(data: bytes) -> bool:
    return data.startswith((_EXI, _V2GTP))


def _unframed(name: str, form: str, data: bytes) -> Input:
    if len(data) > MAX_BYTES:
        raise UsageError(f"{len(data)} bytes of EXI data, at most {MAX_BYTES} are taken")
    if not data.startswith(_V2GTP) or len(data) < _V2GTP_HEADER:
        return Input(name, form, data)
    payload_type = int.from_bytes(data[2:4], "big")
    announced = int.from_bytes(data[4:_V2GTP_HEADER], "big")
    payload = data[_V2GTP_HEADER:]
    return Input(name, form, payload[:announced], Frame(payload_type, announced, len(payload)))


def from_hex(text: str) -> bytes:
    """Return the bytes of hexadecimal text with spaces, colons, commas, ``0x``. Raises UsageError."""
    try:
        return bytes.fromhex(_NOT_DIGITS.sub("", text))
    except ValueError:
        digits = _NOT_DIGITS.sub("", text)
        bad = _HEX.sub("", digits)[:1]
        what = f"the character {bad!a}" if bad else f"an odd number of digits, {len(digits)}"
        raise UsageError(f"not hexadecimal: {what}") from None


def from_base64(text: str) -> bytes:
    """Return the bytes of base64 text, of the usual or the URL-safe alphabet. Raises UsageError."""
    compact = "".join(text.split()).translate(_URL_SAFE)
    if len(compact) % 4:
        raise UsageError(f"not base64: {len(compact)} characters are no multiple of 4")
    try:
        return a2b_base64(compact, strict_mode=True)
    except ValueError as error:
        raise UsageError(f"not base64: {error}") from None


def read_file(name: str) -> bytes:
    """Return the bytes of a file, ``-`` being standard input. Raises UsageError."""
    if not name:
        raise UsageError("the name of the file is empty")
    try:
        if name == "-":
            return _limited(STANDARD_INPUT, sys.stdin.buffer)
        with Path(name).open("rb") as file:
            return _limited(name, file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{place_of(name)}: {getattr(error, 'strerror', None) or error}") from error


def _limited(name: str, file: BinaryIO) -> bytes:
    content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{name}: more than {MAX_FILE_BYTES} bytes")
    return content


def read_text(name: str) -> str:
    """Return the text of a file in UTF-8, with or without byte order mark. Raises UsageError."""
    content = read_file(name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{place_of(name)}: {error}") from error
