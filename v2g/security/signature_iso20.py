"""The signed messages of ISO 15118-20, each with the element that its signature covers.

============================  =========================================  =============================
message                       signed element                             key
============================  =========================================  =============================
CertificateInstallationReq    OEMProvisioningCertificateChain            OEM provisioning
CertificateInstallationRes    SignedInstallationData                     CPS leaf
AuthorizationReq              PnC_AReqAuthorizationMode                  contract
MeteringConfirmationReq       SignedMeteringData                         contract
ScheduleExchangeRes           AbsolutePriceSchedule, PriceLevelSchedule  mobility operator's sub-CA 2
============================  =========================================  =============================

The key tells the suite: ecdsa-sha512 for secp521r1, Ed448 with SHAKE256 for Ed448. All raise
:class:`SignatureError` as :func:`v2g.security.signing.sign` and :func:`v2g.security.signing.verify` do.
"""

from collections.abc import Sequence

import msgspec

from pki.keys import SigningKey, VerifyingKey, type_name
from v2g.errors import SignatureError
from v2g.messages import xmldsig
from v2g.messages.iso20 import COMMON_MESSAGES
from v2g.messages.iso20.common_messages import (
    AbsolutePriceSchedule,
    AuthorizationReq,
    CertificateInstallationReq,
    CertificateInstallationRes,
    MeteringConfirmationReq,
    PriceLevelSchedule,
)
from v2g.security import signing as generic
from v2g.security.dialects import STANDARD, Dialect, SignedRequest
from v2g.security.signing import Reason, SignedElement
from v2g.security.suites import ISO2, ISO20_ED448, ISO20_SECP521, Suite

PriceSchedule = AbsolutePriceSchedule | PriceLevelSchedule

_FITS_THE_BODY = {Reason.DIGEST, Reason.UNKNOWN_REFERENCE}


def suite_for(key: SigningKey | VerifyingKey, dialect: Dialect = STANDARD) -> Suite:
    """Return the suite of a key. Raises :class:`SignatureError` ``WRONG_KEY`` for one that -20 does not have."""
    suites = [ISO20_SECP521, ISO20_ED448, *([ISO2] if dialect.p256_in_iso20 else [])]
    found = type_name(key)
    for suite in suites:
        if suite.key_type == found:
            return suite
    raise SignatureError(Reason.WRONG_KEY, detail=f"{found} in ISO 15118-20")


def chain_element(request: CertificateInstallationReq) -> SignedElement:
    """Return what signs an installation request: the certificate chain, which carries the Id."""
    chain = request.oem_provisioning_certificate_chain
    return SignedElement(chain.id, "OEMProvisioningCertificateChain", chain)


def body_element(request: CertificateInstallationReq, identifier: str) -> SignedElement:
    """Return the whole request under an Id, its header without the signature."""
    header = msgspec.structs.replace(request.header, signature=None)
    bare = msgspec.structs.replace(request, header=header)
    return SignedElement(identifier, "CertificateInstallationReq", bare)


def sign_certificate_installation_req(
    request: CertificateInstallationReq, oem_key: SigningKey, dialect: Dialect = STANDARD
) -> xmldsig.Signature:
    """Sign the request with the key of the OEM provisioning certificate.

    The header of ``request`` counts only in a dialect that signs the whole message; then it must be the one
    that will be sent.
    """
    element = chain_element(request)
    if dialect.signed_request is SignedRequest.BODY:
        element = body_element(request, element.id or "")
    return _sign([element], oem_key, dialect)


def verify_certificate_installation_req(
    signature: xmldsig.Signature | None,
    request: CertificateInstallationReq,
    oem_key: VerifyingKey,
    dialect: Dialect = STANDARD,
) -> None:
    """Check the request's signature with the key of its OEM provisioning certificate.

    Some stacks sign the whole message, which covers more; that is accepted under any Id, because the
    element has none of its own.
    """
    try:
        _verify(signature, [chain_element(request)], oem_key, dialect)
    except SignatureError as error:
        references = [] if signature is None else signature.signed_info.reference
        if error.reason not in _FITS_THE_BODY or len(references) != 1:
            raise
        try:
            name = (references[0].uri or "").removeprefix("#")
            _verify(signature, [body_element(request, name)], oem_key, dialect)
        except SignatureError as second:
            raise (error if second.reason == Reason.DIGEST else second) from None


def installation_element(response: CertificateInstallationRes) -> SignedElement:
    """Return what the CPS signs: SignedInstallationData."""
    data = response.signed_installation_data
    return SignedElement(data.id, "SignedInstallationData", data)


def sign_certificate_installation_res(
    response: CertificateInstallationRes, cps_key: SigningKey, dialect: Dialect = STANDARD
) -> xmldsig.Signature:
    """Sign the contract data with the key of the CPS leaf."""
    return _sign([installation_element(response)], cps_key, dialect)


def verify_certificate_installation_res(
    signature: xmldsig.Signature | None,
    response: CertificateInstallationRes,
    cps_key: VerifyingKey,
    dialect: Dialect = STANDARD,
) -> None:
    """Check the contract data with the key of the leaf of its CPSCertificateChain.

    That chain is not itself signed; the caller validates it against the V2G roots of the car.
    """
    _verify(signature, [installation_element(response)], cps_key, dialect)


def authorization_elements(request: AuthorizationReq) -> list[SignedElement]:
    """Return what signs an authorization by contract: PnC_AReqAuthorizationMode, which has the challenge."""
    mode = request.pnc_a_req_authorization_mode
    if mode is None:
        raise SignatureError(Reason.ELEMENT_ID, detail="no PnC_AReqAuthorizationMode in the request")
    return [SignedElement(mode.id, "PnC_AReqAuthorizationMode", mode)]


def sign_authorization_req(
    request: AuthorizationReq, contract_key: SigningKey, dialect: Dialect = STANDARD
) -> xmldsig.Signature:
    """Sign the request, which carries the charger's challenge, with the contract key."""
    return _sign(authorization_elements(request), contract_key, dialect)


def verify_authorization_req(
    signature: xmldsig.Signature | None,
    request: AuthorizationReq,
    contract_key: VerifyingKey,
    dialect: Dialect = STANDARD,
) -> None:
    """Check the request's signature with the key of the contract certificate.

    That the challenge is the right one is the charger's business.
    """
    _verify(signature, authorization_elements(request), contract_key, dialect)


def metering_elements(request: MeteringConfirmationReq) -> list[SignedElement]:
    """Return what signs a metering confirmation: SignedMeteringData."""
    data = request.signed_metering_data
    return [SignedElement(data.id, "SignedMeteringData", data)]


def sign_metering_confirmation_req(
    request: MeteringConfirmationReq, contract_key: SigningKey, dialect: Dialect = STANDARD
) -> xmldsig.Signature:
    """Sign the confirmed meter values with the contract key."""
    return _sign(metering_elements(request), contract_key, dialect)


def verify_metering_confirmation_req(
    signature: xmldsig.Signature | None,
    request: MeteringConfirmationReq,
    contract_key: VerifyingKey,
    dialect: Dialect = STANDARD,
) -> None:
    """Check the confirmation's signature with the key of the contract certificate."""
    _verify(signature, metering_elements(request), contract_key, dialect)


def price_elements(schedules: Sequence[PriceSchedule]) -> list[SignedElement]:
    """Return what is signed of the price schedules of a ScheduleExchangeRes: each of them."""
    return [SignedElement(schedule.id, type(schedule).__name__, schedule) for schedule in schedules]


def sign_price_schedules(
    schedules: Sequence[PriceSchedule], mo_sub_ca2_key: SigningKey, dialect: Dialect = STANDARD
) -> xmldsig.Signature:
    """Sign price schedules with the key of the mobility operator's sub-CA 2."""
    return _sign(price_elements(schedules), mo_sub_ca2_key, dialect)


def verify_price_schedules(
    signature: xmldsig.Signature | None,
    schedules: Sequence[PriceSchedule],
    mo_sub_ca2_key: VerifyingKey,
    dialect: Dialect = STANDARD,
) -> None:
    """Check the price schedules' signature with the key of the mobility operator's sub-CA 2."""
    _verify(signature, price_elements(schedules), mo_sub_ca2_key, dialect)


def _sign(elements: list[SignedElement], key: SigningKey, dialect: Dialect) -> xmldsig.Signature:
    return generic.sign(elements, key, COMMON_MESSAGES, suite_for(key, dialect), dialect)


def _verify(
    signature: xmldsig.Signature | None, elements: list[SignedElement], key: VerifyingKey, dialect: Dialect
) -> None:
    generic.verify(signature, elements, key, COMMON_MESSAGES, suite_for(key, dialect), dialect)
