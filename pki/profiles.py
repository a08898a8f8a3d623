"""What each certificate of the Plug & Charge hierarchies must look like, as data.

One :class:`Profile` per kind of certificate. :mod:`pki.issuing` writes certificates from profiles and
:mod:`pki.chain` holds foreign ones against them, so that the rules stand in one place.

Subjects carry CN, O and exactly one DC. The key usages ``required_key_usage`` demands are fewer than
those we issue, because certificates in the field differ in the bits that no step of the protocol needs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.keys import KeyType

__all__ = ["PROFILES", "Edition", "KeyType", "KeyUse", "Profile", "purpose_name"]

_YEAR = timedelta(days=365)

MAX_CHAIN_ISO2 = 3
"""Certificates below the root in a chain: leaf, sub-CA 2, sub-CA 1."""

MAX_CHAIN_ISO20 = 4
"""Certificates below the root in a chain: leaf and at most three sub-CAs."""

MAX_DER_ISO2 = 800
"""Bytes of one certificate in an ISO 15118-2 message."""

MAX_DER_ISO20 = 1600
"""Bytes of one certificate in an ISO 15118-20 message."""


class KeyUse(StrEnum):
    """The bits of the key usage extension, named as pyca/cryptography names them."""

    DIGITAL_SIGNATURE = "digital_signature"
    NON_REPUDIATION = "content_commitment"
    KEY_ENCIPHERMENT = "key_encipherment"
    KEY_AGREEMENT = "key_agreement"
    KEY_CERT_SIGN = "key_cert_sign"
    CRL_SIGN = "crl_sign"


class Edition(StrEnum):
    """A set of profiles: ISO 15118-2, and ISO 15118-20 with either of its two suites."""

    ISO2 = "iso2"
    ISO20 = "iso20"
    ISO20_ED448 = "iso20-ed448"

    @property
    def key_type(self) -> KeyType:
        """The kind of key that signs everything in this edition."""
        return _KEY_TYPES[self]

    @property
    def profiles(self) -> "Mapping[str, Profile]":
        """Every profile of this edition by name, each after its issuer."""
        return _BY_EDITION[self]


_KEY_TYPES = {
    Edition.ISO2: KeyType.SECP256R1,
    Edition.ISO20: KeyType.SECP521R1,
    Edition.ISO20_ED448: KeyType.ED448,
}


def purpose_name(use: ObjectIdentifier) -> str:
    """Return the name of an extended key usage as RFC 5280 writes it, or its numbers."""
    return _PURPOSE_NAMES.get(use, use.dotted_string)


_PURPOSE_NAMES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of certificate.

    ``name``                one of the names of :class:`pki.hierarchy.Hierarchy`, or ``contract`` and the like
    ``purpose``             what it is for, for people
    ``domain``              the DC of its subject when we issue it
    ``also_accepted``       other DCs that its subject may carry when we validate it
    ``key_usage``           the bits we set, always critical
    ``required_key_usage``  the bits that a certificate must have to be accepted
    ``path_length``         the path length constraint; None for roots (no limit) and leaves
    ``validity``            for how long it is issued; never beyond its issuer's end
    ``issuer``              the profile of the CA above it; None for a root
    ``max_der``             the largest size in bytes that a message can carry
    ``max_chain``           the most certificates below the root in a chain that ends here
    ``key_type``            the kind of its own key; what is above it has the root's
    ``ski_bytes``           length of the subject key identifier (20, but 8 for -20 contract certificates)
    ``purposes``            the extended key usages we set, and of which a certificate must have all
    """

    name: str
    purpose: str
    domain: str
    key_usage: frozenset[KeyUse]
    required_key_usage: frozenset[KeyUse]
    validity: timedelta
    issuer: "Profile | None"
    ca: bool = False
    path_length: int | None = None
    also_accepted: frozenset[str] = frozenset()
    key_type: KeyType = KeyType.SECP256R1
    max_der: int = MAX_DER_ISO2
    max_chain: int = MAX_CHAIN_ISO2
    ski_bytes: int = 20
    purposes: frozenset[ObjectIdentifier] = frozenset()

    @property
    def root(self) -> "Profile":
        """The profile of the trust anchor above this one; itself for a root."""
        return self if self.issuer is None else self.issuer.root

    def above(self) -> Iterator["Profile"]:
        """Yield the profiles above this one, nearest first, the root last."""
        if self.issuer is not None:
            yield self.issuer
            yield from self.issuer.above()


_CA_USE = frozenset({KeyUse.KEY_CERT_SIGN, KeyUse.CRL_SIGN})
_SIGN = frozenset({KeyUse.DIGITAL_SIGNATURE})
_SIGN_AND_AGREE = frozenset({KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_AGREEMENT})


def _root(name: str, purpose: str, years: int) -> Profile:
    return Profile(
        name=name,
        purpose=purpose,
        domain="V2G",
        key_usage=_CA_USE,
        required_key_usage=frozenset({KeyUse.KEY_CERT_SIGN}),
        validity=years * _YEAR,
        issuer=None,
        ca=True,
    )


def _sub_ca(
    issuer: Profile,
    name: str,
    purpose: str,
    domain: str,
    validity: timedelta,
    *,
    extra_use: frozenset[KeyUse] = frozenset(),
    also_accepted: frozenset[str] = frozenset(),
) -> Profile:
    return Profile(
        name=name,
        purpose=purpose,
        domain=domain,
        also_accepted=also_accepted,
        key_usage=_CA_USE | extra_use,
        required_key_usage=frozenset({KeyUse.KEY_CERT_SIGN}),
        validity=validity,
        issuer=issuer,
        ca=True,
        path_length=1 if issuer.issuer is None else 0,
        max_chain=1 if issuer.issuer is None else 2,
    )


V2G_ROOT = _root("v2g_root", "trust anchor of charging, held by every car", 40)
OEM_ROOT = _root("oem_root", "trust anchor of a car maker", 40)
MO_ROOT = _root("mo_root", "trust anchor of a mobility operator", 40)

# Charger operators in the field have sub-CAs with DC=V2G as well as DC=CPO; both name the same branch.
_CPO_DOMAINS = frozenset({"V2G"})
CPO_SUB_CA1 = _sub_ca(
    V2G_ROOT,
    "cpo_sub_ca1",
    "charge point operators: first level",
    "CPO",
    4 * _YEAR,
    also_accepted=_CPO_DOMAINS,
)
CPO_SUB_CA2 = _sub_ca(
    CPO_SUB_CA1, "cpo_sub_ca2", "issues charger certificates", "CPO", _YEAR, also_accepted=_CPO_DOMAINS
)
CPS_SUB_CA1 = _sub_ca(V2G_ROOT, "cps_sub_ca1", "provisioning services: first level", "CPS", 4 * _YEAR)
CPS_SUB_CA2 = _sub_ca(
    CPS_SUB_CA1, "cps_sub_ca2", "issues provisioning service certificates", "CPS", 2 * _YEAR
)
OEM_SUB_CA1 = _sub_ca(OEM_ROOT, "oem_sub_ca1", "car maker: first level", "OEM", 38 * _YEAR)
OEM_SUB_CA2 = _sub_ca(
    OEM_SUB_CA1, "oem_sub_ca2", "issues provisioning certificates of cars", "OEM", 35 * _YEAR
)
MO_SUB_CA1 = _sub_ca(MO_ROOT, "mo_sub_ca1", "mobility operator: first level", "MO", 4 * _YEAR)
# This one also signs sales tariffs, which needs the two signature bits.
MO_SUB_CA2 = _sub_ca(
    MO_SUB_CA1,
    "mo_sub_ca2",
    "issues contract certificates, signs tariffs",
    "MO",
    4 * _YEAR,
    extra_use=frozenset({KeyUse.DIGITAL_SIGNATURE, KeyUse.NON_REPUDIATION}),
)

SECC_LEAF = Profile(
    name="secc_leaf",
    purpose="TLS server certificate of a charger",
    domain="CPO",
    key_usage=_SIGN_AND_AGREE,
    required_key_usage=_SIGN,
    validity=timedelta(days=60),
    issuer=CPO_SUB_CA2,
)
CPS_LEAF = Profile(
    name="cps_leaf",
    purpose="signs contract bundles for cars",
    domain="CPS",
    key_usage=_SIGN,
    required_key_usage=_SIGN,
    validity=timedelta(days=90),
    issuer=CPS_SUB_CA2,
)
OEM_PROVISIONING = Profile(
    name="oem_provisioning",
    purpose="identity of a car before it has a contract",
    domain="OEM",
    key_usage=_SIGN_AND_AGREE,
    required_key_usage=_SIGN_AND_AGREE,
    validity=30 * _YEAR,
    issuer=OEM_SUB_CA2,
)
CONTRACT = Profile(
    name="contract",
    purpose="a driver's charging contract",
    domain="MO",
    key_usage=_SIGN_AND_AGREE | {KeyUse.NON_REPUDIATION, KeyUse.KEY_ENCIPHERMENT},
    required_key_usage=_SIGN,
    validity=2 * _YEAR,
    issuer=MO_SUB_CA2,
)

PROFILES: tuple[Profile, ...] = (
    V2G_ROOT,
    CPO_SUB_CA1,
    CPO_SUB_CA2,
    SECC_LEAF,
    CPS_SUB_CA1,
    CPS_SUB_CA2,
    CPS_LEAF,
    OEM_ROOT,
    OEM_SUB_CA1,
    OEM_SUB_CA2,
    OEM_PROVISIONING,
    MO_ROOT,
    MO_SUB_CA1,
    MO_SUB_CA2,
    CONTRACT,
)
"""Every profile of ISO 15118-2, each after its issuer; those of -20: :attr:`Edition.profiles`."""


# --- ISO 15118-20 -----------------------------------------------------------------------------------------

_SKI_ISO20_CONTRACT = 8
_SERVER = frozenset({ExtendedKeyUsageOID.SERVER_AUTH})
_CLIENT = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH})


def _iso20(profile: Profile, made: dict[str, Profile], key_type: KeyType) -> Profile:
    """Return what a profile of -2 has become in -20, under the issuer that ``made`` holds."""
    return replace(
        profile,
        issuer=made[profile.issuer.name] if profile.issuer else None,
        key_type=key_type,
        max_der=MAX_DER_ISO20,
        max_chain=profile.max_chain + MAX_CHAIN_ISO20 - MAX_CHAIN_ISO2,
    )


def _iso20_profiles(edition: Edition) -> Mapping[str, Profile]:
    made: dict[str, Profile] = {}
    key_type = edition.key_type
    for profile in PROFILES:
        made[profile.name] = _iso20(profile, made, key_type)
    made["secc_leaf"] = replace(made["secc_leaf"], purposes=_SERVER)
    made["contract"] = replace(made["contract"], ski_bytes=_SKI_ISO20_CONTRACT)
    for level, above in ((1, "v2g_root"), (2, "vehicle_sub_ca1")):
        name = f"vehicle_sub_ca{level}"
        made[name] = replace(
            made[f"oem_sub_ca{level}"],
            name=name,
            purpose="vehicles under the V2G root: first level"
            if level == 1
            else "issues vehicle certificates under the V2G root",
            issuer=made[above],
        )
    vehicle = replace(
        made["oem_provisioning"],
        name="vehicle",
        purpose="TLS client certificate of a car",
        key_usage=_SIGN,
        required_key_usage=_SIGN,
        validity=10 * _YEAR,
        purposes=_CLIENT,
    )
    made["vehicle"] = vehicle
    made["vehicle_v2g"] = replace(
        vehicle, name="vehicle_v2g", purpose=f"{vehicle.purpose}, under the V2G root", issuer=made[name]
    )
    return MappingProxyType(made)


_BY_EDITION: Mapping[Edition, Mapping[str, Profile]] = {
    Edition.ISO2: MappingProxyType({profile.name: profile for profile in PROFILES}),
    Edition.ISO20: _iso20_profiles(Edition.ISO20),
    Edition.ISO20_ED448: _iso20_profiles(Edition.ISO20_ED448),
}
