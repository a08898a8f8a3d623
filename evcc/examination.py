"""What a car makes sure of before it believes a delivered contract: the parts that all editions share.

The order is from the outside inwards, as the standard's order of trust is: whose provisioning service signed
this and do we trust it, did it sign exactly this, is that a sound contract, and last, is the private key in
the envelope the one of the certificate. The first thing that is wrong has a name of its own
(:class:`evcc.errors.InstallationFault`), and nothing is kept of an answer that fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509

from evcc.config import CheckDigit
from evcc.contracts import emaid_of
from evcc.errors import InstallationError, InstallationFault
from pki.chain import parse, validate
from pki.errors import CertificateError, Rule
from pki.profiles import Edition, Profile
from v2g.errors import EnvelopeError, IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import xmldsig
from v2g.trace import Tracer

K = TypeVar("K")

_WHAT = "CertificateInstallationRes"
_ENVELOPE_FAULTS = {
    "decryption": InstallationFault.KEY_DECRYPTION,
    "scalar": InstallationFault.KEY_OUT_OF_RANGE,
    "key_match": InstallationFault.KEY_MISMATCH,
}


@dataclass(frozen=True, slots=True)
class Examiner:
    """Holds deliveries against what this car trusts; every method raises :class:`InstallationError`.

    ``suite`` is the set of certificate profiles, ``roots`` are the V2G roots of the car, ``at`` is the time
    to judge validity at. Chains are DER certificates, leaf first.
    """

    suite: Edition
    roots: Sequence[x509.Certificate]
    at: datetime
    check_digit: CheckDigit
    tracer: Tracer

    def provider(self, chain: Sequence[bytes]) -> x509.Certificate:
        """Return the certificate of the provisioning service, which a V2G root of the car must vouch for."""
        profile = self.suite.profiles["cps_leaf"]
        try:
            leaf, *above = map(parse, chain)
            validate(leaf, above, self.roots, at=self.at, profile=profile)
        except CertificateError as error:
            raise self._refused(InstallationFault.CPS_CERTIFICATE, error) from error
        return leaf

    def signature(self, signature: xmldsig.Signature | None, verify: Callable[[], None]) -> None:
        """Let ``verify`` check that the service signed what it must sign, and no more."""
        try:
            verify()
        except SignatureError as error:
            self.tracer.event("signature.failed", what=_WHAT, reason=str(error))
            raise InstallationError(InstallationFault.SIGNATURE, str(error)) from error
        references = [reference.uri for reference in signature.signed_info.reference] if signature else []
        self.tracer.event("signature.verified", what=_WHAT, references=references)

    def contract_chain(self, chain: Sequence[bytes]) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
        """Return the contract certificate and the sub-CAs above it, once they hang together.

        The car holds no root of mobility operators: it trusts the provisioning service to have looked. What
        it can check is that the delivered chain is one, up to the topmost sub-CA, and that it is valid now;
        a charger would only refuse it otherwise.
        """
        profile = self.suite.profiles["contract"]
        try:
            leaf, *above = map(parse, chain)
            _check_shape(leaf, above, profile)
            validate(leaf, above[:-1], above[-1:], at=self.at, profile=profile)
        except CertificateError as error:
            raise self._refused(InstallationFault.CONTRACT_CERTIFICATE, error) from error
        return leaf, tuple(above)

    def emaid(self, certificate: x509.Certificate, announced: str | None = None) -> str:
        """Return the eMAID of a contract certificate.

        Where the message announces one, too, as in -2, both must be the same.
        """
        try:
            certified = emaid_of(certificate)
        except CertificateError as error:
            raise self._refused(InstallationFault.CONTRACT_CERTIFICATE, error) from error
        texts = [certified] if announced is None else [announced, certified]
        try:
            expected = Emaid.parse(texts[0], check=False)
        except IdentifierError as error:
            raise InstallationError(InstallationFault.EMAID_SYNTAX, str(error)) from error
        if not _names(certified, expected):
            detail = f"the message says {announced}, the contract certificate {certified}"
            raise InstallationError(InstallationFault.EMAID_MISMATCH, detail)
        if self.check_digit is CheckDigit.REQUIRE:
            try:
                for text in texts:
                    Emaid.parse(text)
            except IdentifierError as error:
                raise InstallationError(InstallationFault.EMAID_CHECK_DIGIT, str(error)) from error
        return certified

    def key(self, open_envelope: Callable[[], K]) -> K:
        """Return the private key that ``open_envelope`` decrypts and holds against the certificate."""
        try:
            return open_envelope()
        except EnvelopeError as error:
            fault = _ENVELOPE_FAULTS.get(error.step, InstallationFault.KEY_ENVELOPE)
            raise InstallationError(fault, f"{error.step}: {error.reason}") from error

    def _refused(self, fault: InstallationFault, error: CertificateError) -> InstallationError:
        self.tracer.event("certificate.rejected", rule=error.rule, subject=error.subject, detail=error.detail)
        return InstallationError(fault, str(error), error.rule)


def _check_shape(leaf: x509.Certificate, above: Sequence[x509.Certificate], profile: Profile) -> None:
    """Refuse what only a check against the root would find: a chain too long, or the root in it."""
    most = profile.max_chain
    if 1 + len(above) > most:
        detail = f"{1 + len(above)} certificates, at most {most} allowed"
        raise CertificateError(Rule.CHAIN_TOO_LONG, leaf.subject.rfc4514_string(), detail)
    for authority in above:
        if authority.issuer == authority.subject:
            detail = "a root has no place among the sub-CA certificates"
            raise CertificateError(Rule.UNEXPECTED_CERTIFICATE, authority.subject.rfc4514_string(), detail)


def _names(text: str, emaid: Emaid) -> bool:
    try:
        return Emaid.parse(text, check=False) == emaid
    except IdentifierError:
        return False
