"""One hierarchy for all tests of this folder, and the tools to make more."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509

from pki import chain
from pki.defects import Bench, Chain
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.profiles import Edition, Profile

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)

COMMON_NAMES = {
    "secc_leaf": "DEPNCS0001",
    "cps_leaf": "CPS Leaf",
    "oem_provisioning": "WMIKAT0123456789AB",
    "contract": "DE83DUIEN83QGZD",
    "vehicle": "WMIKATEVCC001",
    "vehicle_v2g": "WMIKATEVCC001",
}
LEAVES = tuple(
    profile for edition in Edition for name, profile in edition.profiles.items() if name in COMMON_NAMES
)
"""Every kind of leaf of every edition."""


def leaf_id(profile: Profile) -> str:
    return f"{edition_of(profile)}-{profile.name}"


def edition_of(profile: Profile) -> Edition:
    return next(edition for edition in Edition if edition.key_type is profile.root.key_type)


@cache
def hierarchy(edition: Edition = Edition.ISO2) -> Hierarchy:
    return Hierarchy.create(now=NOW, entropy=SeededEntropy(1), edition=edition)


def bench(profile: Profile, seed: int = 2) -> Bench:
    name = COMMON_NAMES[profile.name]
    return Bench(hierarchy(edition_of(profile)), profile, name, NOW, SeededEntropy(seed))


def judge(made: Chain, profile: Profile, at: datetime = NOW) -> tuple[x509.Certificate, ...]:
    return chain.validate(made.leaf.certificate, made.intermediates, [made.root], at=at, profile=profile)
