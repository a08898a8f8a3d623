"""Certificate chains with exactly one fault each, for tests and experiments.

Every :class:`Defect` names the rule that must catch it, says in words what is wrong, and makes such a
chain under a given hierarchy: correct in everything else, with real keys and real signatures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki.entropy import Entropy
from pki.errors import Rule
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, draft
from pki.keys import KeyType, PrivateKey, SigningKey, new_key, new_signing_key
from pki.profiles import KeyUse, Profile

_DAY = timedelta(days=1)
# An arc for examples [RFC 5612]; nobody can understand what is written under it.
_PRIVATE_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1")


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf with its key, the sub-CA certificates as a message would carry them, and the trusted root."""

    leaf: Identity
    intermediates: tuple[x509.Certificate, ...]
    root: x509.Certificate


@dataclass(frozen=True, slots=True)
class Bench:
    """What a defect is made from: a hierarchy with keys, and what the leaf would be without the defect."""

    hierarchy: Hierarchy
    profile: Profile
    common_name: str
    now: datetime
    entropy: Entropy

    @property
    def sub_cas(self) -> list[Identity]:
        """The sub-CAs above the leaf, nearest first."""
        return [self.hierarchy[above.name] for above in self.profile.above() if above.issuer is not None]

    @property
    def root(self) -> Identity:
        """The trusted root."""
        return self.hierarchy[self.profile.root.name]


@dataclass(frozen=True, slots=True)
class Defect:
    """One way in which a chain can be wrong. ``make`` builds such a chain.

    ``concerns`` says for which kinds of leaf there can be such a chain.
    """

    name: str
    rule: Rule
    description: str
    make: Callable[[Bench], Chain]
    concerns: Callable[[Profile], bool] = lambda _: True


def sound_chain(bench: Bench) -> Chain:
    """Return a chain without any fault, to compare with."""
    return _build(bench)


def _build(
    bench: Bench,
    *,
    leaf: Mapping[str, Any] | None = None,
    sub_ca2: Mapping[str, Any] | None = None,
    sub_ca1: Mapping[str, Any] | None = None,
    leaf_key: PrivateKey | None = None,
    leaf_signer: SigningKey | None = None,
) -> Chain:
    """Make the chain with some fields of some drafts changed.

    Sub-CAs keep their keys; their certificates are made anew from the highest changed one downwards.
    """
    issuer, remade = bench.root, False
    made: list[x509.Certificate] = []
    for identity, changes in zip(reversed(bench.sub_cas), (sub_ca1, sub_ca2), strict=True):
        remade = remade or changes is not None
        if remade:
            member = bench.hierarchy.members[identity.name]
            plan = draft(
                member.profile,
                common_name=member.common_name,
                public_key=identity.signer().public_key(),
                issuer=issuer,
                now=bench.now,
                entropy=bench.entropy,
            )
            certificate = replace(plan, **(changes or {})).sign(issuer.signer())
            issuer = Identity(identity.name, certificate, identity.key)
        else:
            issuer = identity
        made.insert(0, issuer.certificate)
    key = leaf_key or new_key(bench.profile.key_type, bench.entropy)
    plan = draft(
        bench.profile,
        common_name=bench.common_name,
        public_key=key.public_key(),
        issuer=issuer,
        now=bench.now,
        entropy=bench.entropy,
    )
    certificate = replace(plan, **(leaf or {})).sign(leaf_signer or issuer.signer())
    return Chain(Identity(bench.profile.name, certificate, key), tuple(made), bench.root.certificate)


def _subject(common_name: str, domain: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PnC Lab"),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain),
        ]
    )


def _other_domain(bench: Bench) -> str:
    return "MO" if bench.profile.domain != "MO" else "OEM"


def _extension(size: int, *, critical: bool) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return (
        (
            x509.UnrecognizedExtension(
                _PRIVATE_EXTENSION, b"\x04\x82" + size.to_bytes(2, "big") + bytes(size)
            ),
            critical,
        ),
    )


def _expired(bench: Bench) -> Chain:
    return _build(bench, leaf={"not_before": bench.now - 2 * _DAY, "not_after": bench.now - _DAY})


def _not_yet_valid(bench: Bench) -> Chain:
    return _build(bench, leaf={"not_before": bench.now + _DAY, "not_after": bench.now + 2 * _DAY})


def _wrong_domain(bench: Bench) -> Chain:
    return _build(bench, leaf={"subject": _subject(bench.common_name, _other_domain(bench))})


def _wrong_key_usage(bench: Bench) -> Chain:
    return _build(bench, leaf={"key_usage": frozenset({KeyUse.KEY_ENCIPHERMENT})})


def _leaf_is_ca(bench: Bench) -> Chain:
    return _build(bench, leaf={"ca": True, "key_usage": bench.profile.key_usage | {KeyUse.KEY_CERT_SIGN}})


def _wrong_signature(bench: Bench) -> Chain:
    return _build(bench, leaf_signer=new_signing_key(bench.hierarchy.edition.key_type, bench.entropy))


def _wrong_curve(bench: Bench) -> Chain:
    return _build(bench, leaf_key=bench.entropy.ec_key(ec.SECP384R1()))


def _wrong_algorithm(bench: Bench) -> Chain:
    return _build(bench, leaf={"signature_hash": hashes.SHA384()})


def _no_purpose(bench: Bench) -> Chain:
    return _build(bench, leaf={"extensions": ()})


def _wrong_purpose(bench: Bench) -> Chain:
    other = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH} - bench.profile.purposes
    return _build(bench, leaf={"extensions": ((x509.ExtendedKeyUsage(sorted(other, key=str)), False),)})


def _has_purposes(profile: Profile) -> bool:
    return bool(profile.purposes)


def _hashes(profile: Profile) -> bool:
    """Say whether what signs the leaf signs a hash; Ed448 does that by itself."""
    return profile.root.key_type is not KeyType.ED448


def _too_large(bench: Bench) -> Chain:
    return _build(bench, leaf={"extensions": _extension(bench.profile.max_der, critical=False)})


def _unknown_critical_extension(bench: Bench) -> Chain:
    return _build(bench, leaf={"extensions": _extension(1, critical=True)})


def _foreign_root(bench: Bench) -> Chain:
    stranger = Hierarchy.create(now=bench.now, entropy=bench.entropy, edition=bench.hierarchy.edition)
    foreign = _build(replace(bench, hierarchy=stranger))
    return replace(foreign, root=bench.root.certificate)


def _swapped_sub_cas(bench: Bench) -> Chain:
    sound = _build(bench)
    return replace(sound, intermediates=tuple(reversed(sound.intermediates)))


def _missing_sub_ca(bench: Bench) -> Chain:
    sound = _build(bench)
    return replace(sound, intermediates=sound.intermediates[:-1])


def _foreign_sub_ca(bench: Bench) -> Chain:
    stranger = Hierarchy.create(now=bench.now, entropy=bench.entropy, edition=bench.hierarchy.edition)
    sound = _build(bench)
    foreign = stranger[bench.sub_cas[0].name].certificate
    return replace(sound, intermediates=(foreign, *sound.intermediates[1:]))


def _root_on_the_wire(bench: Bench) -> Chain:
    # With one sub-CA, so that the chain is not too long as well.
    below_root = _one_level(bench)
    return replace(below_root, intermediates=(*below_root.intermediates, below_root.root))


def _chain_too_long(bench: Bench) -> Chain:
    sound = _build(bench)
    surplus = (sound.root,) * (bench.profile.max_chain - 1 - len(sound.intermediates) + 1)
    return replace(sound, intermediates=(*sound.intermediates, *surplus))


def _stray_certificate(bench: Bench) -> Chain:
    below_root = _one_level(bench)
    return replace(below_root, intermediates=(*below_root.intermediates, bench.sub_cas[0].certificate))


def _one_level(bench: Bench) -> Chain:
    """Return a leaf right under sub-CA 1, which is allowed."""
    authority = bench.sub_cas[-1]
    key = new_key(bench.profile.key_type, bench.entropy)
    plan = draft(
        bench.profile,
        common_name=bench.common_name,
        public_key=key.public_key(),
        issuer=authority,
        now=bench.now,
        entropy=bench.entropy,
    )
    certificate = plan.sign(authority.signer())
    return Chain(
        Identity(bench.profile.name, certificate, key), (authority.certificate,), bench.root.certificate
    )


def _sub_ca_expired(bench: Bench) -> Chain:
    ended = {"not_before": bench.now - 2 * _DAY, "not_after": bench.now - _DAY}
    return _build(bench, sub_ca2=ended, leaf={"not_after": bench.now + _DAY})


def _sub_ca_wrong_domain(bench: Bench) -> Chain:
    name = bench.hierarchy.members[bench.sub_cas[0].name].common_name
    return _build(bench, sub_ca2={"subject": _subject(name, _other_domain(bench))})


def _sub_ca_not_a_ca(bench: Bench) -> Chain:
    return _build(bench, sub_ca2={"ca": False, "path_length": None})


def _sub_ca_wrong_key_usage(bench: Bench) -> Chain:
    return _build(bench, sub_ca2={"key_usage": frozenset({KeyUse.DIGITAL_SIGNATURE})})


def _path_length(bench: Bench) -> Chain:
    return _build(bench, sub_ca1={"path_length": 0})


DEFECTS: Sequence[Defect] = (
    Defect("expired", Rule.EXPIRED, "the leaf ended yesterday", _expired),
    Defect("not_yet_valid", Rule.NOT_YET_VALID, "the leaf begins tomorrow", _not_yet_valid),
    Defect(
        "wrong_domain",
        Rule.WRONG_DOMAIN,
        "the leaf has the domain component of another branch",
        _wrong_domain,
    ),
    Defect("wrong_key_usage", Rule.WRONG_KEY_USAGE, "the leaf's key may not sign", _wrong_key_usage),
    Defect("leaf_is_ca", Rule.LEAF_IS_CA, "the leaf is marked as a CA", _leaf_is_ca),
    Defect(
        "wrong_signature", Rule.BAD_SIGNATURE, "the leaf is signed with a stranger's key", _wrong_signature
    ),
    Defect("wrong_curve", Rule.WRONG_KEY_TYPE, "the leaf's key is on secp384r1", _wrong_curve),
    Defect(
        "wrong_algorithm",
        Rule.WRONG_ALGORITHM,
        "the leaf is signed with SHA-384",
        _wrong_algorithm,
        _hashes,
    ),
    Defect(
        "no_extended_key_usage",
        Rule.WRONG_EXTENDED_KEY_USAGE,
        "the leaf has no extended key usage",
        _no_purpose,
        _has_purposes,
    ),
    Defect(
        "wrong_extended_key_usage",
        Rule.WRONG_EXTENDED_KEY_USAGE,
        "the leaf is for the other side of TLS",
        _wrong_purpose,
        _has_purposes,
    ),
    Defect("too_large", Rule.TOO_LARGE, "the leaf is too large for a message", _too_large),
    Defect(
        "unknown_critical_extension",
        Rule.UNKNOWN_CRITICAL_EXTENSION,
        "the leaf has a critical extension that nobody understands",
        _unknown_critical_extension,
    ),
    Defect(
        "foreign_root",
        Rule.UNKNOWN_ISSUER,
        "a chain with the right names under a stranger's root",
        _foreign_root,
    ),
    Defect(
        "foreign_sub_ca", Rule.UNKNOWN_ISSUER, "sub-CA 2 has the right name and another key", _foreign_sub_ca
    ),
    Defect("missing_sub_ca", Rule.UNKNOWN_ISSUER, "sub-CA 1 is not sent", _missing_sub_ca),
    Defect("swapped_sub_cas", Rule.WRONG_ORDER, "sub-CA 1 stands before sub-CA 2", _swapped_sub_cas),
    Defect(
        "root_on_the_wire",
        Rule.UNEXPECTED_CERTIFICATE,
        "the root is sent among the sub-CAs",
        _root_on_the_wire,
    ),
    Defect(
        "stray_certificate",
        Rule.UNEXPECTED_CERTIFICATE,
        "a certificate is sent that signed nothing",
        _stray_certificate,
    ),
    Defect(
        "chain_too_long",
        Rule.CHAIN_TOO_LONG,
        "more certificates are sent than a chain may have",
        _chain_too_long,
    ),
    Defect("sub_ca_expired", Rule.EXPIRED, "sub-CA 2 ended yesterday", _sub_ca_expired),
    Defect(
        "sub_ca_wrong_domain", Rule.WRONG_DOMAIN, "sub-CA 2 belongs to another branch", _sub_ca_wrong_domain
    ),
    Defect("sub_ca_not_a_ca", Rule.NOT_A_CA, "sub-CA 2 is not marked as a CA", _sub_ca_not_a_ca),
    Defect(
        "sub_ca_wrong_key_usage",
        Rule.WRONG_KEY_USAGE,
        "sub-CA 2 may not sign certificates",
        _sub_ca_wrong_key_usage,
    ),
    Defect("path_length", Rule.PATH_LENGTH, "sub-CA 1 allows no CA below it", _path_length),
)
"""Every defect, by what is wrong."""


def defect(name: str) -> Defect:
    """Return the defect of that name; raises KeyError."""
    for entry in DEFECTS:
        if entry.name == name:
            return entry
    raise KeyError(name)


def with_leaf(hierarchy: Hierarchy, chain: Chain) -> Hierarchy:
    """Return ``hierarchy`` with ``chain.leaf`` and its sub-CAs in place of its own.

    For a charger or provisioning service that presents a defective chain. What lies in the order or the
    number of the certificates is lost: a hierarchy has each member once, in its place.
    """
    members = dict(hierarchy)
    members[chain.leaf.name] = chain.leaf
    for certificate in chain.intermediates:
        for above in hierarchy.members[chain.leaf.name].profile.above():
            mine = hierarchy[above.name]
            if certificate.public_key() == mine.certificate.public_key():
                members[above.name] = Identity(above.name, certificate, mine.key)
    return Hierarchy(members, hierarchy.edition)
