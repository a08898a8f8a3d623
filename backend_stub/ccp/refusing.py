"""The answer to a car that gets nothing: a CertificateInstallationRes with the reason, which its decoder reads.

OPCP and OPNC let a charger ask for one with the header ``alwaysReturnEXI``, so that it can pass on whatever
comes back.
"""

import exi
from backend_stub.errors import Code, MarketError
from backend_stub.reading import read_request
from v2g.messages import iso2

PLACEHOLDER_EMAID = "DEXXX000000000"
"""Stands where the schema wants an eMAID and there is none."""

_CODES = {
    Code.SIGNATURE: iso2.ResponseCode.FAILED_SignatureError,
    Code.CHAIN: iso2.ResponseCode.FAILED_CertChainError,
    Code.CHAIN_EXPIRED: iso2.ResponseCode.FAILED_CertificateExpired,
    Code.REVOKED: iso2.ResponseCode.FAILED_CertificateRevoked,
    Code.NO_CONTRACT: iso2.ResponseCode.FAILED_NoCertificateAvailable,
}

# Every decoder reads a single byte; they differ in how they treat none.
_NOTHING = b"\0"


def refusal_message(request: bytes, code: Code) -> bytes | None:
    """Return the EXI that tells a car why it gets no contract, None when the request cannot be read.

    The mandatory fields hold placeholders; nothing is signed.
    """
    try:
        wanted = read_request(request)
    except MarketError:
        return None
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
    message = iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=wanted.session_id), body=iso2.Body(body_element=body)
    )
    return exi.encode(message, iso2.SCHEMA)
