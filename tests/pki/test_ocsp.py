"""OCSP: our responder read by pyca/cryptography and OpenSSL, theirs judged by our checker."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from pki import der, store
from pki.chain import validate
from pki.defects import sound_chain
from pki.entropy import SeededEntropy
from pki.errors import CertificateError, Rule
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, draft
from pki.ocsp import (
    MAX_IDS,
    Answer,
    CertId,
    OcspChecker,
    OcspRequestError,
    Refusal,
    Responder,
    build_request,
    issue_responder,
    issuer_hashes,
    parse_request,
    refusal,
)
from pki.profiles import CONTRACT, SECC_LEAF, Edition
from pki.revocation import Reason, Revoked
from tests.pki.material import DAY, NOW, bench, hierarchy

OPENSSL = shutil.which("openssl") or ""
MADE = sound_chain(bench(CONTRACT))
LEAF = MADE.leaf.certificate
ISSUER = hierarchy()["mo_sub_ca2"]
DELEGATE = issue_responder(ISSUER, now=NOW, entropy=SeededEntropy(9))
REVOKED = Revoked(NOW - DAY, Reason.PRIVILEGE_WITHDRAWN)
HOUR = timedelta(hours=1)


def answer(
    request: bytes,
    responder: Responder | None = None,
    *,
    state: Callable[[CertId], Answer] = Answer,
    at: datetime = NOW,
) -> bytes:
    asked = parse_request(request)
    responder = responder or Responder(ISSUER.certificate, DELEGATE)
    return responder.answer(
        [state(each) for each in asked.ids], this_update=at, next_update=at + HOUR, nonce=asked.nonce
    )


def rule_of(checker: OcspChecker, at: datetime = NOW) -> Rule:
    with pytest.raises(CertificateError) as caught:
        checker.check(LEAF, ISSUER.certificate, at)
    return caught.value.rule


QUESTION = build_request(LEAF, ISSUER.certificate)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=lambda a: a.name)
@pytest.mark.parametrize("nonce", [None, b"0123456789abcdef"])
@pytest.mark.parametrize("delegated", [True, False])
def test_a_good_certificate(
    algorithm: hashes.SHA1 | hashes.SHA256, nonce: bytes | None, delegated: bool
) -> None:
    question = build_request(LEAF, ISSUER.certificate, nonce=nonce, algorithm=algorithm)
    asked = parse_request(question)
    assert [each.serial for each in asked.ids] == [LEAF.serial_number]
    assert asked.ids[0].issuer in issuer_hashes(ISSUER.certificate)
    data = answer(question, Responder(ISSUER.certificate, DELEGATE if delegated else ISSUER))
    OcspChecker([data], nonce=nonce, require_nonce=nonce is not None).check(LEAF, ISSUER.certificate, NOW)
    read = ocsp.load_der_ocsp_response(data)
    assert read.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert read.this_update_utc == read.produced_at_utc == NOW
    assert read.next_update_utc == NOW + HOUR
    assert len(read.certificates) == delegated


@pytest.mark.parametrize("reason", Reason)
def test_a_revoked_certificate(reason: Reason) -> None:
    data = answer(QUESTION, state=lambda each: Answer(each, revoked=Revoked(NOW - DAY, reason)))
    with pytest.raises(CertificateError) as caught:
        OcspChecker([data]).check(LEAF, ISSUER.certificate, NOW)
    assert caught.value.rule is Rule.REVOKED
    assert f"({reason})" in caught.value.detail
    assert (NOW - DAY).isoformat() in caught.value.detail


def test_a_certificate_that_nobody_issued() -> None:
    data = answer(QUESTION, state=lambda each: Answer(each, known=False))
    assert rule_of(OcspChecker([data])) is Rule.STATUS_UNKNOWN


@pytest.mark.parametrize("reason", Refusal)
def test_refusals(reason: Refusal) -> None:
    data = refusal(reason)
    assert ocsp.load_der_ocsp_response(data).response_status.value == reason
    assert rule_of(OcspChecker([data])) is Rule.STATUS_UNKNOWN


def test_an_answer_holds_from_its_beginning_to_its_end() -> None:
    checker = OcspChecker([answer(QUESTION, Responder(ISSUER.certificate, ISSUER))])
    assert rule_of(checker, NOW - timedelta(minutes=6)) is Rule.STATUS_STALE
    checker.check(LEAF, ISSUER.certificate, NOW + HOUR)
    assert rule_of(checker, NOW + HOUR + timedelta(minutes=6)) is Rule.STATUS_STALE


def test_the_nonce() -> None:
    question = build_request(LEAF, ISSUER.certificate, nonce=b"mine")
    data = answer(question)
    assert rule_of(OcspChecker([data], nonce=b"else")) is Rule.STATUS_UNTRUSTED
    cached = answer(QUESTION)
    OcspChecker([cached], nonce=b"mine").check(LEAF, ISSUER.certificate, NOW)
    assert rule_of(OcspChecker([cached], nonce=b"mine", require_nonce=True)) is Rule.STATUS_UNTRUSTED


def test_an_answer_about_another_certificate() -> None:
    other = hierarchy()["mo_sub_ca2"].certificate
    data = answer(build_request(other, hierarchy()["mo_sub_ca1"].certificate))
    assert rule_of(OcspChecker([data])) is Rule.STATUS_UNTRUSTED
    assert rule_of(OcspChecker([])) is Rule.STATUS_UNKNOWN


def responder_like(issuer: Identity, *purposes: x509.ObjectIdentifier, at: datetime = NOW) -> Identity:
    """Issue a certificate that is nearly one to answer with."""
    entropy = SeededEntropy(4)
    key = entropy.ec_key(SECC_LEAF.key_type.curve)
    plan = draft(
        SECC_LEAF, common_name="nearly", public_key=key.public_key(), issuer=issuer, now=at, entropy=entropy
    )
    if purposes:
        plan = replace(plan, extensions=((x509.ExtendedKeyUsage(list(purposes)), False),))
    return Identity("nearly", plan.sign(issuer.signing_key()), key)


@pytest.mark.parametrize(
    "signer",
    [
        responder_like(ISSUER),
        responder_like(ISSUER, ExtendedKeyUsageOID.SERVER_AUTH),
        responder_like(hierarchy()["mo_sub_ca1"], ExtendedKeyUsageOID.OCSP_SIGNING),
        responder_like(hierarchy()["oem_sub_ca2"], ExtendedKeyUsageOID.OCSP_SIGNING),
        responder_like(ISSUER, ExtendedKeyUsageOID.OCSP_SIGNING, at=NOW - 90 * DAY),
        issue_responder(ISSUER, now=NOW + 2 * HOUR, entropy=SeededEntropy(1)),
        Identity("forger", DELEGATE.certificate, ISSUER.key),
        Identity("forger", ISSUER.certificate, DELEGATE.key),
    ],
    ids=[
        "no purpose",
        "other purpose",
        "other CA",
        "foreign CA",
        "expired",
        "too early",
        "key",
        "not the CA's key",
    ],
)
def test_who_may_not_answer(signer: Identity) -> None:
    data = answer(QUESTION, Responder(ISSUER.certificate, signer))
    if signer.certificate == DELEGATE.certificate:
        # Signed by the CA after all: that its delegate's certificate travels along is odd, not wrong.
        OcspChecker([data]).check(LEAF, ISSUER.certificate, NOW)
    else:
        assert rule_of(OcspChecker([data])) is Rule.STATUS_UNTRUSTED


def test_the_responders_certificate_is_what_others_expect() -> None:
    certificate = DELEGATE.certificate
    certificate.verify_directly_issued_by(ISSUER.certificate)
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert certificate.extensions.get_extension_for_class(x509.OCSPNoCheck).value == x509.OCSPNoCheck()
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == 30 * DAY


@pytest.mark.parametrize("edition", Edition)
def test_every_edition_answers(edition: Edition) -> None:
    world = Hierarchy.create(now=NOW, entropy=SeededEntropy(3), edition=edition)
    certificate, issuer = world["mo_sub_ca2"].certificate, world["mo_sub_ca1"]
    question = build_request(certificate, issuer.certificate)
    for identity in (issuer, issue_responder(issuer, now=NOW, entropy=SeededEntropy(2))):
        responder = Responder(issuer.certificate, identity)
        OcspChecker([answer(question, responder)]).check(certificate, issuer.certificate, NOW)


def test_validation_of_a_path_by_answers() -> None:
    world = hierarchy()
    path = [LEAF, world["mo_sub_ca2"].certificate, world["mo_sub_ca1"].certificate]
    answers = []
    for certificate, issuer in zip(path, ("mo_sub_ca2", "mo_sub_ca1", "mo_root"), strict=True):
        question = build_request(certificate, world[issuer].certificate)
        answers.append(answer(question, Responder(world[issuer].certificate, world[issuer])))
    validate(LEAF, path[1:], [MADE.root], at=NOW, profile=CONTRACT, revocation=OcspChecker(answers))
    with pytest.raises(CertificateError, match="status_unt"):
        validate(LEAF, path[1:], [MADE.root], at=NOW, profile=CONTRACT, revocation=OcspChecker(answers[:2]))


def several(count: int) -> bytes:
    """Return a request for ``count`` certificates, which pyca/cryptography cannot build."""
    one = der.elements(der.elements(der.only(QUESTION, der.SEQUENCE, "request"))[0][1])[0][1]
    return der.write(der.SEQUENCE, der.write(der.SEQUENCE, der.write(der.SEQUENCE, one * count)))


def test_several_certificates_in_one_request() -> None:
    asked = parse_request(several(MAX_IDS))
    assert len(asked.ids) == MAX_IDS
    states = [Answer(asked.ids[0]), Answer(asked.ids[1], revoked=REVOKED), Answer(asked.ids[2], known=False)]
    data = Responder(ISSUER.certificate, DELEGATE).answer(states, this_update=NOW, next_update=NOW + HOUR)
    found = [single.certificate_status.name for single in ocsp.load_der_ocsp_response(data).responses]
    assert found == ["GOOD", "REVOKED", "UNKNOWN"]
    for count in (0, MAX_IDS + 1):
        with pytest.raises(OcspRequestError, match="requestList"):
            parse_request(several(count))


def with_extension(name: str, value: bytes, *, critical: bool) -> bytes:
    request = ocsp.OCSPRequestBuilder().add_certificate(LEAF, ISSUER.certificate, hashes.SHA1())
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(name), value)
    return request.add_extension(extension, critical=critical).build().public_bytes(Encoding.DER)


def test_extensions_of_a_request() -> None:
    # Which kinds of answers the client takes; every client takes ours.
    assert parse_request(with_extension("1.3.6.1.5.5.7.48.1.4", b"0\0", critical=False)).nonce is None
    with pytest.raises(OcspRequestError, match="critical"):
        parse_request(with_extension("1.3.6.1.5.5.7.48.1.4", b"0\0", critical=True))
    with pytest.raises(OcspRequestError, match="nonce"):
        parse_request(build_request(LEAF, ISSUER.certificate, nonce=bytes(200)))


def test_an_unknown_hash_is_answered_with_unknown_issuer() -> None:
    question = QUESTION.replace(bytes.fromhex("06052b0e03021a"), bytes.fromhex("06052b0e03021b"))
    assert parse_request(question).ids[0].hash_name == ""


@given(st.binary(max_size=300))
@example(b"")
@example(b"0\0")
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x81\x05" + bytes(5))
@example(b"\x30\x85\x00\x00\x00\x00\x01\x00")
def test_any_bytes_are_a_request_or_an_error(data: bytes) -> None:
    try:
        parse_request(data)
    except OcspRequestError as error:
        assert error.detail  # noqa: PT017 - both outcomes are fine


@given(st.data())
def test_a_changed_request_is_a_request_or_an_error(data: st.DataObject) -> None:
    changed = bytearray(build_request(LEAF, ISSUER.certificate, nonce=b"12345678"))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(changed)))
    for variant in (bytes(changed), bytes(changed[:cut])):
        try:
            parsed = parse_request(variant)
        except OcspRequestError:
            continue
        if all(each.hash_name for each in parsed.ids):
            assert ocsp.load_der_ocsp_response(answer(variant)).response_status.value == 0


@given(st.data())
def test_any_change_of_an_answer_is_noticed(data: st.DataObject) -> None:
    good = bytearray(answer(QUESTION, Responder(ISSUER.certificate, ISSUER)))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CertificateError):
        OcspChecker([bytes(good)]).check(LEAF, ISSUER.certificate, NOW)


def run(place: Path, *words: str) -> str:
    done = subprocess.run(
        [OPENSSL, *words], cwd=place, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
@pytest.mark.parametrize("delegated", [True, False])
def test_openssl_asks_and_believes_our_answer(tmp_path: Path, delegated: bool) -> None:
    """One request for two certificates, with a nonce, as OpenSSL makes it; its verdict on our answer."""
    now = datetime.now(UTC)
    world = Hierarchy.create(now=now - DAY, entropy=SeededEntropy(5))
    issuer = world["v2g_root"]
    identity = issue_responder(issuer, now=now, entropy=SeededEntropy(2)) if delegated else issuer
    store.write_certificates(tmp_path / "root.pem", [issuer.certificate])
    for name in ("cps_sub_ca1", "cpo_sub_ca1"):
        store.write_certificates(tmp_path / f"{name}.pem", [world[name].certificate])
    asking = ["ocsp", "-issuer", "root.pem", "-cert", "cps_sub_ca1.pem", "-cert", "cpo_sub_ca1.pem"]
    run(tmp_path, *asking, "-reqout", "question.der")
    asked = parse_request((tmp_path / "question.der").read_bytes())
    assert asked.nonce
    states = [Answer(asked.ids[0]), Answer(asked.ids[1], revoked=Revoked(now - HOUR, Reason.SUPERSEDED))]
    data = Responder(issuer.certificate, identity).answer(
        states, this_update=now - timedelta(minutes=1), next_update=now + HOUR, nonce=asked.nonce
    )
    (tmp_path / "answer.der").write_bytes(data)
    said = run(
        tmp_path,
        "ocsp",
        "-issuer",
        "root.pem",
        "-cert",
        "cps_sub_ca1.pem",
        "-cert",
        "cpo_sub_ca1.pem",
        "-reqin",
        "question.der",
        "-no_nonce",  # keeps the question's own in place of a new one
        "-respin",
        "answer.der",
        "-CAfile",
        "root.pem",
    )
    assert "Response verify OK" in said
    assert "cps_sub_ca1.pem: good" in said
    assert "cpo_sub_ca1.pem: revoked" in said
    assert "superseded" in said


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_we_believe_openssls_answer(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    world = Hierarchy.create(now=now - DAY, entropy=SeededEntropy(5))
    issuer, good, bad = world["v2g_root"], world["cps_sub_ca1"].certificate, world["cpo_sub_ca1"].certificate
    store.write_certificates(tmp_path / "root.pem", [issuer.certificate])
    store.write_key(tmp_path / "root.key", issuer.signing_key())
    until = (now + 3650 * DAY).strftime("%y%m%d%H%M%SZ")
    since = (now - HOUR).strftime("%y%m%d%H%M%SZ")
    lines = {
        None: f"V\t{until}\t\t{good.serial_number:X}\tunknown\t/CN=a\n",
        Rule.REVOKED: f"R\t{until}\t{since},keyCompromise\t{bad.serial_number:X}\tunknown\t/CN=b\n",
        Rule.STATUS_UNKNOWN: "",
    }
    for rule, line in lines.items():
        (tmp_path / "index.txt").write_text(line)
        certificate = good if rule is None else bad
        (tmp_path / "question.der").write_bytes(
            build_request(certificate, issuer.certificate, nonce=b"12345678")
        )
        run(
            tmp_path,
            "ocsp",
            "-index",
            "index.txt",
            "-CA",
            "root.pem",
            "-rsigner",
            "root.pem",
            "-rkey",
            "root.key",
            "-reqin",
            "question.der",
            "-respout",
            "answer.der",
            "-ndays",
            "1",
        )
        checker = OcspChecker([(tmp_path / "answer.der").read_bytes()], nonce=b"12345678", require_nonce=True)
        if rule is None:
            checker.check(certificate, issuer.certificate, now)
        else:
            with pytest.raises(CertificateError) as caught:
                checker.check(certificate, issuer.certificate, now)
            assert caught.value.rule is rule
