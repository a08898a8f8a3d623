"""Each defect is caught by exactly the rule that it names, for every kind of leaf."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.defects import DEFECTS, Defect, defect, sound_chain, with_leaf
from pki.errors import CertificateError, Rule
from pki.profiles import CPS_LEAF, SECC_LEAF, Profile
from tests.pki.material import LEAVES, NOW, bench, hierarchy, judge, leaf_id

BEYOND_ONE_CHAIN = {
    Rule.UNREADABLE: "bytes that are no certificate: test_chain",
    Rule.WRONG_VERSION: "the library writes version 3 only: test_openssl",
    **dict.fromkeys(
        (Rule.REVOKED, Rule.STATUS_UNKNOWN, Rule.STATUS_STALE, Rule.STATUS_UNTRUSTED),
        "what somebody says of a chain: test_crl, test_ocsp",
    ),
}


@pytest.mark.parametrize(
    ("wrong", "profile"),
    [
        pytest.param(wrong, profile, id=f"{wrong.name}-{leaf_id(profile)}")
        for wrong in DEFECTS
        for profile in LEAVES
        if wrong.concerns(profile)
    ],
)
def test_caught_by_the_rule_it_names(wrong: Defect, profile: Profile) -> None:
    with pytest.raises(CertificateError) as caught:
        judge(wrong.make(bench(profile)), profile)
    assert caught.value.rule is wrong.rule
    assert caught.value.subject
    assert caught.value.detail


@pytest.mark.parametrize("profile", LEAVES, ids=leaf_id)
def test_without_defect_nothing_is_caught(profile: Profile) -> None:
    judge(sound_chain(bench(profile)), profile)


@pytest.mark.parametrize("profile", LEAVES, ids=leaf_id)
def test_the_faults_of_time_are_faults_of_time_only(profile: Profile) -> None:
    """At another time the same chain is sound: nothing else is wrong with it."""
    day = timedelta(days=1)
    early = defect("not_yet_valid").make(bench(profile))
    judge(early, profile, NOW + 1.5 * day)


def test_the_leafs_key_is_the_one_in_its_certificate() -> None:
    for wrong in filter(lambda wrong: wrong.concerns(SECC_LEAF), DEFECTS):
        leaf = wrong.make(bench(SECC_LEAF)).leaf
        assert leaf.signing_key().public_key() == leaf.certificate.public_key()


def test_every_rule_has_a_defect() -> None:
    assert {wrong.rule for wrong in DEFECTS} | set(BEYOND_ONE_CHAIN) == set(Rule)


def test_names_are_unique_and_can_be_asked_for() -> None:
    assert len({wrong.name for wrong in DEFECTS}) == len(DEFECTS)
    assert all(defect(wrong.name) is wrong for wrong in DEFECTS)
    with pytest.raises(KeyError):
        defect("none of them")


@pytest.mark.parametrize("name", ["expired", "sub_ca_expired", "wrong_signature", "path_length"])
def test_a_hierarchy_with_a_defective_leaf(name: str) -> None:
    wrong = defect(name)
    made = wrong.make(bench(CPS_LEAF))
    changed = with_leaf(hierarchy(), made)
    assert changed.chain("cps_leaf") == [made.leaf.certificate, *made.intermediates]
    assert changed["secc_leaf"] is hierarchy()["secc_leaf"]
    assert changed["cps_leaf"].certificate.public_bytes(Encoding.DER) != hierarchy()[
        "cps_leaf"
    ].certificate.public_bytes(Encoding.DER)
