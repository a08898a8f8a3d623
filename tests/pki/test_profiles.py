"""The profiles, against the table of the standard."""

import pytest

from pki.hierarchy import MEMBERS
from pki.profiles import (
    CONTRACT,
    CPS_LEAF,
    OEM_PROVISIONING,
    PROFILES,
    SECC_LEAF,
    KeyType,
    KeyUse,
    Profile,
)

SIGN, AGREE = KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_AGREEMENT


@pytest.mark.parametrize(
    ("profile", "domain", "uses"),
    [
        (SECC_LEAF, "CPO", {SIGN, AGREE}),
        (CPS_LEAF, "CPS", {SIGN}),
        (OEM_PROVISIONING, "OEM", {SIGN, AGREE}),
        (CONTRACT, "MO", {SIGN, AGREE, KeyUse.NON_REPUDIATION, KeyUse.KEY_ENCIPHERMENT}),
    ],
)
def test_leaves(profile: Profile, domain: str, uses: set[KeyUse]) -> None:
    assert profile.domain == domain
    assert profile.key_usage == uses
    assert not profile.ca
    assert profile.path_length is None
    assert profile.max_chain == 3
    assert [above.path_length for above in profile.above()] == [0, 1, None]
    assert [above.domain for above in profile.above()] == [domain, domain, "V2G"]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_profile(profile: Profile) -> None:
    assert profile.key_type is KeyType.SECP256R1
    assert profile.max_der == 800
    assert profile.required_key_usage <= profile.key_usage
    assert profile.ca == (KeyUse.KEY_CERT_SIGN in profile.key_usage)
    if profile.ca:
        assert {KeyUse.KEY_CERT_SIGN, KeyUse.CRL_SIGN} <= profile.key_usage
    if profile.issuer is not None:
        assert profile.issuer.ca
        assert PROFILES.index(profile.issuer) < PROFILES.index(profile)
        assert profile.validity <= profile.issuer.validity


def test_the_provisioning_service_is_renewed_every_quarter() -> None:
    assert CPS_LEAF.validity.days == 90


def test_members_are_profiles_by_name() -> None:
    assert all(member.profile.name == name for name, member in MEMBERS.items())
    assert {profile.name for profile in PROFILES} - set(MEMBERS) == {"oem_provisioning", "contract"}
