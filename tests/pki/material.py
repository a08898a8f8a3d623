"""One hierarchy for all tests of this folder, and the tools to make more."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509

from pki import chain
from pki.defects import Bench, Chain
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.profiles import CONTRACT, CPS_LEAF, OEM_PROVISIONING, SECC_LEAF, Profile

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)

LEAVES = (SECC_LEAF, CPS_LEAF, OEM_PROVISIONING, CONTRACT)
COMMON_NAMES = {
    SECC_LEAF.name: "DEPNCS0001",
    CPS_LEAF.name: "CPS Leaf",
    OEM_PROVISIONING.name: "WMIKAT0123456789AB",
    CONTRACT.name: "DE83DUIEN83QGZD",
}


@cache
def hierarchy() -> Hierarchy:
    return Hierarchy.create(now=NOW, entropy=SeededEntropy(1))


def bench(profile: Profile, seed: int = 2) -> Bench:
    return Bench(hierarchy(), profile, COMMON_NAMES[profile.name], NOW, SeededEntropy(seed))


def judge(made: Chain, profile: Profile, at: datetime = NOW) -> tuple[x509.Certificate, ...]:
    return chain.validate(made.leaf.certificate, made.intermediates, [made.root], at=at, profile=profile)
