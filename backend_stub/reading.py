"""What pools, and the car maker over the air, read: requests of cars, and bundles that a CPS has signed."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.certificates import chain_refusal
from backend_stub.errors import Code, MarketError
from pki.chain import parse, public_key
from pki.errors import CertificateError
from pki.names import common_name
from v2g.identifiers import Emaid, IdentifierError, Pcid
from v2g.messages import iso2
from v2g.security.signature import (
    verify_certificate_installation_req,
    verify_certificate_installation_res,
)


@dataclass(frozen=True, slots=True)
class InstallationRequest:
    """A CertificateInstallationReq that could be read; nothing of it is verified yet."""

    message: iso2.V2G_Message
    body: iso2.CertificateInstallationReq
    leaf: x509.Certificate
    key: ec.EllipticCurvePublicKey
    pcid: str

    @property
    def session_id(self) -> bytes:
        """The SessionID that the answer must carry."""
        return self.message.header.session_id

    def verify_signature(self) -> None:
        """Raise SignatureError unless the key of the certificate in it signed this request."""
        verify_certificate_installation_req(self.message.header.signature, self.body, self.key)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A CertificateInstallationRes that could be read; its signature and CPS chain are not verified yet."""

    message: iso2.V2G_Message
    body: iso2.CertificateInstallationRes
    emaid: str
    contract_certificate: x509.Certificate
    cps_leaf: x509.Certificate
    cps_sub_cas: Sequence[x509.Certificate]

    def verify_signature(self) -> None:
        """Raise SignatureError unless the CPS signed all four parts."""
        verify_certificate_installation_res(
            self.message.header.signature, self.body, public_key(self.cps_leaf)
        )


def read_message(document: bytes) -> iso2.V2G_Message:
    """Decode an EXI document; raises MarketError(EXI) for anything that is no V2G_Message."""
    try:
        message = exi.decode(document, iso2.SCHEMA)
    except exi.ExiError as error:
        raise MarketError(Code.EXI, f"not a message of {iso2.NAMESPACE}: {error}") from error
    if not isinstance(message, iso2.V2G_Message):
        raise MarketError(Code.MESSAGE, f"the document is a {type(message).__name__}, expected a V2G_Message")
    return message


def read_request(document: bytes) -> InstallationRequest:
    """Read a car's request.

    Raises MarketError: EXI, MESSAGE for another message, CHAIN for a certificate without a PCID or without a key on P-256.
    """
    message = read_message(document)
    body = message.body.body_element
    if not isinstance(body, iso2.CertificateInstallationReq):
        raise _other_message(body, "CertificateInstallationReq")
    try:
        leaf = parse(body.oem_provisioning_cert)
        key = public_key(leaf)
        pcid = str(Pcid.parse(common_name(leaf)))
    except CertificateError as error:
        raise chain_refusal(error, "provisioning certificate") from error
    except IdentifierError as error:
        raise MarketError(Code.CHAIN, f"provisioning certificate: common name: {error}") from error
    return InstallationRequest(message, body, leaf, key, pcid)


def read_bundle(document: bytes) -> Bundle:
    """Read a bundle as a CPS makes it.

    Raises MarketError: EXI, MESSAGE for another message or one that refuses, CHAIN for certificates that
    cannot be read or an eMAID that is not the certificate's.
    """
    message = read_message(document)
    body = message.body.body_element
    if not isinstance(body, iso2.CertificateInstallationRes):
        raise _other_message(body, "CertificateInstallationRes")
    if body.response_code is not iso2.ResponseCode.OK:
        raise MarketError(Code.MESSAGE, f"the response carries {body.response_code}, expected OK")
    cps_chain = body.sa_provisioning_certificate_chain
    sub_certificates = cps_chain.sub_certificates
    try:
        contract_certificate = parse(body.contract_signature_cert_chain.certificate)
        named = Emaid.normalise(common_name(contract_certificate))
        emaid = Emaid.normalise(body.emaid.value)
        cps_leaf = parse(cps_chain.certificate)
        cps_sub_cas = [parse(data) for data in (sub_certificates.certificate if sub_certificates else [])]
    except CertificateError as error:
        raise chain_refusal(error, "bundle") from error
    except IdentifierError as error:
        raise MarketError(Code.CHAIN, f"bundle: {error}") from error
    if named != emaid:
        raise MarketError(Code.CHAIN, f"bundle: eMAID {emaid}, but the contract certificate names {named}")
    return Bundle(message, body, emaid, contract_certificate, cps_leaf, cps_sub_cas)


def _other_message(body: object, expected: str) -> MarketError:
    found = "nothing" if body is None else type(body).__name__
    return MarketError(Code.MESSAGE, f"the body holds {found}, expected {expected}")
