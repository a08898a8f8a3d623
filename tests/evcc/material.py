"""Certificates, keys and contracts for the tests: everything from one seed, issued at one instant."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from evcc.contracts import Contract
from pki import profiles
from pki.entropy import SeededEntropy
from pki.issuing import Identity, issue, new_identity
from pki.profiles import Profile
from v2g.identifiers import new_emaid

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
ISSUED = NOW - timedelta(days=1)

EMAIDS = tuple(str(new_emaid("DE", "PNC", f"{number:09d}")) for number in range(1, 8))


@dataclass(slots=True)
class Branch:
    """Sub-CA 1, sub-CA 2 and leaf under a root."""

    sub_ca1: Identity
    sub_ca2: Identity
    leaf: Identity

    @property
    def wire(self) -> list[x509.Certificate]:
        """Leaf, sub-CA 2, sub-CA 1: the order on the wire."""
        return [self.leaf.certificate, self.sub_ca2.certificate, self.sub_ca1.certificate]


@dataclass
class World:
    """One market's certificates, made when first asked for; ``seed`` makes it another market."""

    seed: int = 1
    at: datetime = ISSUED
    pcid: str = ""
    entropy: SeededEntropy = field(init=False)

    def __post_init__(self) -> None:
        self.entropy = SeededEntropy(self.seed)

    def identity(
        self,
        profile: Profile,
        issuer: Identity | None,
        name: str = "",
        *,
        at: datetime | None = None,
        validity: timedelta | None = None,
    ) -> Identity:
        """A new key and its certificate after ``profile``."""
        return new_identity(
            profile,
            common_name=name or f"{profile.name} {self.seed}",
            issuer=issuer,
            now=at or self.at,
            entropy=self.entropy,
            validity=validity,
        )

    @cached_property
    def v2g_root(self) -> Identity:
        return self.identity(profiles.V2G_ROOT, None)

    @cached_property
    def cpo(self) -> Branch:
        sub_ca1 = self.identity(profiles.CPO_SUB_CA1, self.v2g_root)
        sub_ca2 = self.identity(profiles.CPO_SUB_CA2, sub_ca1)
        return Branch(sub_ca1, sub_ca2, self.identity(profiles.SECC_LEAF, sub_ca2, "DEPNCS0001"))

    @cached_property
    def cps(self) -> Branch:
        sub_ca1 = self.identity(profiles.CPS_SUB_CA1, self.v2g_root)
        sub_ca2 = self.identity(profiles.CPS_SUB_CA2, sub_ca1)
        return Branch(sub_ca1, sub_ca2, self.identity(profiles.CPS_LEAF, sub_ca2))

    @cached_property
    def oem(self) -> Branch:
        sub_ca1 = self.identity(profiles.OEM_SUB_CA1, self.identity(profiles.OEM_ROOT, None))
        sub_ca2 = self.identity(profiles.OEM_SUB_CA2, sub_ca1)
        return Branch(
            sub_ca1,
            sub_ca2,
            self.identity(profiles.OEM_PROVISIONING, sub_ca2, self.pcid or f"WPNC0000000000{self.seed:03d}"),
        )

    @cached_property
    def mo_root(self) -> Identity:
        return self.identity(profiles.MO_ROOT, None)

    @cached_property
    def mo(self) -> tuple[Identity, Identity]:
        """The mobility operator's sub-CA 1 and 2."""
        sub_ca1 = self.identity(profiles.MO_SUB_CA1, self.mo_root)
        return sub_ca1, self.identity(profiles.MO_SUB_CA2, sub_ca1)

    def contract(
        self,
        emaid: str = EMAIDS[0],
        *,
        at: datetime | None = None,
        validity: timedelta | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        profile: Profile = profiles.CONTRACT,
    ) -> Contract:
        """A contract for ``emaid``; ``key`` replaces the private key, not the certificate."""
        sub_ca1, sub_ca2 = self.mo
        own = self.entropy.ec_key(ec.SECP256R1())
        certificate = issue(
            profile,
            common_name=emaid,
            public_key=own.public_key(),
            issuer=sub_ca2,
            now=at or self.at,
            entropy=self.entropy,
            validity=validity,
        )
        return Contract(emaid, certificate, (sub_ca2.certificate, sub_ca1.certificate), key or own)
