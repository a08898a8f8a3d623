"""What pools, and the car maker over the air, read: requests of cars, and bundles that a CPS has signed.

The same of both editions; only this module knows where each of them keeps what.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from cryptography import x509

import exi
from backend_stub.certificates import chain_refusal
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from exi.schema import MessageSet, XsdType
from pki.chain import parse, public_key, verifying_key
from pki.errors import CertificateError
from pki.names import common_name
from pki.profiles import Edition as Suite
from v2g.errors import EnvelopeError
from v2g.identifiers import Emaid, IdentifierError, Pcid
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.security import signature, signature_iso20
from v2g.security.envelope import Envelope, read_point, require_length
from v2g.security.envelope_iso20 import curve_of
from v2g.security.installation_iso20 import envelope_of

SCHEMAS: dict[Edition, MessageSet] = {Edition.ISO2: iso2.SCHEMA, Edition.ISO20: iso20.COMMON_MESSAGES}
"""The messages of each edition."""

_SEALED_ISO2_BYTES = 48
_DH_ISO20_BYTES = 133
_CURVES = {Suite.ISO20: cm.EcdhCurve.SECP521, Suite.ISO20_ED448: cm.EcdhCurve.X448}

MAXIMUM = 8
"""Contracts that a car of -20 can ask for in one go [V2G20-1551]."""

Message = iso2.V2G_Message | cm.CertificateInstallationReq | cm.CertificateInstallationRes
"""A whole message as the market reads and writes it; in -20 each carries the header itself."""


@dataclass(frozen=True, slots=True)
class InstallationRequest:
    """A CertificateInstallationReq that could be read; nothing of it is verified yet.

    ``sub_cas`` is empty in -2, where the car does not send them. ``maximum`` and ``prioritized`` are how many
    contracts the car has room for, and which it wants before others; -2 takes one.
    """

    edition: Edition
    session_id: bytes
    reference: str
    pcid: str
    leaf: x509.Certificate
    sub_cas: Sequence[x509.Certificate]
    held_roots: Sequence[X509IssuerSerial]
    verify_signature: Callable[[], None] = field(repr=False)
    """Raises SignatureError unless the key of the certificate in it signed this request."""
    maximum: int = 1
    prioritized: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A CertificateInstallationRes that could be read; its signature and CPS chain are not verified yet.

    ``contract_sub_cas`` and ``cps_sub_cas`` are nearest first; ``envelope`` is the sealed contract key.
    """

    edition: Edition
    message: Message
    emaid: str
    contract_certificate: x509.Certificate
    contract_sub_cas: Sequence[x509.Certificate]
    envelope: Envelope
    cps_leaf: x509.Certificate
    cps_sub_cas: Sequence[x509.Certificate]
    verify_signature: Callable[[], None] = field(repr=False)
    """Raises SignatureError unless the CPS signed all that it must sign."""

    @property
    def certificates(self) -> Sequence[x509.Certificate]:
        """Every certificate in it."""
        return [self.contract_certificate, *self.contract_sub_cas, self.cps_leaf, *self.cps_sub_cas]


def encode_message(message: Message) -> bytes:
    """Return the EXI document of a message."""
    return exi.encode(message, SCHEMAS[edition_of_message(message)])


def edition_of_message(message: XsdType) -> Edition:
    """Return the edition that a message belongs to."""
    return Edition.ISO2 if isinstance(message, iso2.V2G_Message) else Edition.ISO20


def read_message(document: bytes, edition: Edition = Edition.ISO2) -> XsdType:
    """Decode an EXI document; raises MarketError(EXI) for anything that is no message of this edition."""
    schema = SCHEMAS[edition]
    try:
        message = exi.decode(document, schema)
    except exi.ExiError as error:
        raise MarketError(Code.EXI, f"not a message of {schema.namespace}: {error}") from error
    if not isinstance(message, XsdType):
        raise MarketError(Code.MESSAGE, f"the document is a {type(message).__name__}, expected a message")
    return message


def read_request(document: bytes, edition: Edition = Edition.ISO2) -> InstallationRequest:
    """Read a car's request.

    Raises MarketError: EXI, MESSAGE for another message or numbers out of range, CHAIN for a certificate without a
    PCID or without a key of this edition.
    """
    message = read_message(document, edition)
    read = _request_iso2 if edition is Edition.ISO2 else _request_iso20
    try:
        return read(message)
    except CertificateError as error:
        raise chain_refusal(error, "provisioning certificate") from error
    except IdentifierError as error:
        raise MarketError(Code.CHAIN, f"provisioning certificate: common name: {error}") from error


def read_bundle(document: bytes, edition: Edition = Edition.ISO2) -> Bundle:
    """Read a bundle as a CPS makes it.

    Raises MarketError: EXI, MESSAGE for another message or one that refuses, CHAIN for certificates that
    cannot be read or an eMAID that is not the certificate's.
    """
    message = read_message(document, edition)
    read = _bundle_iso2 if edition is Edition.ISO2 else _bundle_iso20
    try:
        return read(message)
    except CertificateError as error:
        raise chain_refusal(error, "bundle") from error
    except IdentifierError as error:
        raise MarketError(Code.CHAIN, f"bundle: {error}") from error


def check_form(envelope: Envelope, suite: Suite) -> None:
    """Check what everybody can see of a sealed key: that its fields are of the suite. Raises EnvelopeError."""
    if suite is Suite.ISO2:
        require_length("encrypted_private_key", envelope.encrypted_private_key, _SEALED_ISO2_BYTES)
    elif curve_of(envelope) is not (wanted := _CURVES[suite]):
        raise EnvelopeError("encrypted_private_key", f"an envelope for another curve than {wanted}")
    if suite is Suite.ISO20_ED448:
        require_length("dh_public_key", envelope.dh_public_key, _DH_ISO20_BYTES)
    else:
        read_point(envelope.dh_public_key, suite.key_type.curve)


def _request_iso2(message: XsdType) -> InstallationRequest:
    whole = _v2g_message(message)
    body = whole.body.body_element
    if not isinstance(body, iso2.CertificateInstallationReq):
        raise _other_message(body, "CertificateInstallationReq")
    leaf = parse(body.oem_provisioning_cert)
    verify = partial(
        signature.verify_certificate_installation_req, whole.header.signature, body, public_key(leaf)
    )
    return InstallationRequest(
        Edition.ISO2,
        whole.header.session_id,
        body.id,
        str(Pcid.parse(common_name(leaf))),
        leaf,
        (),
        body.list_of_root_certificate_ids.root_certificate_id,
        verify,
    )


def _request_iso20(message: XsdType) -> InstallationRequest:
    if not isinstance(message, cm.CertificateInstallationReq):
        raise _other_message(message, "CertificateInstallationReq")
    maximum = message.maximum_contract_certificate_chains
    wanted = message.prioritized_emaids.emaid if message.prioritized_emaids else []
    if not 1 <= maximum <= MAXIMUM or len(wanted) > maximum:
        raise MarketError(
            Code.MESSAGE,
            f"MaximumContractCertificateChains {maximum} with {len(wanted)} PrioritizedEMAIDs: 1 to {MAXIMUM}, "
            "and no more eMAIDs than that",
        )
    chain = message.oem_provisioning_certificate_chain
    leaf = parse(chain.certificate)
    above = chain.sub_certificates.certificate if chain.sub_certificates else []
    verify = partial(
        signature_iso20.verify_certificate_installation_req,
        message.header.signature,
        message,
        verifying_key(leaf),
    )
    return InstallationRequest(
        Edition.ISO20,
        message.header.session_id,
        chain.id,
        str(Pcid.parse(common_name(leaf))),
        leaf,
        [parse(certificate) for certificate in above],
        message.list_of_root_certificate_ids.root_certificate_id,
        verify,
        maximum,
        list(dict.fromkeys(_normal(emaid) for emaid in wanted)),
    )


def _bundle_iso2(message: XsdType) -> Bundle:
    whole = _v2g_message(message)
    body = whole.body.body_element
    if not isinstance(body, iso2.CertificateInstallationRes):
        raise _other_message(body, "CertificateInstallationRes")
    if body.response_code is not iso2.ResponseCode.OK:
        raise _refusing(body.response_code)
    contract, *contract_above = _chain(body.contract_signature_cert_chain)
    emaid = _named(contract)
    if emaid != (said := Emaid.normalise(body.emaid.value)):
        raise MarketError(Code.CHAIN, f"bundle: eMAID {said}, but the contract certificate names {emaid}")
    provider, *provider_above = _chain(body.sa_provisioning_certificate_chain)
    verify = partial(
        signature.verify_certificate_installation_res, whole.header.signature, body, public_key(provider)
    )
    envelope = Envelope(body.contract_signature_encrypted_private_key.value, body.dh_public_key.value)
    return Bundle(
        Edition.ISO2, whole, emaid, contract, contract_above, envelope, provider, provider_above, verify
    )


def _bundle_iso20(message: XsdType) -> Bundle:
    if not isinstance(message, cm.CertificateInstallationRes):
        raise _other_message(message, "CertificateInstallationRes")
    if not message.response_code.startswith("OK"):
        raise _refusing(message.response_code)
    contract, *contract_above = _chain(message.signed_installation_data.contract_certificate_chain)
    provider, *provider_above = _chain(message.cps_certificate_chain)
    try:
        envelope = envelope_of(message.signed_installation_data)
    except EnvelopeError as error:
        raise MarketError(Code.MESSAGE, f"bundle: {error}") from error
    verify = partial(
        signature_iso20.verify_certificate_installation_res,
        message.header.signature,
        message,
        verifying_key(provider),
    )
    return Bundle(
        Edition.ISO20,
        message,
        _named(contract),
        contract,
        contract_above,
        envelope,
        provider,
        provider_above,
        verify,
    )


def _chain(
    chain: iso2.CertificateChain | cm.CertificateChain | cm.ContractCertificateChain,
) -> list[x509.Certificate]:
    above = chain.sub_certificates.certificate if chain.sub_certificates else []
    return [parse(certificate) for certificate in (chain.certificate, *above)]


def _named(contract: x509.Certificate) -> str:
    return Emaid.normalise(common_name(contract))


def _normal(emaid: str) -> str:
    """Return an eMAID in its normal form; what is none fits no contract, and stays as it is."""
    try:
        return Emaid.normalise(emaid)
    except IdentifierError:
        return emaid


def _v2g_message(message: XsdType) -> iso2.V2G_Message:
    if not isinstance(message, iso2.V2G_Message):
        name = type(message).__name__
        raise MarketError(Code.MESSAGE, f"the document is a {name}, expected a V2G_Message")
    return message


def _refusing(code: str) -> MarketError:
    return MarketError(Code.MESSAGE, f"the response carries {code}, expected OK")


def _other_message(body: object, expected: str) -> MarketError:
    found = "nothing" if body is None else type(body).__name__
    return MarketError(Code.MESSAGE, f"the body holds {found}, expected {expected}")
