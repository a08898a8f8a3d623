"""Installation in -20: several contracts, patience, every WARNING, and every forged bundle with its own fault."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey

from evcc.contracts import Contract
from pki.defects import DEFECTS, Bench, Defect, sound_chain
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.keys import new_signing_key
from pki.profiles import Edition
from tests.evcc import charger as c
from tests.evcc import charger20 as c20
from tests.evcc.bundle20 import Bundle20, ongoing, placeholders, several, usual20
from tests.evcc.conftest import Drive
from tests.evcc.material import EMAIDS, ISSUED, NOW
from tests.evcc.material20 import World20
from tests.evcc.scenario import Run, visit
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.security.dialects import DIALECTS
from v2g.security.envelope_iso20 import (
    associated_data_iso20,
    seal_iso20,
    seal_iso20_secp521,
    subject_key_identifier,
)
from v2g.security.signature_iso20 import verify_certificate_installation_req

REQUEST = "CertificateInstallationReq"


def refused(run: Run, reason: str, exit_code: int = 10) -> None:
    """The session ended with this reason right after the response, and the car is as it was."""
    assert run.report.reason == reason, run.report.detail
    assert run.report.exit_code == exit_code
    assert run.report.detail
    assert not run.report.contract_installed
    assert run.report.emaid is None
    assert run.store.contracts == ()
    assert run.charger.names[-1] == REQUEST
    assert run.charger.closed_by_car
    assert run.events("error")


def test_the_request(drive20: Drive, world20: World20) -> None:
    run = drive20()
    (request,) = run.charger.of(cm.CertificateInstallationReq)
    assert request.maximum_contract_certificate_chains == 5
    assert request.prioritized_emaids is None
    (root,) = request.list_of_root_certificate_ids.root_certificate_id
    assert root.x509_serial_number == world20.pki["v2g_root"].certificate.serial_number
    assert len(request.oem_provisioning_certificate_chain.sub_certificates.certificate) == 2
    signature = run.charger.header_of(cm.CertificateInstallationReq).signature
    key = world20.car.provisioning.certificate.public_key()
    verify_certificate_installation_req(signature, request, key)  # type: ignore[arg-type]  # secp521r1


def test_three_contracts_one_after_the_other(drive20: Drive, world20: World20) -> None:
    run = drive20({REQUEST: several(world20, 3)})
    assert run.report.outcome == "ok", run.report.detail
    assert run.report.contracts_installed == list(EMAIDS[:3])
    assert run.report.emaid == EMAIDS[0]
    assert run.store.chosen is not None
    assert run.store.chosen.emaid == EMAIDS[0]
    requests = run.charger.of(cm.CertificateInstallationReq)
    assert len(requests) == 3
    assert len({repr(replace_header(request)) for request in requests}) == 1
    assert run.charger.names[run.charger.names.index(REQUEST) + 3] == "AuthorizationReq"


def replace_header(request: Any) -> Any:
    request.header = None
    return request


def test_unaltered_while_the_backend_works(drive20: Drive, world20: World20) -> None:
    answers = [ongoing] * 20 + several(world20, 2)
    run = drive20({REQUEST: answers}, overrides={"timers.ongoing_interval_s": 1.0})
    assert run.report.contracts_installed == list(EMAIDS[:2])
    headers = [h for h in run.charger.headers if isinstance(h.body, cm.CertificateInstallationReq)]
    assert len(headers) == 22
    assert len({repr(header.signature) for header in headers}) == 1
    assert len({repr(replace_header(header.body)) for header in headers}) == 1


def test_no_more_than_asked_for(drive20: Drive, world20: World20) -> None:
    answers = [usual20(world20, emaid, remaining=200).signed() for emaid in EMAIDS[:4]]
    run = drive20({REQUEST: answers}, overrides={"contract.maximum": 2})
    assert run.report.outcome == "ok"
    assert run.report.contracts_installed == list(EMAIDS[:2])
    assert run.charger.names.count(REQUEST) == 2


def test_a_store_without_room_keeps_what_fits(drive20: Drive, world20: World20) -> None:
    run = drive20({REQUEST: several(world20, 7)}, overrides={"contract.maximum": 7})
    assert run.report.outcome == "ok"
    assert run.report.contracts_installed == list(EMAIDS[:5])
    assert [event["emaid"] for event in run.events("contract.dropped")] == list(EMAIDS[5:7])


def test_ongoing_for_a_minute(drive20: Drive) -> None:
    run = drive20({REQUEST: ongoing}, overrides={"timers.ongoing_interval_s": 1.0})
    refused(run, "timeout.V2G_EVCC_Ongoing_Timeout.CertificateInstallationRes", exit_code=6)
    assert run.took_s == pytest.approx(60, abs=1)


def test_silence_for_five_seconds(drive20: Drive) -> None:
    run = drive20({REQUEST: c.Silence})
    refused(run, "timeout.V2G_EVCC_Msg_Timeout.CertificateInstallationRes", exit_code=6)
    assert run.took_s == pytest.approx(5)


def test_an_unknown_provider_is_asked_again_without_preferences(drive20: Drive, world20: World20) -> None:
    answers = [placeholders(ResponseCode.WARNING_eMSPUnknown), *several(world20, 1)]
    run = drive20({REQUEST: answers}, overrides={"contract.prioritized_emaids": [EMAIDS[3], EMAIDS[4]]})
    assert run.report.outcome == "ok"
    first, second = run.charger.of(cm.CertificateInstallationReq)
    assert first.prioritized_emaids.emaid == [EMAIDS[3], EMAIDS[4]]
    assert second.prioritized_emaids is None


WARNINGS = (
    "WARNING_eMSPUnknown",
    "WARNING_NoContractMatchingPCIDFound",
    "WARNING_NoCertificateAvailable",
    "WARNING_CertificateExpired",
    "WARNING_CertificateNotYetValid",
    "WARNING_CertificateRevoked",
    "WARNING_CertificateValidationError",
)


@pytest.mark.parametrize("code", WARNINGS)
def test_a_warning_ends_the_installation_with_a_clear_reason(drive20: Drive, code: str) -> None:
    refused(drive20({REQUEST: placeholders(ResponseCode(code))}), f"response_code.{code}", exit_code=7)


@pytest.mark.parametrize("code", WARNINGS)
def test_after_a_warning_the_driver_may_identify_himself(drive20: Drive, code: str) -> None:
    run = drive20({REQUEST: placeholders(ResponseCode(code))}, overrides={"contract.fallback_external": True})
    assert run.report.outcome == "ok"
    assert run.report.payment == "EIM"


def test_after_a_warning_an_old_contract_is_used(drive20: Drive, world20: World20, tmp_path: Path) -> None:
    drive20({REQUEST: usual20(world20).signed()})
    run = drive20(
        {REQUEST: placeholders(ResponseCode.WARNING_NoCertificateAvailable)},
        overrides={"contract.renew_before_h": 24.0 * 365 * 3},
    )
    assert run.report.outcome == "ok"
    assert run.report.emaid == EMAIDS[0]
    assert not run.report.contract_installed


def test_a_warning_after_two_contracts_keeps_them(drive20: Drive, world20: World20) -> None:
    answers = [*several(world20, 3)[:2], placeholders(ResponseCode.WARNING_NoCertificateAvailable)]
    run = drive20({REQUEST: answers})
    assert run.report.outcome == "ok"
    assert run.report.contracts_installed == list(EMAIDS[:2])


def test_good_contracts_are_kept_when_a_later_one_is_forged(drive20: Drive, world20: World20) -> None:
    good = several(world20, 2)
    run = drive20({REQUEST: [good[0], signed_by_another(usual20(world20, EMAIDS[1]))]})
    assert run.report.reason == "installation.signature"
    assert [contract.emaid for contract in run.store.contracts] == [EMAIDS[0]]


@pytest.mark.parametrize("code", [code for code in ResponseCode if code.startswith("FAILED")])
def test_every_failed_code_has_its_name(drive20: Drive, code: ResponseCode) -> None:
    refused(drive20({REQUEST: placeholders(code)}), f"response_code.{code}", exit_code=7)


def test_placeholders_with_ok_are_no_contract(drive20: Drive) -> None:
    refused(drive20({REQUEST: placeholders()}), "installation.cps_certificate.unreadable")


# --- forged bundles ---------------------------------------------------------------------------------------


def unsigned(bundle: Bundle20) -> c.Signed:
    return c.Signed(bundle.body(), None)


def changed_after_signing(bundle: Bundle20) -> c.Signed:
    signed = bundle.signed()
    assert isinstance(signed.body, cm.CertificateInstallationRes)
    key = bytearray(signed.body.signed_installation_data.secp521_encrypted_private_key or b"")
    key[20] ^= 1
    signed.body.signed_installation_data.secp521_encrypted_private_key = bytes(key)
    return signed


def signed_by_another(bundle: Bundle20) -> c.Signed:
    stranger = new_signing_key(bundle.world.suite.key_type, bundle.world.entropy)
    return replace(bundle, signer=stranger).signed()


def signed_under_another_id(bundle: Bundle20) -> c.Signed:
    signed = bundle.signed()
    assert isinstance(signed.body, cm.CertificateInstallationRes)
    signed.body.signed_installation_data.id = "id7"
    return signed


def by_a_charger(bundle: Bundle20) -> c.Signed:
    pki = bundle.world.pki
    return replace(bundle, signer=pki["secc_leaf"].signer(), signer_chain=pki.chain("secc_leaf")).signed()


def by_a_foreign_service(bundle: Bundle20) -> c.Signed:
    other = World20(seed=77).pki
    return replace(bundle, signer=other["cps_leaf"].signer(), signer_chain=other.chain("cps_leaf")).signed()


def with_a_chain_of_strangers(bundle: Bundle20) -> c.Signed:
    other = World20(seed=78).contract20()
    contract = replace(bundle.contract, sub_certificates=other.sub_certificates)
    return replace(bundle, contract=contract).signed()


def with_the_root(bundle: Bundle20) -> c.Signed:
    root = bundle.world.pki["mo_root"].certificate
    chain = (*bundle.contract.sub_certificates, root)
    return replace(bundle, contract=replace(bundle.contract, sub_certificates=chain)).signed()


def for_another_pcid(bundle: Bundle20) -> c.Signed:
    return replace(bundle, pcid="WPNC9999999999999X").signed()


def for_another_car(bundle: Bundle20) -> c.Signed:
    stranger = new_signing_key(bundle.world.suite.key_type, bundle.world.entropy)
    return replace(bundle, receiver=stranger.public_key()).signed()


def with_another_key(bundle: Bundle20) -> c.Signed:
    other = new_signing_key(bundle.world.suite.key_type, bundle.world.entropy)
    return replace(bundle, contract=replace(bundle.contract, key=other)).signed()


def garbled_envelope(bundle: Bundle20) -> c.Signed:
    sealed = bundle.sealed
    data = sealed.encrypted_private_key
    return replace(
        bundle, envelope=replace(sealed, encrypted_private_key=data[:-1] + bytes([data[-1] ^ 1]))
    ).signed()


def off_the_curve(bundle: Bundle20) -> c.Signed:
    sealed = bundle.sealed
    point = sealed.dh_public_key
    return replace(
        bundle, envelope=replace(sealed, dh_public_key=point[:-1] + bytes([point[-1] ^ 1]))
    ).signed()


def for_a_tpm(bundle: Bundle20) -> c.Signed:
    return replace(bundle, envelope=replace(bundle.sealed, encrypted_private_key=bytes(206))).signed()


def for_the_other_curve(bundle: Bundle20) -> c.Signed:
    return replace(bundle, envelope=replace(bundle.sealed, encrypted_private_key=bytes(84))).signed()


def under_another_aad(bundle: Bundle20) -> c.Signed:
    contract, world = bundle.contract, bundle.world
    envelope = seal_iso20(
        contract.key,
        bundle.receiver,
        world.entropy,
        pcid=world.pcid,
        certificate=contract.certificate,
        dialect=DIALECTS["wwcp"],
    )
    return replace(bundle, envelope=envelope).signed()


def of_a_wrong_emaid(emaid: str) -> Callable[[Bundle20], c.Signed]:
    return lambda bundle: replace(bundle, contract=bundle.world.contract20(emaid)).signed()


FORGERIES: dict[Callable[[Bundle20], c.Signed], str] = {
    unsigned: "signature",
    changed_after_signing: "signature",
    signed_by_another: "signature",
    signed_under_another_id: "signature",
    by_a_charger: "cps_certificate.wrong_domain",
    by_a_foreign_service: "cps_certificate.unknown_issuer",
    with_a_chain_of_strangers: "contract_certificate.unknown_issuer",
    with_the_root: "contract_certificate.unexpected_certificate",
    for_another_pcid: "key_decryption",
    for_another_car: "key_decryption",
    garbled_envelope: "key_decryption",
    under_another_aad: "key_decryption",
    with_another_key: "key_mismatch",
    off_the_curve: "key_envelope",
    for_a_tpm: "key_envelope",
    for_the_other_curve: "key_envelope",
    of_a_wrong_emaid("somebody"): "emaid_syntax",
    of_a_wrong_emaid(EMAIDS[0][:14] + "X"): "emaid_check_digit",
}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_forged_bundles(drive20: Drive, world20: World20, forge: Callable[[Bundle20], c.Signed]) -> None:
    refused(drive20({REQUEST: forge(usual20(world20))}), f"installation.{FORGERIES[forge]}")


@pytest.mark.parametrize("top", [0x02, 0x80, 0xFE])
def test_numbers_that_are_no_keys(drive20: Drive, world20: World20, top: int) -> None:
    """One of the top seven bits is set: refused before anything is done with the number [V2G20-2678]."""

    class Forged:
        """A key whose number is larger than a number of the curve can be."""

        curve = world20.contract20().ecdsa_key.curve

        def private_numbers(self) -> Any:
            return type("Numbers", (), {"private_value": top << 520 | 1})()

    bundle = usual20(world20)
    envelope = seal_iso20_secp521(
        Forged(),  # type: ignore[arg-type]
        bundle.receiver,  # type: ignore[arg-type]
        world20.entropy,
        associated_data=associated_data_iso20(
            world20.pcid, subject_key_identifier(bundle.contract.certificate)
        ),
    )
    run = drive20({REQUEST: replace(bundle, envelope=envelope).signed()})
    refused(run, "installation.key_out_of_range")


# No message has room for these: certificates above 1600 bytes, more than three sub-CAs.
NOT_CARRIED = {"too_large", "chain_too_long"}
SENDABLE = [
    defect
    for defect in DEFECTS
    if defect.concerns(Edition.ISO20.profiles["cps_leaf"]) and defect.name not in NOT_CARRIED
]


@cache
def hierarchy() -> Hierarchy:
    return Hierarchy.create(now=ISSUED, entropy=SeededEntropy(33), edition=Edition.ISO20)


def bench(profile: str, name: str) -> Bench:
    return Bench(hierarchy(), Edition.ISO20.profiles[profile], name, NOW, SeededEntropy(34))


@pytest.mark.parametrize("defect", SENDABLE, ids=lambda defect: defect.name)
def test_bad_provisioning_services(
    drive20: Drive, world20: World20, defect: Defect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the chain of the service that signed is found, and named."""
    made = defect.make(bench("cps_leaf", "CPS"))
    bundle = replace(usual20(world20), signer_chain=[made.leaf.certificate, *made.intermediates])
    key = made.leaf.signer()
    if getattr(getattr(key, "curve", None), "name", "") == "secp521r1":
        bundle = replace(bundle, signer=key)
    signed = bundle.signed()
    refused(
        trusting(drive20, world20, made.root, monkeypatch, {REQUEST: signed}),
        f"installation.cps_certificate.{defect.rule}",
    )


def test_a_sound_service_is_believed(
    drive20: Drive, world20: World20, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sound_chain(bench("cps_leaf", "CPS"))
    bundle = replace(
        usual20(world20),
        signer=made.leaf.signer(),
        signer_chain=[made.leaf.certificate, *made.intermediates],
    )
    run = trusting(drive20, world20, made.root, monkeypatch, {REQUEST: bundle.signed()})
    assert run.report.contract_installed


def trusting(
    drive20: Drive, world20: World20, root: Any, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]
) -> Run:
    """Run with a car that trusts ``root`` besides that of its world."""
    car = replace(world20.car, v2g_roots=(*world20.car.v2g_roots, root))
    monkeypatch.setitem(world20.__dict__, "car", car)
    return drive20(answers)


BAD_CONTRACTS = [
    defect
    for defect in DEFECTS
    if defect.concerns(Edition.ISO20.profiles["contract"]) and defect.name not in NOT_CARRIED
]
BEYOND_THE_CAR = {"foreign_root", "missing_sub_ca"}
FOUND_AS = {"swapped_sub_cas": "unexpected_certificate", "stray_certificate": "unknown_issuer"}


@pytest.mark.parametrize("defect", BAD_CONTRACTS, ids=lambda defect: defect.name)
def test_bad_contract_certificates(drive20: Drive, world20: World20, defect: Defect) -> None:
    made = defect.make(bench("contract", EMAIDS[0]))
    contract = Contract(EMAIDS[0], made.leaf.certificate, tuple(made.intermediates), made.leaf.signer())
    good = usual20(world20)
    bundle = replace(good, contract=contract)
    if getattr(getattr(contract.key, "curve", None), "name", "") != "secp521r1":
        bundle = replace(bundle, envelope=good.sealed)
    run = drive20({REQUEST: bundle.signed()})
    if defect.name in BEYOND_THE_CAR:
        assert run.report.contract_installed, run.report.detail
    else:
        reason = FOUND_AS.get(defect.name, str(defect.rule))
        refused(run, f"installation.contract_certificate.{reason}")


def test_a_contract_that_is_not_valid_any_more(drive20: Drive, world20: World20) -> None:
    bundle = replace(usual20(world20), contract=world20.contract20(validity=timedelta(days=20)))
    run = drive20({REQUEST: bundle.signed()}, at=NOW + timedelta(days=30))
    refused(run, "installation.contract_certificate.expired")


def test_a_peers_dialect_may_be_spoken(drive20: Drive, world20: World20) -> None:
    run = drive20({REQUEST: under_another_aad(usual20(world20))}, overrides={"contract.dialect": "wwcp"})
    # That peer signs under another grammar, too, so this half of its dialect alone is not believed.
    refused(run, "installation.signature")


def test_the_whole_request_may_be_signed(drive20: Drive, world20: World20) -> None:
    run = drive20(
        {REQUEST: [ongoing, ongoing, usual20(world20).signed()]},
        overrides={"contract.dialect": "signed-body", "timers.ongoing_interval_s": 1.5},
    )
    assert run.report.outcome == "ok", run.report.detail
    key = world20.car.provisioning.certificate.public_key()
    for header in run.charger.headers:
        if isinstance(header.body, cm.CertificateInstallationReq):
            verify_certificate_installation_req(header.signature, header.body, key)  # type: ignore[arg-type]


def test_the_other_suite(tmp_path: Path) -> None:
    """Ed448 certificates, X448 envelopes, SHAKE256 digests: all of it in one session."""
    world = World20(suite=Edition.ISO20_ED448)
    answers = {REQUEST: several(world, 2), "DC_ChargeLoopReq": [c20.dc_loop(), c20.dc_loop()]}
    run = visit(tmp_path / "car", world, answers, secured=True, iso20=True)
    assert run.report.outcome == "ok", run.report.detail
    assert len(run.store.contracts) == 2
    assert all(isinstance(contract.key, Ed448PrivateKey) for contract in run.store.contracts)


def test_warnings_while_ongoing_are_waited_for(drive20: Drive, world20: World20) -> None:
    answers = [
        placeholders(ResponseCode.WARNING_NoCertificateAvailable, Processing.Ongoing),
        *several(world20, 1),
    ]
    assert drive20({REQUEST: answers}).report.outcome == "ok"
