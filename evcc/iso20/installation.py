"""Certificate installation in ISO 15118-20: several contracts, one answer each.

The car repeats its request unaltered, while the charger says Ongoing [V2G20-1972] and while contracts remain
[V2G20-1579], and asks for no more of them than it announced [V2G20-2571]. See :mod:`evcc.examination` for the
checks and their order.
"""

from collections.abc import Sequence
from functools import partial

from cryptography.hazmat.primitives.serialization import Encoding

from evcc import choice
from evcc.context import Context
from evcc.contracts import Contract
from evcc.errors import InstallationError, NoContractError
from evcc.examination import Examiner
from evcc.exchange import Signing
from evcc.identity import Iso20Identity
from evcc.ongoing import until_finished
from pki.chain import verifying_key
from pki.keys import SigningKey
from pki.names import issuer_serial
from v2g.messages import xmldsig
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ListOfRootCertificateIDs, ResponseCode
from v2g.protocols import UNSENT
from v2g.security.dialects import STANDARD, Dialect, SignedRequest
from v2g.security.envelope_iso20 import open_iso20
from v2g.security.installation_iso20 import envelope_of
from v2g.security.signature_iso20 import (
    sign_certificate_installation_req,
    verify_certificate_installation_res,
)

REFERENCE_ID = "id1"


async def install(context: Context) -> Contract:
    """Ask for contracts, examine what comes, store it in one change, and return the one to pay with.

    What was delivered in order is kept even if a later answer is not. Raises :class:`NoContractError` when
    the charger has none for this car, :class:`evcc.errors.InstallationError` for an answer that fails.
    """
    clock, durations = context.clock, context.report.durations
    began_at = clock.monotonic()
    contracts: list[Contract] = []
    chosen: Contract | None = None
    durations.checking_s = 0.0
    try:
        ended_by = await _collect(context, contracts)
    finally:
        asked_until = clock.monotonic()
        if contracts:
            chosen = choice.keep(context, contracts)
        durations.installation_s = asked_until - began_at - durations.checking_s
        durations.checking_s += clock.monotonic() - asked_until
    if chosen is None:
        raise NoContractError("CertificateInstallationRes", ended_by)
    return chosen


async def _collect(context: Context, contracts: list[Contract]) -> str:
    """Put every contract that is delivered in order into ``contracts``; return the code that ended it."""
    identity, config, dialect = context.iso20, context.config.contract, context.config.dialect
    prioritized: Sequence[str] = config.prioritized_emaids
    request, signature = build_request(identity, config.maximum, prioritized, dialect)
    context.signed("CertificateInstallationReq", REFERENCE_ID)
    while True:
        response = await until_finished(context, request, cm.CertificateInstallationRes, signature)
        code = response.response_code
        if code is ResponseCode.WARNING_eMSPUnknown and prioritized and not contracts:
            prioritized = ()  # [V2G20-1580]
            request, signature = build_request(identity, config.maximum, prioritized, dialect)
            context.signed("CertificateInstallationReq", REFERENCE_ID)
            continue
        if code.startswith("WARNING"):
            return code
        contracts.append(_examined(context, response))
        if not response.remaining_contract_certificate_chains or len(contracts) == config.maximum:
            return code


def build_request(
    identity: Iso20Identity, maximum: int, prioritized: Sequence[str], dialect: Dialect = STANDARD
) -> tuple[cm.CertificateInstallationReq, Signing]:
    """Return the request and its signature, made with the provisioning key, or what makes it on sending.

    It names the V2G roots that this car holds, so that a provisioning service under one of them answers.
    """
    above = [certificate.public_bytes(Encoding.DER) for certificate in identity.provisioning_sub_cas]
    identifiers = [issuer_serial(root) for root in identity.v2g_roots]
    request = cm.CertificateInstallationReq(
        header=UNSENT,
        oem_provisioning_certificate_chain=cm.SignedCertificateChain(
            id=REFERENCE_ID,
            certificate=identity.provisioning_certificate.public_bytes(Encoding.DER),
            sub_certificates=cm.SubCertificates(certificate=above) if above else None,
        ),
        list_of_root_certificate_ids=ListOfRootCertificateIDs(
            root_certificate_id=[
                xmldsig.X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)
                for name, serial in identifiers
            ]
        ),
        maximum_contract_certificate_chains=maximum,
        prioritized_emaids=cm.EMAIDList(emaid=list(prioritized)) if prioritized else None,
    )
    sign = partial(sign_certificate_installation_req, oem_key=identity.provisioning_key, dialect=dialect)
    # The chain never changes; the whole message has a time stamp, which only sending decides.
    return request, sign if dialect.signed_request is SignedRequest.BODY else sign(request)


def examine(
    response: cm.CertificateInstallationRes,
    signature: xmldsig.Signature | None,
    identity: Iso20Identity,
    pcid: str,
    examiner: Examiner,
    dialect: Dialect = STANDARD,
) -> Contract:
    """Return the delivered contract with its decrypted key, or raise :class:`InstallationError`.

    That the key is the certificate's is [V2G20-2507][V2G20-2510]; that it was sealed for this PCID is part
    of opening the envelope [V2G20-2492][V2G20-2504].
    """
    data, provisioning = response.signed_installation_data, response.cps_certificate_chain
    above = provisioning.sub_certificates.certificate if provisioning.sub_certificates is not None else []
    provider = examiner.provider([provisioning.certificate, *above])
    examiner.signature(
        signature,
        lambda: verify_certificate_installation_res(signature, response, verifying_key(provider), dialect),
    )
    chain = data.contract_certificate_chain
    certificate, sub_certificates = examiner.contract_chain(
        [chain.certificate, *chain.sub_certificates.certificate]
    )
    emaid = examiner.emaid(certificate)
    key = examiner.key(
        lambda: open_iso20(
            envelope_of(data),
            identity.receiver_key,
            pcid=pcid,
            certificate=certificate,
            dialect=dialect,
        )
    )
    # The profile of contracts has made sure that their keys can sign.
    assert isinstance(key, SigningKey)
    return Contract(emaid, certificate, sub_certificates, key)


def _examined(context: Context, response: cm.CertificateInstallationRes) -> Contract:
    """Examine the last response, and take down how long it took, and what was wrong."""
    clock, identity = context.clock, context.iso20
    began_at = clock.monotonic()
    examiner = Examiner(
        identity.suite, identity.v2g_roots, clock.now(), context.config.check_digit, context.tracer
    )
    signature, pcid = context.exchange.signature, str(context.vehicle.pcid)
    try:
        return examine(response, signature, identity, pcid, examiner, context.config.dialect)
    except InstallationError as error:
        context.turned_down(error)
        raise
    finally:
        durations = context.report.durations
        durations.checking_s = (durations.checking_s or 0.0) + clock.monotonic() - began_at
