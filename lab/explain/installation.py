"""Request and response of either edition in one shape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from exi.schema import MessageSet, XsdType
from pki.chain import key_name, parse
from pki.errors import CertificateError
from pki.profiles import Edition
from v2g.errors import EnvelopeError
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing
from v2g.messages.xmldsig import Signature
from v2g.security import signature, signature_iso20
from v2g.security.envelope import Envelope
from v2g.security.installation_iso20 import envelope_of
from v2g.security.signature import SignedElement

REQUEST = "request"
RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Signed:
    """One of the two messages: what is signed in it, and the chain of whoever signed it (DER, leaf first).

    ``also`` are elements that may be signed instead, as some peers do. ``profiles`` are the names of what the
    signer's certificate may be.
    """

    part: str
    name: str
    schema: MessageSet
    signature: Signature | None
    elements: tuple[SignedElement, ...]
    also: Callable[[str], SignedElement] | None
    chain: tuple[bytes, ...]
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation (or update) of a contract.

    ``edition`` is that of the signer of the response; ``at`` what the messages say of the time; ``envelope``
    is the error where there is no envelope that could be opened. ``receiver`` is the certificate whose key
    receives it, known from the request.
    """

    edition: Edition
    request: Signed | None
    response: Signed
    contract_chain: tuple[bytes, ...]
    emaid: str | None
    envelope: Envelope | EnvelopeError
    receiver: bytes | None
    response_code: str
    at: datetime | None


class NotAnInstallationError(ValueError):
    """The messages are none of an installation, or do not belong together."""


def read(request: XsdType | None, response: XsdType) -> Installation:
    """Bring the messages into one shape. Raises :class:`NotAnInstallationError`."""
    if isinstance(response, cm.CertificateInstallationRes):
        if request is not None and not isinstance(request, cm.CertificateInstallationReq):
            raise NotAnInstallationError(f"{_name(request)} is not the request of {_name(response)}")
        if is_waiting(response):
            raise NotAnInstallationError(
                "the response says EVSEProcessing=Ongoing: there is nothing in it yet"
            )
        return _iso20(request, response)
    body = response.body.body_element if isinstance(response, iso2.V2G_Message) else None
    if isinstance(body, iso2.CertificateInstallationRes | iso2.CertificateUpdateRes):
        assert isinstance(response, iso2.V2G_Message)
        return _iso2(request, response, body)
    raise NotAnInstallationError(f"{_name(response)} is no answer to an installation")


def is_request(message: XsdType) -> bool:
    """Say whether a message asks for a contract."""
    wanted = iso2.CertificateInstallationReq | iso2.CertificateUpdateReq | cm.CertificateInstallationReq
    return isinstance(_inner(message), wanted)


def is_response(message: XsdType) -> bool:
    """Say whether a message answers such a request."""
    wanted = iso2.CertificateInstallationRes | iso2.CertificateUpdateRes | cm.CertificateInstallationRes
    return isinstance(_inner(message), wanted)


def is_waiting(message: XsdType) -> bool:
    """Say whether a response of -20 only asks to be asked again [V2G20-1972]; it carries placeholders."""
    return (
        isinstance(message, cm.CertificateInstallationRes)
        and message.evse_processing is not Processing.Finished
    )


def _iso2(request: XsdType | None, response: iso2.V2G_Message, body: signature.Bundle) -> Installation:
    asked: Signed | None = None
    if request is not None:
        inner = _inner(request)
        chain: tuple[bytes, ...]
        if isinstance(inner, iso2.CertificateInstallationReq) and isinstance(
            body, iso2.CertificateInstallationRes
        ):
            chain, profile = (inner.oem_provisioning_cert,), "oem_provisioning"
        elif isinstance(inner, iso2.CertificateUpdateReq) and isinstance(body, iso2.CertificateUpdateRes):
            chain, profile = _chain(inner.contract_signature_cert_chain), "contract"
        else:
            raise NotAnInstallationError(f"{_name(request)} is not the request of {_name(response)}")
        assert isinstance(request, iso2.V2G_Message)
        asked = Signed(
            part=REQUEST,
            name=type(inner).__name__,
            schema=iso2.SCHEMA,
            signature=request.header.signature,
            elements=tuple(signature.request_elements(inner)),
            also=None,
            chain=chain,
            profiles=(profile,),
        )
    return Installation(
        edition=Edition.ISO2,
        request=asked,
        response=Signed(
            part=RESPONSE,
            name=type(body).__name__,
            schema=iso2.SCHEMA,
            signature=response.header.signature,
            elements=tuple(signature.bundle_elements(body)),
            also=None,
            chain=_chain(body.sa_provisioning_certificate_chain),
            profiles=("cps_leaf",),
        ),
        contract_chain=_chain(body.contract_signature_cert_chain),
        emaid=body.emaid.value,
        envelope=Envelope(body.contract_signature_encrypted_private_key.value, body.dh_public_key.value),
        receiver=None if asked is None else asked.chain[0],
        response_code=body.response_code.value,
        at=None,
    )


def _iso20(
    request: cm.CertificateInstallationReq | None, response: cm.CertificateInstallationRes
) -> Installation:
    asked: Signed | None = None
    if request is not None:
        asking = request
        asked = Signed(
            part=REQUEST,
            name=type(request).__name__,
            schema=iso20.COMMON_MESSAGES,
            signature=request.header.signature,
            elements=(signature_iso20.chain_element(request),),
            also=lambda identifier: signature_iso20.body_element(asking, identifier),
            chain=_chain(request.oem_provisioning_certificate_chain),
            profiles=("oem_provisioning",),
        )
    data = response.signed_installation_data
    envelope: Envelope | EnvelopeError
    try:
        envelope = envelope_of(data)
    except EnvelopeError as error:
        envelope = error
    cps_chain = _chain(response.cps_certificate_chain)
    return Installation(
        edition=_edition(cps_chain[0]),
        request=asked,
        response=Signed(
            part=RESPONSE,
            name=type(response).__name__,
            schema=iso20.COMMON_MESSAGES,
            signature=response.header.signature,
            elements=(signature_iso20.installation_element(response),),
            also=None,
            chain=cps_chain,
            profiles=("cps_leaf",),
        ),
        contract_chain=_chain(data.contract_certificate_chain),
        emaid=None,
        envelope=envelope,
        receiver=None if asked is None else asked.chain[0],
        response_code=response.response_code.value,
        at=datetime.fromtimestamp(response.header.time_stamp, UTC),
    )


def _edition(leaf: bytes) -> Edition:
    """Return the edition of -20 that a signer's key belongs to; the first one where it is none of them."""
    try:
        found = key_name(parse(leaf))
    except CertificateError:
        return Edition.ISO20
    return next((edition for edition in (Edition.ISO20_ED448,) if edition.key_type == found), Edition.ISO20)


def _chain(
    chain: iso2.CertificateChain
    | cm.CertificateChain
    | cm.SignedCertificateChain
    | cm.ContractCertificateChain,
) -> tuple[bytes, ...]:
    above: Sequence[bytes] = chain.sub_certificates.certificate if chain.sub_certificates is not None else ()
    return (chain.certificate, *above)


def _inner(message: XsdType) -> XsdType | None:
    return message.body.body_element if isinstance(message, iso2.V2G_Message) else message


def _name(message: XsdType) -> str:
    inner = _inner(message)
    return "an empty body" if inner is None else type(inner).__name__
