"""Contract bundles that a car must turn down: each for a reason of its own, and nothing is kept of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from evcc.contracts import Contract
from pki import profiles
from pki.defects import DEFECTS, Bench, Defect, sound_chain
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import draft
from pki.profiles import Profile
from tests.evcc import charger as c
from tests.evcc.bundle import Bundle, chain, seal_scalar, usual
from tests.evcc.conftest import Drive
from tests.evcc.material import EMAIDS, ISSUED, NOW, World
from tests.evcc.scenario import Run
from v2g.messages import iso2, xmldsig
from v2g.messages.iso2 import ResponseCode
from v2g.security.envelope import seal_iso2
from v2g.security.signature import bundle_elements, sign

P256_ORDER = ec.SECP256R1().group_order

Forge = Callable[[Bundle], iso2.V2G_Message]


def refused(run: Run, reason: str, exit_code: int = 10) -> None:
    """The session ended with this reason right after the response, and the car is as it was."""
    assert run.report.reason == reason, run.report.detail
    assert run.report.exit_code == exit_code
    assert run.report.outcome == ("aborted" if exit_code == 6 else "failed")
    assert run.report.detail
    assert not run.report.contract_installed
    assert run.report.emaid is None
    assert run.store.contracts == ()
    assert list(run.store.directory.glob("*.pem")) == []
    assert run.charger.names[-1] == "CertificateInstallationReq"
    assert run.charger.closed_by_car
    assert run.events("session.ended")[0]["reason"] == reason
    assert run.events("error")


def answered_with(message: iso2.V2G_Message) -> dict[str, object]:
    return {"CertificateInstallationReq": message}


def test_a_good_bundle_is_taken(drive: Drive, world: World) -> None:
    assert drive(answered_with(usual(world).message())).report.contract_installed


# --- the signature ------------------------------------------------------------------------------------


def unsigned(bundle: Bundle) -> iso2.V2G_Message:
    return c.wrapped(bundle.body())


def changed_after_signing(bundle: Bundle) -> iso2.V2G_Message:
    message = bundle.message()
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    body.emaid.value = EMAIDS[1]
    return message


def signed_by_another(bundle: Bundle) -> iso2.V2G_Message:
    stranger = bundle.world.entropy.ec_key(ec.SECP256R1())
    return replace(bundle, signer=stranger).message()


def with_reference(change: Callable[[list[xmldsig.Reference]], object]) -> Forge:
    """Sign, then change the list of references."""

    def forge(bundle: Bundle) -> iso2.V2G_Message:
        message = bundle.message()
        assert message.header.signature is not None
        change(message.header.signature.signed_info.reference)
        return message

    return forge


def signed_without(position: int) -> Forge:
    """A good signature over three of the four elements."""

    def forge(bundle: Bundle) -> iso2.V2G_Message:
        body = bundle.body()
        elements = bundle_elements(body)
        del elements[position]
        return c.wrapped(body, signature=sign(elements, bundle.signer, iso2.SCHEMA))

    return forge


def signed_too_much(bundle: Bundle) -> iso2.V2G_Message:
    body = bundle.body()
    extra = chain(bundle.signer_chain, "id5")
    elements = [*bundle_elements(body), ("id5", "SAProvisioningCertificateChain", extra)]
    return c.wrapped(body, signature=sign(elements, bundle.signer, iso2.SCHEMA))


def same_id_twice(bundle: Bundle) -> iso2.V2G_Message:
    message = bundle.message()
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    body.dh_public_key.id = body.emaid.id
    return message


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (unsigned, "no signature"),
        (changed_after_signing, "digest does not match"),
        (signed_by_another, "not that of this key"),
        (with_reference(lambda references: references.pop()), "not referenced"),
        (with_reference(lambda references: references.append(references[0])), "more than once"),
        *((signed_without(position), "not referenced") for position in range(4)),
        (signed_too_much, "no element that this message has to sign"),
        (same_id_twice, "no Id of its own"),
    ],
)
def test_bad_signatures(drive: Drive, world: World, forge: Forge, words: str) -> None:
    run = drive(answered_with(forge(usual(world))))
    refused(run, "installation.signature")
    assert words in run.report.detail
    (failed,) = run.events("signature.failed")
    assert failed["what"] == "CertificateInstallationRes"


def test_the_order_of_references_does_not_matter(drive: Drive, world: World) -> None:
    bundle = usual(world)
    body = bundle.body()
    signature = sign(bundle_elements(body)[::-1], bundle.signer, iso2.SCHEMA)
    assert drive(answered_with(c.wrapped(body, signature=signature))).report.contract_installed


# --- the provisioning service ----------------------------------------------------------------------------

# An 800-byte certificate is all that a -2 message can carry: no test can send a larger one.
SENDABLE = [defect for defect in DEFECTS if defect.concerns(profiles.CONTRACT) and defect.name != "too_large"]


@cache
def hierarchy() -> Hierarchy:
    return Hierarchy.create(now=ISSUED, entropy=SeededEntropy(3))


def bench(profile: Profile, common_name: str) -> Bench:
    return Bench(hierarchy(), profile, common_name, NOW, SeededEntropy(4))


@pytest.mark.parametrize("defect", SENDABLE, ids=lambda defect: defect.name)
def test_bad_provisioning_services(drive: Drive, world: World, defect: Defect) -> None:
    """Whatever is wrong with the chain of the service that signed is found, and named."""
    made = defect.make(bench(profiles.CPS_LEAF, "CPS"))
    bundle = usual(world)
    key = made.leaf.signing_key()
    if key.curve.name == "secp256r1":
        bundle = replace(bundle, signer=key)
    bundle = replace(bundle, signer_chain=[made.leaf.certificate, *made.intermediates])
    run = drive(answered_with(bundle.message()), trusted=[made.root])
    refused(run, f"installation.cps_certificate.{defect.rule}")
    (rejected,) = run.events("certificate.rejected")
    assert rejected["rule"] == defect.rule


def test_a_sound_service_is_believed(drive: Drive, world: World) -> None:
    made = sound_chain(bench(profiles.CPS_LEAF, "CPS"))
    bundle = replace(
        usual(world),
        signer=made.leaf.signing_key(),
        signer_chain=[made.leaf.certificate, *made.intermediates],
    )
    assert drive(answered_with(bundle.message()), trusted=[made.root]).report.contract_installed


def test_a_service_under_a_foreign_root(drive: Drive, world: World, foreign: World) -> None:
    bundle = replace(usual(world), signer=foreign.cps.leaf.signing_key(), signer_chain=foreign.cps.wire)
    refused(drive(answered_with(bundle.message())), "installation.cps_certificate.unknown_issuer")


def test_a_charger_cannot_sign_contracts(drive: Drive, world: World) -> None:
    """The charger's own certificate hangs under the same root, but is for another purpose."""
    bundle = replace(usual(world), signer=world.cpo.leaf.signing_key(), signer_chain=world.cpo.wire)
    refused(drive(answered_with(bundle.message())), "installation.cps_certificate.wrong_domain")


def test_a_service_whose_certificate_has_expired(drive: Drive, world: World) -> None:
    run = drive(answered_with(usual(world).message()), at=NOW + timedelta(days=100))
    refused(run, "installation.cps_certificate.expired")


def test_certificates_that_are_none(drive: Drive, world: World) -> None:
    bundle = usual(world)
    body = bundle.body()
    body.sa_provisioning_certificate_chain.certificate = b"\x30\x03\x02\x01\x00"
    message = c.wrapped(body, signature=bundle.sign(body))
    refused(drive(answered_with(message)), "installation.cps_certificate.unreadable")


# --- the contract ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("defect", SENDABLE, ids=lambda defect: defect.name)
def test_bad_contract_certificates(drive: Drive, world: World, defect: Defect) -> None:
    """The car has no root of mobility operators, yet finds what is wrong inside the delivered chain."""
    made = defect.make(bench(profiles.CONTRACT, EMAIDS[0]))
    contract = Contract(EMAIDS[0], made.leaf.certificate, made.intermediates, made.leaf.signing_key())
    bundle = replace(usual(world), contract=contract)
    if contract.ecdsa_key.curve.name != "secp256r1":
        bundle = replace(bundle, envelope=seal_scalar(1, bundle.receiver, world))
    run = drive(answered_with(bundle.message()))
    if defect.name in BEYOND_THE_CAR:
        assert run.report.contract_installed
    else:
        refused(run, f"installation.contract_certificate.{FOUND_AS.get(defect.name, defect.rule)}")


# Without the root, a chain of strangers is as good as any, and the topmost certificate is taken as it is.
BEYOND_THE_CAR = {"foreign_root", "missing_sub_ca"}
FOUND_AS = {"swapped_sub_cas": "unexpected_certificate", "stray_certificate": "unknown_issuer"}


@pytest.mark.parametrize("shift", [timedelta(days=-2), timedelta(days=40)])
def test_a_contract_that_is_not_valid_now(drive: Drive, world: World, shift: timedelta) -> None:
    contract = world.contract(validity=timedelta(days=30))
    run = drive(answered_with(replace(usual(world), contract=contract).message()), at=NOW + shift)
    # Before its time the service's certificate is not valid either, and that is seen first.
    reason = "contract_certificate.expired" if shift > timedelta() else "cps_certificate.not_yet_valid"
    refused(run, f"installation.{reason}")


def test_a_contract_for_nobody(drive: Drive, world: World) -> None:
    """A contract certificate without a common name says of no eMAID that it is its own."""
    key = world.entropy.ec_key(ec.SECP256R1())
    sub_ca1, sub_ca2 = world.mo
    plan = draft(
        profiles.CONTRACT,
        common_name="nobody",
        public_key=key.public_key(),
        issuer=sub_ca2,
        now=ISSUED,
        entropy=world.entropy,
    )
    nameless = x509.Name([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "MO")])
    certificate = replace(plan, subject=nameless).sign(sub_ca2.signing_key())
    contract = Contract(EMAIDS[0], certificate, (sub_ca2.certificate, sub_ca1.certificate), key)
    run = drive(answered_with(replace(usual(world), contract=contract).message()))
    refused(run, "installation.contract_certificate.unreadable")


def test_a_contract_without_its_issuer(drive: Drive, world: World) -> None:
    bundle = usual(world)
    contract = replace(bundle.contract, sub_certificates=())
    run = drive(answered_with(replace(bundle, contract=contract).message()))
    refused(run, "installation.contract_certificate.unknown_issuer")


def test_garbage_for_a_contract_certificate(drive: Drive, world: World) -> None:
    bundle = usual(world)
    body = bundle.body()
    body.contract_signature_cert_chain.certificate = bytes(100)
    message = c.wrapped(body, signature=bundle.sign(body))
    refused(drive(answered_with(message)), "installation.contract_certificate.unreadable")


@pytest.mark.parametrize(
    ("announced", "certified", "reason"),
    [
        (EMAIDS[1], EMAIDS[0], "emaid_mismatch"),
        ("DEPNC-00000001", EMAIDS[0], "emaid_syntax"),
        ("12345678901234", EMAIDS[0], "emaid_syntax"),
        (EMAIDS[0], "somebody", "emaid_mismatch"),
        (EMAIDS[0][:14] + "!", EMAIDS[0], "emaid_syntax"),
        (EMAIDS[0][:14] + "X", EMAIDS[0], "emaid_check_digit"),
        (EMAIDS[0], EMAIDS[0][:14] + "X", "emaid_check_digit"),
    ],
)
def test_emaids(drive: Drive, world: World, announced: str, certified: str, reason: str) -> None:
    bundle = replace(usual(world), contract=world.contract(certified), emaid=announced)
    refused(drive(answered_with(bundle.message())), f"installation.{reason}")


@pytest.mark.parametrize("announced", [EMAIDS[0], EMAIDS[0][:14], EMAIDS[0].lower()])
@pytest.mark.parametrize("certified", [EMAIDS[0], EMAIDS[0][:14], "DE-PNC-000000001"])
def test_emaids_are_compared_as_identifiers(
    drive: Drive, world: World, announced: str, certified: str
) -> None:
    contract = replace(world.contract(certified), emaid=certified.replace("-", ""))
    bundle = replace(usual(world), contract=contract, emaid=announced)
    run = drive(answered_with(bundle.message()))
    assert run.report.outcome == "ok"
    assert run.report.emaid == certified.replace("-", "")


def test_a_wrong_check_digit_may_be_ignored(drive: Drive, world: World) -> None:
    wrong = EMAIDS[0][:14] + "X"
    bundle = replace(usual(world), contract=world.contract(wrong))
    run = drive(answered_with(bundle.message()), overrides={"contract.check_digit": "ignore"})
    assert run.report.outcome == "ok"
    assert run.report.emaid == wrong


# --- the key -----------------------------------------------------------------------------------------------


def test_a_key_for_another_car(drive: Drive, world: World, foreign: World) -> None:
    receiver = foreign.oem.leaf.signing_key().public_key()
    run = drive(answered_with(replace(usual(world), receiver=receiver).message()))
    # Decrypted with the wrong key it is any number, which may also lie outside the range of keys.
    refused(run, run.report.reason)
    assert run.report.reason in {"installation.key_mismatch", "installation.key_out_of_range"}


def test_a_key_that_does_not_fit_the_certificate(drive: Drive, world: World) -> None:
    other = world.entropy.ec_key(ec.SECP256R1())
    bundle = replace(usual(world), contract=world.contract(key=other))
    refused(drive(answered_with(bundle.message())), "installation.key_mismatch")


@pytest.mark.parametrize("scalar", [0, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
def test_numbers_that_are_no_keys(drive: Drive, world: World, scalar: int) -> None:
    bundle = usual(world)
    envelope = seal_scalar(scalar, bundle.receiver, world)
    run = drive(answered_with(replace(bundle, envelope=envelope).message()))
    refused(run, "installation.key_out_of_range")


@pytest.mark.parametrize("field", ["encrypted_private_key", "dh_public_key"])
def test_envelopes_of_the_wrong_length(drive: Drive, world: World, field: str) -> None:
    bundle = usual(world)
    sealed = seal_iso2(bundle.contract.ecdsa_key, bundle.receiver, world.entropy)
    envelope = replace(sealed, **{field: getattr(sealed, field)[:-1]})
    run = drive(answered_with(replace(bundle, envelope=envelope).message()))
    refused(run, "installation.key_envelope")


def test_a_dh_key_off_the_curve(drive: Drive, world: World) -> None:
    bundle = usual(world)
    sealed = seal_iso2(bundle.contract.ecdsa_key, bundle.receiver, world.entropy)
    point = sealed.dh_public_key[:-1] + bytes([sealed.dh_public_key[-1] ^ 1])
    run = drive(answered_with(replace(bundle, envelope=replace(sealed, dh_public_key=point)).message()))
    refused(run, "installation.key_envelope")


# --- the charger says no, or nothing -----------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code in ResponseCode if code.startswith("FAILED")])
def test_every_failed_code_has_its_name(drive: Drive, world: World, code: ResponseCode) -> None:
    run = drive(answered_with(c.wrapped(usual(world).body(code))))
    refused(run, f"response_code.{code}", exit_code=7)


def test_failed_with_placeholders(drive: Drive) -> None:
    """A refusal carries empty fields, which nobody may stumble over."""
    empty = iso2.CertificateChain(certificate=b"", id="id1")
    body = iso2.CertificateInstallationRes(
        response_code=ResponseCode.FAILED_NoCertificateAvailable,
        sa_provisioning_certificate_chain=iso2.CertificateChain(certificate=b""),
        contract_signature_cert_chain=empty,
        contract_signature_encrypted_private_key=iso2.ContractSignatureEncryptedPrivateKey(
            id="id2", value=b""
        ),
        dh_public_key=iso2.DiffieHellmanPublickey(id="id3", value=b""),
        emaid=iso2.EMAID(id="id4", value="00000000000000"),
    )
    run = drive(answered_with(c.wrapped(body)))
    refused(run, "response_code.FAILED_NoCertificateAvailable", exit_code=7)


def test_placeholders_with_ok_are_no_contract(drive: Drive, world: World) -> None:
    body = usual(world).body()
    body.sa_provisioning_certificate_chain = iso2.CertificateChain(certificate=b"")
    run = drive(answered_with(c.wrapped(body)))
    refused(run, "installation.cps_certificate.unreadable")


def test_silence_for_five_seconds(drive: Drive) -> None:
    run = drive({"CertificateInstallationReq": c.Silence})
    refused(run, "timeout.V2G_EVCC_Msg_Timeout.CertificateInstallationRes", exit_code=6)
    assert run.took_s == pytest.approx(5)
    assert run.report.detail == "V2G_EVCC_Msg_Timeout expired after 5 s: no CertificateInstallationRes"
    (expired,) = run.events("timer.expired")
    assert (expired["name"], expired["limit_s"]) == ("V2G_EVCC_Msg_Timeout", 5)


@pytest.mark.parametrize(("seconds", "outcome"), [(4.5, "ok"), (4.999, "ok"), (5.001, "aborted")])
def test_the_deadline_is_five_seconds(drive: Drive, seconds: float, outcome: str) -> None:
    run = drive({"CertificateInstallationReq": c.Late(seconds)})
    assert run.report.outcome == outcome
    assert run.report.contract_installed == (outcome == "ok")


@pytest.mark.parametrize(
    ("answer", "reason", "exit_code"),
    [
        (c.Payload(b"\x80\x98\x02garbage"), "protocol.undecodable_message", 8),
        (c.session_setup(), "protocol.unexpected_message", 8),
        (c.Close, "connection_lost", 9),
        # A frame without content is one to be ignored, and then nothing comes.
        (c.Payload(b""), "timeout.V2G_EVCC_Msg_Timeout.CertificateInstallationRes", 6),
    ],
)
def test_nonsense_instead_of_a_bundle(drive: Drive, answer: object, reason: str, exit_code: int) -> None:
    run = drive({"CertificateInstallationReq": answer})
    assert (run.report.reason, run.report.exit_code) == (reason, exit_code)
    assert run.store.contracts == ()
    assert run.charger.names[-1] == "CertificateInstallationReq"


def test_a_truncated_bundle(drive: Drive, world: World) -> None:
    payload = c.encoded(usual(world).message())
    for size in (10, 500, len(payload) - 1):
        run = drive({"CertificateInstallationReq": c.Payload(payload[:size])})
        refused(run, "protocol.undecodable_message", exit_code=8)


def test_an_old_contract_survives_a_bad_new_one(drive: Drive, world: World) -> None:
    drive()
    forged = signed_by_another(usual(world))
    run = drive(answered_with(forged), overrides={"contract.renew_before_h": 24.0 * 365 * 3})
    assert run.report.reason == "installation.signature"
    assert [contract.emaid for contract in run.store.contracts] == [EMAIDS[0]]
    assert drive().report.outcome == "ok"
