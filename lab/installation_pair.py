"""A complete certificate installation on paper: request and response with everything behind them.

Made from a seed, with the market's and the car's code and without any of their processes. The published vectors
(:mod:`lab.vectors`) and the tests of ``pnclab explain`` are made of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import exi
from exi.schema import XsdType
from pki import vehicle_files
from pki.entropy import Entropy
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, new_identity
from pki.keys import PrivateKey
from pki.names import issuer_serial
from pki.profiles import OEM_PROVISIONING, Edition
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages, common_types
from v2g.messages.xmldsig import Signature, X509IssuerSerial
from v2g.security import signature, signature_iso20
from v2g.security.dialects import STANDARD, Dialect
from v2g.security.envelope import seal_iso2
from v2g.security.envelope_iso20 import receivers, seal_iso20
from v2g.security.installation_iso20 import installation_data

DEFAULT_PCID = "WMIKAT0123456789AB"
DEFAULT_EMAID = "DE83DUIEN83QGZD"
SESSION_ID = bytes.fromhex("0123456789ABCDEF")


@dataclass(frozen=True, slots=True)
class Pair:
    """One installation.

    ``hierarchy``             everyone's certificates and keys
    ``provisioning``, ``provisioning_sub_cas``  the car, and what stands above it
    ``receiver_key``          the private key that opens the envelope
    ``contract``              the contract and its key
    ``request``, ``response``  the messages as sent, ``request_exi`` and ``response_exi`` their bytes
    """

    edition: Edition
    hierarchy: Hierarchy
    pcid: str
    emaid: str
    provisioning: Identity
    provisioning_sub_cas: tuple[x509.Certificate, ...]
    receiver_key: PrivateKey = field(repr=False)
    contract: Identity
    request: XsdType
    response: XsdType
    request_exi: bytes
    response_exi: bytes


def make_pair(
    edition: Edition,
    *,
    now: datetime,
    entropy: Entropy,
    dialect: Dialect = STANDARD,
    pcid: str = DEFAULT_PCID,
    emaid: str = DEFAULT_EMAID,
) -> Pair:
    """Make certificates, request and response of one installation in ``dialect``."""
    hierarchy = Hierarchy.create(now=now, entropy=entropy, edition=edition)
    if edition is Edition.ISO2:
        provisioning = new_identity(
            OEM_PROVISIONING, common_name=pcid, issuer=hierarchy["oem_sub_ca2"], now=now, entropy=entropy
        )
        sub_cas = tuple(hierarchy.chain("oem_sub_ca2"))
        receiver_key = provisioning.private_key()
    else:
        car = vehicle_files.issue(hierarchy, evccid="WMIKATEVCC001", pcid=pcid, now=now, entropy=entropy)
        provisioning, sub_cas, receiver_key = car.provisioning, car.provisioning_sub_cas, car.receiver_key
    contract = new_identity(
        edition.profiles["contract"],
        common_name=emaid,
        issuer=hierarchy["mo_sub_ca2"],
        now=now,
        entropy=entropy,
    )
    make = _iso2 if edition is Edition.ISO2 else _iso20
    request, response = make(
        _Cast(hierarchy, provisioning, sub_cas, contract, pcid, emaid, now), entropy, dialect
    )
    return Pair(
        edition=edition,
        hierarchy=hierarchy,
        pcid=pcid,
        emaid=emaid,
        provisioning=provisioning,
        provisioning_sub_cas=sub_cas,
        receiver_key=receiver_key,
        contract=contract,
        request=request,
        response=response,
        request_exi=_encode(request),
        response_exi=_encode(response),
    )


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who takes part."""

    hierarchy: Hierarchy
    provisioning: Identity
    sub_cas: tuple[x509.Certificate, ...]
    contract: Identity
    pcid: str
    emaid: str
    now: datetime

    @property
    def contract_chain(self) -> list[bytes]:
        return _ders([self.contract.certificate, *self.hierarchy.chain("mo_sub_ca2")])

    @property
    def roots(self) -> list[X509IssuerSerial]:
        name, serial = issuer_serial(self.hierarchy["v2g_root"].certificate)
        return [X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)]


def _iso2(cast: _Cast, entropy: Entropy, dialect: Dialect) -> tuple[XsdType, XsdType]:
    request = iso2.CertificateInstallationReq(
        id="ID1",
        oem_provisioning_cert=_der(cast.provisioning.certificate),
        list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(root_certificate_id=cast.roots),
    )
    signed = signature.sign_certificate_installation_req(request, cast.provisioning.signing_key())
    receiver = cast.provisioning.signing_key().public_key()
    envelope = seal_iso2(cast.contract.signing_key(), receiver, entropy, dialect)
    response = iso2.CertificateInstallationRes(
        response_code=iso2.ResponseCode.OK,
        sa_provisioning_certificate_chain=_iso2_chain(_ders(cast.hierarchy.chain("cps_leaf"))),
        contract_signature_cert_chain=_iso2_chain(cast.contract_chain, "id1"),
        contract_signature_encrypted_private_key=iso2.ContractSignatureEncryptedPrivateKey(
            id="id2", value=envelope.encrypted_private_key
        ),
        dh_public_key=iso2.DiffieHellmanPublickey(id="id3", value=envelope.dh_public_key),
        emaid=iso2.EMAID(id="id4", value=cast.emaid),
    )
    key = cast.hierarchy["cps_leaf"].signing_key()
    answered = signature.sign_certificate_installation_res(response, key, dialect)
    return _message(request, signed), _message(response, answered)


def _message(body: iso2.BodyBase, signed: Signature) -> iso2.V2G_Message:
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=SESSION_ID, signature=signed), body=iso2.Body(body_element=body)
    )


def _iso2_chain(chain: Sequence[bytes], identifier: str | None = None) -> iso2.CertificateChain:
    leaf, *above = chain
    return iso2.CertificateChain(
        id=identifier, certificate=leaf, sub_certificates=iso2.SubCertificates(certificate=list(above))
    )


def _iso20(cast: _Cast, entropy: Entropy, dialect: Dialect) -> tuple[XsdType, XsdType]:
    def header() -> common_types.MessageHeader:
        return common_types.MessageHeader(session_id=SESSION_ID, time_stamp=int(cast.now.timestamp()))

    request = common_messages.CertificateInstallationReq(
        header=header(),
        oem_provisioning_certificate_chain=common_messages.SignedCertificateChain(
            id="ID1",
            certificate=_der(cast.provisioning.certificate),
            sub_certificates=common_messages.SubCertificates(certificate=_ders(cast.sub_cas)),
        ),
        list_of_root_certificate_ids=common_types.ListOfRootCertificateIDs(root_certificate_id=cast.roots),
        maximum_contract_certificate_chains=1,
    )
    signed = signature_iso20.sign_certificate_installation_req(request, cast.provisioning.signer(), dialect)
    request.header.signature = signed
    (receiver,) = receivers(cast.provisioning.certificate).values()
    envelope = seal_iso20(
        cast.contract.private_key(),
        receiver,
        entropy,
        pcid=cast.pcid,
        certificate=cast.contract.certificate,
        dialect=dialect,
    )
    leaf, *above = _ders(cast.hierarchy.chain("cps_leaf"))
    response = common_messages.CertificateInstallationRes(
        header=header(),
        response_code=common_types.ResponseCode.OK,
        evse_processing=common_types.Processing.Finished,
        cps_certificate_chain=common_messages.CertificateChain(
            certificate=leaf, sub_certificates=common_messages.SubCertificates(certificate=above)
        ),
        signed_installation_data=installation_data(cast.contract_chain, envelope),
        remaining_contract_certificate_chains=0,
    )
    response.header.signature = signature_iso20.sign_certificate_installation_res(
        response, cast.hierarchy["cps_leaf"].signer(), dialect
    )
    return request, response


def _encode(message: XsdType) -> bytes:
    return exi.encode(
        message, iso2.SCHEMA if isinstance(message, iso2.V2G_Message) else iso20.COMMON_MESSAGES
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _ders(certificates: Sequence[x509.Certificate]) -> list[bytes]:
    return [_der(certificate) for certificate in certificates]
