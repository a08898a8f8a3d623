"""What stood in the messages: EXI payloads from the trace, decoded to XML text for the reader.

Payloads repeat (a charge loop sends the same bytes again and again), so each is decoded and kept once.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from lab.model import Message
from v2g.messages import appprotocol, iso2

_SAP = "supportedappprotocol"
_TAG = re.compile(r"<(/?)(?:[\w.-]+:)?([\w.-]+)[^<>]*?(/?)>([^<]*)")


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload: ``hex`` as in the trace, and its XML text or the reason why there is none.

    ``certificates`` are those found inside: where, and what they say.
    """

    hex: str
    xml: str | None
    problem: str | None = None
    certificates: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return the payload as the page's script reads it."""
        return {
            "hex": self.hex,
            "xml": self.xml,
            "problem": self.problem,
            "certificates": [{"place": place, "facts": facts} for place, facts in self.certificates],
        }


class Payloads:
    """The distinct payloads of a report, by number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, bool], int] = {}
        self.items: list[Payload] = []

    def add(self, message: Message) -> int | None:
        """Return the number of the message's payload; None when the trace holds none."""
        if not message.exi:
            return None
        negotiation = message.name.lower().startswith(_SAP)
        key = (message.exi, negotiation)
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(_decode(message.exi, negotiation=negotiation))
        return self._numbers[key]


def _decode(text: str, *, negotiation: bool) -> Payload:
    schema = appprotocol.SCHEMA if negotiation else iso2.SCHEMA
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return Payload("", None, "The trace's hex text is damaged.")
    try:
        xml = exi.to_xml(exi.decode(data, schema), schema)
    except exi.ExiError as error:
        return Payload(data.hex(), None, f"Cannot be decoded: {error}")
    return Payload(data.hex(), xml, None, list(certificates_in(xml)))


def certificates_in(xml: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the X.509 certificates in a message's XML: the element they stand in, and their facts."""
    path: list[str] = []
    for closing, name, empty, text in _TAG.findall(xml):
        if closing:
            path = path[:-1]
            continue
        if not empty:
            path.append(name)
        if text.startswith("MII"):
            facts = _certificate_facts(text.strip())
            if facts:
                chain = next((part for part in reversed(path[:-1]) if part.endswith("Chain")), "")
                yield (f"{chain}, {name}" if chain else name), facts


def _certificate_facts(text: str) -> list[tuple[str, str]]:
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        key = certificate.public_key()
        subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    except (ValueError, binascii.Error):
        return []
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    return [
        ("Subject", subject),
        ("Issuer", issuer),
        ("Serial", str(certificate.serial_number)),
        (
            "Valid",
            f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}",
        ),
        ("Key", curve),
        ("Size", f"{len(text) * 3 // 4 - text.count('='):,} bytes"),
    ]
