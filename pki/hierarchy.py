"""The certificate hierarchies of a small Plug & Charge world, in memory and as a folder.

Four branches: charge point operator (CPO) and provisioning service (CPS) hang under the V2G root, the car
maker (OEM) and the mobility operator (MO) have roots of their own. Certificates that are made one for each
car or contract are not part of it; :mod:`pki.issuing` issues them under the sub-CAs 2 found here.

Each edition has a hierarchy of its own. That of ISO 15118-20 stands in the folder ``iso20`` inside the one of
-2, and has two more sub-CAs, ``oem/vehicle_sub_ca1`` and ``2``, which issue vehicle certificates under the V2G
root for car makers whose own root no charger knows.

The folder holds for every member ``<branch>/<name>.pem``, ``.der`` and ``.key`` and, for the two leaves,
``<branch>/<chain>.pem`` with leaf, sub-CA 2 and sub-CA 1 as a TLS server wants them.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from cryptography import x509

from pki import store
from pki.chain import key_name
from pki.entropy import Entropy
from pki.errors import StoreError
from pki.issuing import DEFAULT_ORGANIZATION, Identity, new_identity
from pki.profiles import Edition, Profile

__all__ = ["DEFAULT_SECC_ID", "ISO20_FOLDER", "MEMBERS", "Hierarchy", "Member", "init_folder", "members_of"]

DEFAULT_SECC_ID = "DEPNCS0001"
ISO20_FOLDER = "iso20"
"""The folder of the -20 hierarchy inside that of -2."""


@dataclass(frozen=True, slots=True)
class Member:
    """One certificate of the hierarchy: its profile, common name, and place in the folder."""

    profile: Profile
    common_name: str
    stem: str
    chain_file: str | None = None

    @property
    def parent(self) -> str | None:
        """The name of the issuing member; None for a root."""
        return None if self.profile.issuer is None else self.profile.issuer.name


_PLACES: tuple[tuple[str, str, str, str | None], ...] = (
    ("v2g_root", "V2G Root CA", "v2g/root", None),
    ("cpo_sub_ca1", "CPO Sub-CA 1", "cpo/sub_ca1", None),
    ("cpo_sub_ca2", "CPO Sub-CA 2", "cpo/sub_ca2", None),
    ("secc_leaf", DEFAULT_SECC_ID, "cpo/secc_leaf", "cpo/secc_chain.pem"),
    ("cps_sub_ca1", "CPS Sub-CA 1", "cps/sub_ca1", None),
    ("cps_sub_ca2", "CPS Sub-CA 2", "cps/sub_ca2", None),
    ("cps_leaf", "CPS Leaf", "cps/cps_leaf", "cps/cps_chain.pem"),
    ("oem_root", "OEM Root CA", "oem/root", None),
    ("oem_sub_ca1", "OEM Sub-CA 1", "oem/sub_ca1", None),
    ("oem_sub_ca2", "OEM Sub-CA 2", "oem/sub_ca2", None),
    ("mo_root", "MO Root CA", "mo/root", None),
    ("mo_sub_ca1", "MO Sub-CA 1", "mo/sub_ca1", None),
    ("mo_sub_ca2", "MO Sub-CA 2", "mo/sub_ca2", None),
    ("vehicle_sub_ca1", "Vehicle Sub-CA 1", "oem/vehicle_sub_ca1", None),
    ("vehicle_sub_ca2", "Vehicle Sub-CA 2", "oem/vehicle_sub_ca2", None),
)


def _members(edition: Edition) -> Mapping[str, Member]:
    profiles = edition.profiles
    return MappingProxyType(
        {
            name: Member(profiles[name], cn, stem, chain)
            for name, cn, stem, chain in _PLACES
            if name in profiles
        }
    )


_MEMBERS = {edition: _members(edition) for edition in Edition}

MEMBERS: Mapping[str, Member] = _MEMBERS[Edition.ISO2]
"""The members of a hierarchy of ISO 15118-2 by name, each after its issuer."""


def members_of(edition: Edition) -> Mapping[str, Member]:
    """Return the members of a hierarchy by name, each after its issuer."""
    return _MEMBERS[edition]


class Hierarchy(Mapping[str, Identity]):
    """The certificates and keys of all branches of one edition by member name; unchangeable."""

    def __init__(self, identities: Mapping[str, Identity], edition: Edition = Edition.ISO2) -> None:
        members = members_of(edition)
        missing = [name for name in members if name not in identities]
        if missing:
            raise ValueError(f"members are missing: {', '.join(missing)}")
        self.edition = edition
        self.members = members
        self._identities = {name: identities[name] for name in members}

    def __getitem__(self, name: str) -> Identity:
        return self._identities[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._identities)

    def __len__(self) -> int:
        return len(self._identities)

    @classmethod
    def create(
        cls,
        *,
        now: datetime,
        entropy: Entropy,
        organization: str = DEFAULT_ORGANIZATION,
        secc_id: str = DEFAULT_SECC_ID,
        edition: Edition = Edition.ISO2,
    ) -> "Hierarchy":
        """Make new keys and certificates for every member, valid from ``now``.

        ``edition`` says which profiles hold. ``organization`` becomes the O of every subject and ``secc_id`` the common name of the charger.
        Raises ValueError for names that X.509 cannot hold, and CertificateError ``TOO_LARGE`` when they
        would make certificates that no message can carry.
        """
        made: dict[str, Identity] = {}
        for name, member in members_of(edition).items():
            made[name] = new_identity(
                member.profile,
                common_name=secc_id if name == "secc_leaf" else member.common_name,
                issuer=made[member.parent] if member.parent else None,
                now=now,
                entropy=entropy,
                organization=organization,
            )
        return cls(made, edition)

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> "Hierarchy":
        """Read a folder that :meth:`save` wrote; the key of the V2G root tells which edition it is.

        A member whose key file is absent is loaded without key, as a party has it that does not own it.
        Raises :class:`StoreError` naming the file that is missing, unreadable or does not fit its
        certificate.
        """
        place = Path(directory)
        if not place.is_dir():
            raise StoreError(place, "no such folder; `pnclab pki init` makes one")
        edition = _edition_in(place)
        identities = {}
        for name, member in members_of(edition).items():
            certificate = store.read_certificate(place / f"{member.stem}.pem")
            key_file = place / f"{member.stem}.key"
            key = store.read_any_key(key_file) if key_file.exists() else None
            if key is not None and key.public_key() != certificate.public_key():
                raise StoreError(key_file, f"this key does not belong to {member.stem}.pem")
            identities[name] = Identity(name, certificate, key)
        return cls(identities, edition)

    def save(
        self,
        directory: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        iso20: "Hierarchy | None" = None,
    ) -> None:
        """Write everything below ``directory``: certificates as PEM and DER, keys as PEM with mode 0600.

        ``iso20`` is a second hierarchy that goes into the folder ``iso20`` inside.

        The folder appears complete or not at all. One that exists and is not empty is refused unless
        ``overwrite``, and even then if it holds anything that this method did not write. While it is
        replaced, the old folder stands beside it as ``.<name>.<random>.old``, and is left there should
        the process be killed. Raises :class:`StoreError`.
        """
        target = Path(directory).absolute()
        _check_target(target, overwrite=overwrite)
        token = secrets.token_hex(4)
        draft = target.with_name(f".{target.name}.{token}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.mkdir(mode=0o755)
            try:
                _write(self, draft)
                if iso20 is not None:
                    (draft / ISO20_FOLDER).mkdir()
                    _write(iso20, draft / ISO20_FOLDER)
                store.make_durable(draft)
                _put_in_place(draft, target, target.with_name(f".{target.name}.{token}.old"))
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            raise StoreError(target, f"cannot be written: {error.strerror or error}") from error

    def chain(self, name: str) -> list[x509.Certificate]:
        """Return the certificates from ``name`` up to the one below the root, in the order of the wire."""
        return [identity.certificate for identity in self._path(name) if not self._is_root(identity.name)]

    def root_of(self, name: str) -> Identity:
        """Return the root above ``name``."""
        *_, root = self._path(name)
        return root

    def _path(self, name: str) -> Iterator[Identity]:
        step: str | None = name
        while step is not None:
            yield self[step]
            step = self.members[step].parent

    def _is_root(self, name: str) -> bool:
        return self.members[name].parent is None


def _write(hierarchy: Hierarchy, place: Path) -> None:
    for name, member in hierarchy.members.items():
        identity = hierarchy[name]
        stem = place / member.stem
        stem.parent.mkdir(exist_ok=True)
        store.write_certificates(stem.with_suffix(".pem"), [identity.certificate], durable=False)
        store.write_der(stem.with_suffix(".der"), identity.certificate, durable=False)
        if identity.key is not None:
            store.write_key(stem.with_suffix(".key"), identity.key, durable=False)
        if member.chain_file is not None:
            store.write_certificates(place / member.chain_file, hierarchy.chain(name), durable=False)


def init_folder(
    directory: str | os.PathLike[str],
    *,
    now: datetime,
    entropy: Entropy,
    organization: str = DEFAULT_ORGANIZATION,
    secc_id: str = DEFAULT_SECC_ID,
    iso20: Edition = Edition.ISO20,
    overwrite: bool = False,
) -> tuple[Hierarchy, Hierarchy]:
    """Make the folder of a whole world: the hierarchy of -2 and, inside, that of -20, which are returned.

    Raises what :meth:`Hierarchy.create` and :meth:`Hierarchy.save` raise.
    """
    first, second = (
        Hierarchy.create(
            now=now, entropy=entropy, organization=organization, secc_id=secc_id, edition=edition
        )
        for edition in (Edition.ISO2, iso20)
    )
    first.save(directory, overwrite=overwrite, iso20=second)
    return first, second


def _edition_in(place: Path) -> Edition:
    file = place / f"{MEMBERS['v2g_root'].stem}.pem"
    found = key_name(store.read_certificate(file))
    edition = next((edition for edition in Edition if edition.key_type == found), None)
    if edition is None:
        known = ", ".join(edition.key_type for edition in Edition)
        raise StoreError(file, f"a root with a {found} key belongs to no edition ({known})")
    return edition


def _known_files() -> set[str]:
    known: set[str] = set()
    for edition in Edition:
        for member in members_of(edition).values():
            known |= {f"{member.stem}{suffix}" for suffix in (".pem", ".der", ".key")}
            known |= {member.chain_file} if member.chain_file else set()
    return known | {f"{ISO20_FOLDER}/{file}" for file in known}


def _check_target(target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise StoreError(target, "exists and is not a folder")
    held = {str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir()}
    if held and not overwrite:
        raise StoreError(target, "the folder is not empty, and keys in it would be lost")
    if strange := sorted(held - _known_files()):
        raise StoreError(target / strange[0], "not part of a certificate folder; not replacing what holds it")


def _put_in_place(draft: Path, target: Path, old: Path) -> None:
    if target.exists():
        target.rename(old)
    try:
        draft.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
