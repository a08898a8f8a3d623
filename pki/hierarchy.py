"""The certificate hierarchies of a small Plug & Charge world, in memory and as a folder.

Four branches: charge point operator (CPO) and provisioning service (CPS) hang under the V2G root, the car
maker (OEM) and the mobility operator (MO) have roots of their own. Certificates that are made one for each
car or contract are not part of it; :mod:`pki.issuing` issues them under the sub-CAs 2 found here.

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
from pki.entropy import Entropy
from pki.errors import StoreError
from pki.issuing import DEFAULT_ORGANIZATION, Identity, new_identity
from pki.profiles import PROFILES, Profile

DEFAULT_SECC_ID = "DEPNCS0001"


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
)
_BY_NAME = {profile.name: profile for profile in PROFILES}

MEMBERS: Mapping[str, Member] = MappingProxyType(
    {name: Member(_BY_NAME[name], cn, stem, chain) for name, cn, stem, chain in _PLACES}
)
"""The members by name, each after its issuer."""


class Hierarchy(Mapping[str, Identity]):
    """The certificates and keys of all four branches by member name; unchangeable."""

    def __init__(self, identities: Mapping[str, Identity]) -> None:
        missing = [name for name in MEMBERS if name not in identities]
        if missing:
            raise ValueError(f"members are missing: {', '.join(missing)}")
        self._identities = {name: identities[name] for name in MEMBERS}

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
    ) -> "Hierarchy":
        """Make new keys and certificates for every member, valid from ``now``.

        ``organization`` becomes the O of every subject and ``secc_id`` the common name of the charger.
        Raises ValueError for names that X.509 cannot hold, and CertificateError ``TOO_LARGE`` when they
        would make certificates that no message can carry.
        """
        made: dict[str, Identity] = {}
        for name, member in MEMBERS.items():
            made[name] = new_identity(
                member.profile,
                common_name=secc_id if name == "secc_leaf" else member.common_name,
                issuer=made[member.parent] if member.parent else None,
                now=now,
                entropy=entropy,
                organization=organization,
            )
        return cls(made)

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> "Hierarchy":
        """Read a folder that :meth:`save` wrote.

        A member whose key file is absent is loaded without key, as a party has it that does not own it.
        Raises :class:`StoreError` naming the file that is missing, unreadable or does not fit its
        certificate.
        """
        place = Path(directory)
        if not place.is_dir():
            raise StoreError(place, "no such folder; `pnclab pki init` makes one")
        identities = {}
        for name, member in MEMBERS.items():
            certificate = store.read_certificate(place / f"{member.stem}.pem")
            key_file = place / f"{member.stem}.key"
            key = store.read_key(key_file) if key_file.exists() else None
            if key is not None and key.public_key() != certificate.public_key():
                raise StoreError(key_file, f"this key does not belong to {member.stem}.pem")
            identities[name] = Identity(name, certificate, key)
        return cls(identities)

    def save(self, directory: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write everything below ``directory``: certificates as PEM and DER, keys as PEM with mode 0600.

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
                self._write_into(draft)
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
            step = MEMBERS[step].parent

    def _is_root(self, name: str) -> bool:
        return MEMBERS[name].parent is None

    def _write_into(self, place: Path) -> None:
        for name, member in MEMBERS.items():
            identity = self[name]
            stem = place / member.stem
            stem.parent.mkdir(exist_ok=True)
            store.write_certificates(stem.with_suffix(".pem"), [identity.certificate])
            store.write_der(stem.with_suffix(".der"), identity.certificate)
            if identity.key is not None:
                store.write_key(stem.with_suffix(".key"), identity.key)
            if member.chain_file is not None:
                store.write_certificates(place / member.chain_file, self.chain(name))


def _known_files() -> set[str]:
    stems = {f"{member.stem}{suffix}" for member in MEMBERS.values() for suffix in (".pem", ".der", ".key")}
    return stems | {member.chain_file for member in MEMBERS.values() if member.chain_file}


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
