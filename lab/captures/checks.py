"""Signatures and certificate chains of the messages of a session, judged as the other side would have.

Signatures are always checked, with the key of the certificate that the session itself shows; chains where there are
roots to hold them against. Checking is that of ``pnclab explain``, so a failure names the dialect of a peer in which
the signature would have held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from exi.schema import XsdType
from lab.captures.telling import Teller
from lab.explain.installation import NotAnInstallationError, Signed, is_request, is_response, is_waiting, read
from lab.explain.signed import Trust, explain_chain, explain_signature
from lab.explain.steps import Story, Verdict
from lab.trace_file import Event
from pki import chain, names
from pki.errors import CertificateError
from pki.profiles import Edition
from v2g.connection import content, message_name
from v2g.errors import SignatureError
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.security import signature, signature_iso20
from v2g.security.dialects import STANDARD
from v2g.security.signature import SignedElement


@dataclass(frozen=True, slots=True)
class Anchors:
    """The roots that the user trusts, and sub-CAs that messages leave out; both may be empty."""

    roots: tuple[x509.Certificate, ...] = ()
    sub_cas: tuple[x509.Certificate, ...] = ()

    def at(self, t: float) -> Trust:
        """Return them for judging at a time."""
        return Trust(self.roots, self.sub_cas, datetime.fromtimestamp(t, UTC))


class Checker:
    """Judges the messages of one session. ``failed`` counts what did not hold."""

    def __init__(self, anchors: Anchors) -> None:
        self.failed = 0
        self._anchors = anchors
        self._request: XsdType | None = None
        self._delivered: set[bytes] = set()
        self._contract: tuple[bytes, ...] = ()

    def message(self, tell: Teller, message: XsdType, t: float) -> Iterator[Event]:
        """Take the next message of the session."""
        inner = content(message)
        if is_request(message):
            self._request = message
        elif is_response(message):
            if not is_waiting(message):
                yield from self._installation(tell, message, t)
        elif isinstance(inner, iso2.PaymentDetailsReq):
            yield from self._shown(tell, _ders(inner.contract_signature_cert_chain), Edition.ISO2, t)
        elif isinstance(inner, cm.AuthorizationReq):
            mode = inner.pnc_a_req_authorization_mode
            if mode is not None:
                ders = _ders(mode.contract_certificate_chain)
                yield from self._shown(tell, ders, _edition20(ders[0]), t)
                yield from self._signed(tell, message, signature_iso20.authorization_elements(inner), t)
        elif isinstance(inner, iso2.AuthorizationReq | iso2.MeteringReceiptReq):
            if getattr(message, "header").signature is not None:  # noqa: B009 - the class is one of eighty roots
                yield from self._signed(tell, message, signature.request_elements(inner), t)
        elif isinstance(inner, cm.MeteringConfirmationReq):
            yield from self._signed(tell, message, signature_iso20.metering_elements(inner), t)

    def server(self, tell: Teller, ders: Sequence[bytes], version: str, t: float) -> Iterator[Event]:
        """Judge the certificate chain that the charger showed in the TLS handshake."""
        if self._anchors.roots:
            edition = Edition.ISO2 if version == "TLSv1.2" else _edition20(ders[0])
            yield from self._chain(tell, "charger's TLS certificate", ders, edition, "secc_leaf", t)

    def _installation(self, tell: Teller, response: XsdType, t: float) -> Iterator[Event]:
        request, self._request = self._request, None
        try:
            found = read(request, response)
        except NotAnInstallationError as error:
            self.failed += 1
            yield tell(t, "signature.failed", what=message_name(response), reason=str(error))
            return
        if found.request is not None:
            yield from self._part(tell, found.request, found.edition, t)
        if found.response_code.upper().startswith("OK"):
            yield from self._part(tell, found.response, found.edition, t)
            self._delivered.add(found.contract_chain[0])
            yield from self._chain(
                tell, "delivered contract", found.contract_chain, found.edition, "contract", t
            )

    def _part(self, tell: Teller, signed: Signed, edition: Edition, t: float) -> Iterator[Event]:
        who = "provider" if "cps" in signed.profiles[0] else "car"
        yield from self._chain(
            tell, f"{who}'s chain in {signed.name}", signed.chain, edition, signed.profiles[0], t
        )
        yield from self._signature(tell, signed, edition, t)

    def _signed(
        self, tell: Teller, message: XsdType, elements: Sequence[SignedElement], t: float
    ) -> Iterator[Event]:
        """Check a message that is signed with the contract's key."""
        is20 = isinstance(message, cm.AuthorizationReq | cm.MeteringConfirmationReq)
        header = getattr(message, "header")  # noqa: B009 - as above
        signed = Signed(
            part="request",
            name=message_name(message),
            schema=iso20.COMMON_MESSAGES if is20 else iso2.SCHEMA,
            signature=header.signature,
            elements=tuple(elements),
            also=None,
            chain=self._contract,
            profiles=("contract",),
        )
        if not self._contract:
            yield tell(
                t, "signature.unchecked", what=signed.name, reason="the contract is not in the capture"
            )
            return
        yield from self._signature(tell, signed, _edition20(self._contract[0]) if is20 else Edition.ISO2, t)

    def _signature(self, tell: Teller, signed: Signed, edition: Edition, t: float) -> Iterator[Event]:
        story = Story()
        try:
            leaf = chain.parse(signed.chain[0])
        except CertificateError as error:
            self.failed += 1
            yield tell(t, "signature.failed", what=signed.name, reason=str(error))
            return
        try:
            explain_signature(story, signed, leaf, edition, STANDARD)
        except SignatureError as error:
            story.add(signed.part, "signature", Verdict.FAILED, str(error))
        references = (
            [(reference.uri or "").removeprefix("#") for reference in signed.signature.signed_info.reference]
            if signed.signature is not None
            else []
        )
        if not story.failed:
            yield tell(t, "signature.verified", what=signed.name, references=references)
            return
        self.failed += 1
        for step in story.failed:
            hint = f" (holds in the dialect {step.hint})" if step.hint else ""
            yield tell(
                t,
                "signature.failed",
                what=signed.name,
                references=references,
                reason=f"{step.name}: {step.detail}{hint}",
            )

    def _shown(self, tell: Teller, ders: tuple[bytes, ...], edition: Edition, t: float) -> Iterator[Event]:
        """Take the contract that the car shows; one that was delivered before is installed now."""
        if ders == self._contract:
            return
        self._contract = ders
        try:
            leaf = chain.parse(ders[0])
            emaid = names.common_name(leaf)
        except CertificateError as error:
            self.failed += 1
            yield tell(t, "certificate.rejected", rule=error.rule, subject="contract", detail=str(error))
            return
        if ders[0] in self._delivered:
            yield tell(
                t,
                "contract.installed",
                emaid=emaid,
                certificate_serial=f"{leaf.serial_number:x}",
                valid_until=leaf.not_valid_after_utc,
            )
        yield tell(t, "contract.used", emaid=emaid)
        yield from self._chain(tell, "contract", ders, edition, "contract", t)

    def _chain(
        self, tell: Teller, what: str, ders: Sequence[bytes], edition: Edition, profile: str, t: float
    ) -> Iterator[Event]:
        """Judge a chain, if there are roots."""
        if not self._anchors.roots:
            return
        story = Story()
        explain_chain(story, "", what, ders, edition.profiles[profile], self._anchors.at(t))
        for step in story.steps:
            if step.verdict is Verdict.FAILED:
                self.failed += 1
                yield tell(t, "certificate.rejected", rule="chain", subject=what, detail=step.detail)
            else:
                yield tell(t, "certificate.verified", subject=what, detail=step.detail)


def _ders(
    shown: iso2.CertificateChain | cm.ContractCertificateChain | cm.CertificateChain,
) -> tuple[bytes, ...]:
    above = shown.sub_certificates.certificate if shown.sub_certificates is not None else ()
    return (shown.certificate, *above)


def _edition20(leaf: bytes) -> Edition:
    """Return the edition of -20 that a certificate's key belongs to; that of secp521r1 where it is none of them."""
    try:
        found = chain.key_name(chain.parse(leaf))
    except CertificateError:
        return Edition.ISO20
    return Edition.ISO20_ED448 if found == Edition.ISO20_ED448.key_type else Edition.ISO20
