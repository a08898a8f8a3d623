"""The answer to a car that gets nothing: a CertificateInstallationRes with the reason, which its decoder reads.

OPCP and OPNC let a charger ask for one with the header ``alwaysReturnEXI``, so that it can pass on whatever
comes back.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.reading import encode_message, read_request
from v2g.messages import iso2
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import MessageHeader, Processing, ResponseCode

PLACEHOLDER_EMAID = "DEXXX000000000"
"""Stands where the schema wants an eMAID and there is none."""


def _now() -> datetime:
    return datetime.now(UTC)


_CODES = {
    Code.SIGNATURE: iso2.ResponseCode.FAILED_SignatureError,
    Code.CHAIN: iso2.ResponseCode.FAILED_CertChainError,
    Code.CHAIN_EXPIRED: iso2.ResponseCode.FAILED_CertificateExpired,
    Code.REVOKED: iso2.ResponseCode.FAILED_CertificateRevoked,
    Code.NO_CONTRACT: iso2.ResponseCode.FAILED_NoCertificateAvailable,
}

# Every decoder reads a single byte; they differ in how they treat none.
_NOTHING = b"\0"


_CODES_ISO20 = {
    Code.SIGNATURE: ResponseCode.FAILED_SignatureError,
    Code.CHAIN: ResponseCode.WARNING_CertificateValidationError,
    Code.CHAIN_EXPIRED: ResponseCode.WARNING_CertificateExpired,
    Code.REVOKED: ResponseCode.WARNING_CertificateRevoked,
    Code.NO_CONTRACT: ResponseCode.WARNING_NoContractMatchingPCIDFound,
    Code.UNKNOWN_PROVIDER: ResponseCode.WARNING_eMSPUnknown,
    Code.DEADLINE: ResponseCode.WARNING_NoCertificateAvailable,
}
_DH_BYTES = 133
_SEALED_BYTES = 94


def refusal_message(
    request: bytes, code: Code, edition: Edition, now: Callable[[], datetime] = _now
) -> bytes | None:
    """Return the EXI that tells a car why it gets no contract, None when the request cannot be read.

    The mandatory fields hold placeholders; nothing is signed.
    """
    try:
        wanted = read_request(request, edition)
    except MarketError:
        return None
    if edition is Edition.ISO20:
        return encode_message(_refusal_iso20(wanted.session_id, code, now()))
    return encode_message(_refusal_iso2(wanted.session_id, code))


def _refusal_iso2(session_id: bytes, code: Code) -> iso2.V2G_Message:
    chain = iso2.CertificateChain(certificate=_NOTHING)
    body = iso2.CertificateInstallationRes(
        response_code=_CODES.get(code, iso2.ResponseCode.FAILED),
        sa_provisioning_certificate_chain=chain,
        contract_signature_cert_chain=chain,
        contract_signature_encrypted_private_key=iso2.ContractSignatureEncryptedPrivateKey(
            id="id1", value=_NOTHING
        ),
        dh_public_key=iso2.DiffieHellmanPublickey(id="id2", value=_NOTHING),
        emaid=iso2.EMAID(id="id3", value=PLACEHOLDER_EMAID),
    )
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=session_id), body=iso2.Body(body_element=body)
    )


def _refusal_iso20(session_id: bytes, code: Code, now: datetime) -> cm.CertificateInstallationRes:
    """Return the answer of -20, whose mandatory fields hold placeholders [V2G20-2202]."""
    return cm.CertificateInstallationRes(
        header=MessageHeader(session_id=session_id, time_stamp=int(now.timestamp())),
        response_code=_CODES_ISO20.get(code, ResponseCode.FAILED),
        evse_processing=Processing.Finished,
        cps_certificate_chain=cm.CertificateChain(certificate=_NOTHING),
        signed_installation_data=cm.SignedInstallationData(
            id="id1",
            contract_certificate_chain=cm.ContractCertificateChain(
                certificate=_NOTHING, sub_certificates=cm.SubCertificates(certificate=[_NOTHING])
            ),
            ecdh_curve=cm.EcdhCurve.SECP521,
            dh_public_key=bytes(_DH_BYTES),
            secp521_encrypted_private_key=bytes(_SEALED_BYTES),
        ),
        remaining_contract_certificate_chains=0,
    )
