"""The profiles, against the table of the standard."""

import pytest
from cryptography.x509 import ObjectIdentifier

from pki.hierarchy import MEMBERS
from pki.profiles import (
    CONTRACT,
    CPS_LEAF,
    OEM_PROVISIONING,
    PROFILES,
    SECC_LEAF,
    Edition,
    KeyType,
    KeyUse,
    Profile,
    purpose_name,
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


@pytest.mark.parametrize("edition", [Edition.ISO20, Edition.ISO20_ED448])
def test_iso20(edition: Edition) -> None:
    profiles = edition.profiles
    for name, profile in profiles.items():
        assert profile.name == name
        assert profile.max_der == 1600
        assert profile.root.key_type is edition.key_type
        assert profile.key_type is edition.key_type
        if profile.issuer is not None:
            assert profile.issuer is profiles[profile.issuer.name]
        if not profile.ca:
            assert profile.max_chain == 4
    assert profiles["contract"].ski_bytes == 8
    assert profiles["vehicle"].root.name == "oem_root"
    assert profiles["vehicle_v2g"].root.name == "v2g_root"
    assert {
        name: [purpose_name(use) for use in profile.purposes]
        for name, profile in profiles.items()
        if profile.purposes
    } == {
        "secc_leaf": ["serverAuth"],
        "vehicle": ["clientAuth"],
        "vehicle_v2g": ["clientAuth"],
    }


def test_editions_differ() -> None:
    assert Edition.ISO2.profiles["contract"] is CONTRACT
    assert "vehicle" not in Edition.ISO2.profiles
    assert purpose_name(ObjectIdentifier("1.2.3")) == "1.2.3"


def test_the_provisioning_service_is_renewed_every_quarter() -> None:
    assert CPS_LEAF.validity.days == 90


def test_members_are_profiles_by_name() -> None:
    assert all(member.profile.name == name for name, member in MEMBERS.items())
    assert {profile.name for profile in PROFILES} - set(MEMBERS) == {"oem_provisioning", "contract"}
