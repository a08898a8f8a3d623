"""Revocation lists: what is written is what is read, and each way in which a list can be wrong is named."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pki import store
from pki.chain import validate
from pki.crl import CrlChecker, Entry, make_crl, parse_crl
from pki.defects import sound_chain
from pki.entropy import SeededEntropy
from pki.errors import CertificateError, Rule
from pki.hierarchy import Hierarchy
from pki.issuing import Identity
from pki.profiles import CONTRACT, Edition
from pki.revocation import FirstAnswer, Reason, Revoked, SoftFail
from tests.pki.material import DAY, NOW, bench, hierarchy

OPENSSL = shutil.which("openssl") or ""
MADE = sound_chain(bench(CONTRACT))
LEAF = MADE.leaf.certificate
ISSUER = hierarchy()["mo_sub_ca2"]
YESTERDAY = Revoked(NOW - DAY, Reason.CESSATION_OF_OPERATION)


def crl_of(
    issuer: Identity, *serials: int, at: datetime = NOW, revoked: Revoked = YESTERDAY, number: int = 7
) -> x509.CertificateRevocationList:
    entries = [Entry(serial, revoked) for serial in serials]
    return parse_crl(make_crl(issuer, entries, number=number, this_update=at, next_update=at + DAY))


def rule_of(checker: CrlChecker, at: datetime = NOW, certificate: x509.Certificate = LEAF) -> Rule:
    with pytest.raises(CertificateError) as caught:
        checker.check(certificate, ISSUER.certificate, at)
    assert caught.value.subject == certificate.subject.rfc4514_string()
    return caught.value.rule


def test_what_is_not_on_the_list_is_not_revoked() -> None:
    CrlChecker([crl_of(ISSUER, 1, 2, 3)]).check(LEAF, ISSUER.certificate, NOW)
    CrlChecker([crl_of(ISSUER)]).check(LEAF, ISSUER.certificate, NOW)


@pytest.mark.parametrize("reason", Reason)
def test_what_is_on_the_list_is_revoked_for_its_reason(reason: Reason) -> None:
    checker = CrlChecker([crl_of(ISSUER, 1, LEAF.serial_number, revoked=Revoked(NOW - DAY, reason))])
    with pytest.raises(CertificateError) as caught:
        checker.check(LEAF, ISSUER.certificate, NOW)
    assert caught.value.rule is Rule.REVOKED
    assert f"({reason})" in caught.value.detail
    assert (NOW - DAY).isoformat() in caught.value.detail


def test_a_list_names_its_issuers_key_and_its_number() -> None:
    crl = crl_of(ISSUER, number=41)
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 41
    authority = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    subject = ISSUER.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert authority == subject


def test_a_list_holds_from_its_beginning_to_its_end() -> None:
    checker = CrlChecker([crl_of(ISSUER)])
    assert rule_of(checker, NOW - timedelta(minutes=6)) is Rule.STATUS_STALE
    checker.check(LEAF, ISSUER.certificate, NOW - timedelta(minutes=4))
    checker.check(LEAF, ISSUER.certificate, NOW + DAY + timedelta(minutes=4))
    assert rule_of(checker, NOW + DAY + timedelta(minutes=6)) is Rule.STATUS_STALE


def test_without_a_list_nothing_is_known() -> None:
    assert rule_of(CrlChecker([])) is Rule.STATUS_UNKNOWN
    assert rule_of(CrlChecker([crl_of(hierarchy()["oem_sub_ca2"])])) is Rule.STATUS_UNKNOWN


def test_a_list_in_anothers_name_is_not_believed() -> None:
    forger = Identity(ISSUER.name, ISSUER.certificate, hierarchy()["oem_sub_ca2"].key)
    assert rule_of(CrlChecker([crl_of(forger)])) is Rule.STATUS_UNTRUSTED


def test_a_good_list_beside_a_bad_one_counts() -> None:
    forger = Identity(ISSUER.name, ISSUER.certificate, hierarchy()["oem_sub_ca2"].key)
    forged = crl_of(forger, at=NOW + timedelta(minutes=1))
    CrlChecker([forged, crl_of(ISSUER)]).check(LEAF, ISSUER.certificate, NOW)
    assert rule_of(CrlChecker([forged, crl_of(ISSUER, LEAF.serial_number)])) is Rule.REVOKED


def test_the_newest_list_counts() -> None:
    """A certificate on hold may come back; what an older list says is over then."""
    older = crl_of(ISSUER, LEAF.serial_number, at=NOW - timedelta(hours=2))
    CrlChecker([older, crl_of(ISSUER)]).check(LEAF, ISSUER.certificate, NOW)


def test_a_partitioned_list_is_refused() -> None:
    point = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ISSUER.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + DAY)
        .add_extension(point, critical=True)
        .sign(ISSUER.signing_key(), hashes.SHA256())
    )
    assert rule_of(CrlChecker([crl])) is Rule.STATUS_UNTRUSTED


@given(st.binary(max_size=400))
def test_any_bytes_are_a_list_or_an_error(data: bytes) -> None:
    try:
        parse_crl(data)
    except CertificateError as error:
        assert error.rule is Rule.STATUS_UNTRUSTED  # noqa: PT017 - both outcomes are fine


@given(st.data())
def test_any_change_of_what_a_list_says_is_noticed(data: st.DataObject) -> None:
    good = crl_of(ISSUER, 1, 2)
    changed = bytearray(good.public_bytes(Encoding.DER))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        crl = parse_crl(bytes(changed))
        CrlChecker([crl]).check(LEAF, ISSUER.certificate, NOW)
    except CertificateError:
        return
    # What stands beside of what is signed may change, such as the count of unused bits.
    assert crl.tbs_certlist_bytes == good.tbs_certlist_bytes


def test_pem_is_read_as_well() -> None:
    pem = crl_of(ISSUER, LEAF.serial_number).public_bytes(Encoding.PEM)
    assert rule_of(CrlChecker([parse_crl(pem)])) is Rule.REVOKED


@pytest.mark.parametrize("edition", Edition)
def test_every_edition_signs_lists(edition: Edition) -> None:
    world = Hierarchy.create(now=NOW, entropy=SeededEntropy(3), edition=edition)
    leaf, root = world["mo_sub_ca1"].certificate, world["mo_root"]
    CrlChecker([crl_of(root)]).check(leaf, root.certificate, NOW)
    with pytest.raises(CertificateError, match="revoked"):
        CrlChecker([crl_of(root, leaf.serial_number)]).check(leaf, root.certificate, NOW)


def test_times_need_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_crl(ISSUER, [], number=1, this_update=datetime(2026, 1, 1), next_update=NOW)  # noqa: DTZ001


def path_checker(*revoked: str) -> CrlChecker:
    """Return lists of all CAs above the contract; the members named are revoked by theirs."""
    world = hierarchy()
    chain = {"mo_root": "mo_sub_ca1", "mo_sub_ca1": "mo_sub_ca2"}
    lists = [crl_of(ISSUER)]
    for issuer, below in chain.items():
        serials = [world[below].certificate.serial_number] if below in revoked else []
        lists.append(crl_of(world[issuer], *serials))
    return CrlChecker(lists)


def test_validation_asks_about_the_whole_path() -> None:
    for revoked in ("mo_sub_ca1", "mo_sub_ca2"):
        with pytest.raises(CertificateError) as caught:
            validate(
                LEAF,
                MADE.intermediates,
                [MADE.root],
                at=NOW,
                profile=CONTRACT,
                revocation=path_checker(revoked),
            )
        assert caught.value.rule is Rule.REVOKED
        assert caught.value.subject == hierarchy()[revoked].subject
    validate(LEAF, MADE.intermediates, [MADE.root], at=NOW, profile=CONTRACT, revocation=path_checker())


def test_soft_fail_lets_pass_what_nobody_knows_and_nothing_else() -> None:
    nothing = CrlChecker([])
    for checker, passes in ((nothing, True), (path_checker("mo_sub_ca2"), False)):
        soft = SoftFail(checker)
        if passes:
            validate(LEAF, MADE.intermediates, [MADE.root], at=NOW, profile=CONTRACT, revocation=soft)
            with pytest.raises(CertificateError, match="status_unknown"):
                validate(LEAF, MADE.intermediates, [MADE.root], at=NOW, profile=CONTRACT, revocation=checker)
        else:
            with pytest.raises(CertificateError, match="revoked"):
                validate(LEAF, MADE.intermediates, [MADE.root], at=NOW, profile=CONTRACT, revocation=soft)


def test_the_first_who_knows_is_believed() -> None:
    nothing, good, bad = (
        CrlChecker([]),
        CrlChecker([crl_of(ISSUER)]),
        CrlChecker([crl_of(ISSUER, LEAF.serial_number)]),
    )
    FirstAnswer([nothing, good, bad]).check(LEAF, ISSUER.certificate, NOW)
    for checkers, rule in (
        ([nothing, bad, good], "revoked"),
        ([nothing], "status_unknown"),
        ([], "status_unknown"),
    ):
        with pytest.raises(CertificateError, match=rule):
            FirstAnswer(checkers).check(LEAF, ISSUER.certificate, NOW)


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
@pytest.mark.parametrize("revoked", [True, False])
def test_openssl_reads_and_obeys_the_lists(tmp_path: Path, revoked: bool) -> None:
    now = datetime.now(UTC)
    world = Hierarchy.create(now=now - DAY, entropy=SeededEntropy(5))
    made = [world[name] for name in ("cps_leaf", "cps_sub_ca2", "cps_sub_ca1", "v2g_root")]
    lists = b""
    for lower, upper in pairwise(made):
        serials = [lower.certificate.serial_number, 77] if revoked and lower.name == "cps_leaf" else [77]
        entry = Revoked(now - timedelta(hours=1), Reason.KEY_COMPROMISE)
        lists += crl_of(upper, *serials, at=now - timedelta(minutes=1), revoked=entry).public_bytes(
            Encoding.PEM
        )
    (tmp_path / "all.crl").write_bytes(lists)
    store.write_certificates(tmp_path / "root.pem", [made[-1].certificate])
    store.write_certificates(tmp_path / "sub.pem", [made[1].certificate, made[2].certificate])
    store.write_certificates(tmp_path / "leaf.pem", [made[0].certificate])
    words = ["verify", "-crl_check_all", "-x509_strict", "-CRLfile", "all.crl", "-CAfile", "root.pem"]
    done = subprocess.run(
        [OPENSSL, *words, "-untrusted", "sub.pem", "leaf.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode != 0) is revoked, done.stderr
    assert ("certificate revoked" in done.stderr) is revoked
    shown = subprocess.run(
        [OPENSSL, "crl", "-in", "all.crl", "-noout", "-text", "-CAfile", "sub.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "verify OK" in shown.stderr + shown.stdout
    assert "X509v3 CRL Number" in shown.stdout
    assert "Key Compromise" in shown.stdout
