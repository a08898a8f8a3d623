"""The contracts that a car owns: up to five, one of them chosen, whole whatever happens.

A car that speaks ISO 15118-2 and ISO 15118-20 has a store for each, because the certificates differ.

One folder holds one PEM file per contract (private key, contract certificate, sub-CA certificates; for
the owner's eyes only) and ``store.json``, which lists the contracts with their SHA-256 and names the
chosen one. There is one contract per eMAID. A contract file carries its hash in its name and never
changes; what counts is the list, and every change is one atomic replacement of it:

1. the new contract file is written under its own name and flushed,
2. ``store.json`` is replaced, which is the moment of change,
3. files that are no longer listed are removed.

A process that dies before step 2 leaves the old state and a file that nobody lists, after it the new
state; opening the store removes what is not listed. ``store.json`` is there before the first contract
is, so a missing list beside contract files is damage, not a new store.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from evcc.errors import (
    ContractNotFoundError,
    ContractStoreDamagedError,
    ContractStoreError,
    ContractStoreFullError,
)
from evcc.files import TEMPORARY_SUFFIX, exclusive, replace_file
from pki.errors import CertificateError
from pki.keys import SigningKey
from pki.names import common_name

MAX_CONTRACTS = 5
LIST_NAME = "store.json"
DAMAGED_FOLDER = "damaged"

_LOCK_NAME = ".lock"
_SUFFIX = ".pem"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Contract:
    """A charging contract with its private key.

    ``emaid`` is normalised (no separators, upper case); ``sub_certificates`` are those of the mobility
    operator in wire order, the issuer of ``certificate`` first.
    """

    emaid: str
    certificate: x509.Certificate
    sub_certificates: tuple[x509.Certificate, ...]
    key: SigningKey

    @property
    def valid_until(self) -> datetime:
        """The end of the certificate's validity."""
        return self.certificate.not_valid_after_utc

    @property
    def ecdsa_key(self) -> ec.EllipticCurvePrivateKey:
        """The private key where it can only be one of ECDSA, as in ISO 15118-2; else ValueError."""
        if not isinstance(self.key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"the key of {self.emaid} is none of ECDSA")  # noqa: TRY004 - data, not a type
        return self.key

    def usable(self, now: datetime, margin: timedelta = timedelta()) -> bool:
        """Whether the certificate is valid at ``now`` and still will be after ``margin``."""
        return self.certificate.not_valid_before_utc <= now and now + margin <= self.valid_until

    def to_pem(self) -> bytes:
        """Return key, certificate and sub-CA certificates, one after the other."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = (self.certificate, *self.sub_certificates)
        return key + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)

    @classmethod
    def from_pem(cls, data: bytes) -> "Contract":
        """Read what :meth:`to_pem` wrote; raises ValueError saying what does not fit."""
        certificate, *sub_certificates = x509.load_pem_x509_certificates(data)
        key = load_pem_private_key(data, password=None)
        if not isinstance(key, SigningKey):
            raise ValueError("the private key cannot sign")  # noqa: TRY004 - data, not a type
        if key.public_key() != certificate.public_key():
            raise ValueError("the private key does not belong to the certificate")
        try:
            emaid = emaid_of(certificate)
        except CertificateError as error:
            raise ValueError(str(error)) from error
        return cls(emaid, certificate, tuple(sub_certificates), key)

    def __repr__(self) -> str:
        """Return the eMAID: never the key."""
        return f"<Contract {self.emaid}>"


def emaid_of(certificate: x509.Certificate) -> str:
    """Return the eMAID in the subject of a contract certificate, normalised.

    Raises :class:`pki.errors.CertificateError` when the subject has no common name, or several.
    """
    return common_name(certificate).replace("-", "").upper()


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of delivered contracts: those stored, those that had no room, and those they replaced."""

    stored: tuple[Contract, ...]
    refused: tuple[Contract, ...]
    replaced: tuple[Contract, ...]


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One line of the list: a contract's eMAID and the SHA-256 of its file in hex."""

    emaid: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.emaid}-{self.sha256[:16]}{_SUFFIX}"


class _List(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The content of ``store.json``; contracts in the order of their installation."""

    format: int
    chosen: str | None
    contracts: tuple[_Entry, ...]


_EMPTY = _List(_FORMAT, None, ())


class ContractStore:
    """The contracts in one folder. Open it with :meth:`open`; a non-empty store always has one chosen."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._list = _EMPTY
        self._contracts: dict[str, Contract] = {}

    @classmethod
    def open(cls, directory: Path) -> "ContractStore":
        """Open or create the store in ``directory`` and remove what an interrupted change left behind.

        Raises :class:`ContractStoreDamagedError` naming the file when something is damaged; nothing is
        changed then, so that nothing is lost. :class:`ContractStoreError` when the disk refuses.
        """
        store = cls(directory)
        with _named_errors(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(store._lock):
                store._load()
                store._remove_unlisted()
        return store

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Every contract, the one installed last at the end."""
        return tuple(self._contracts[entry.emaid] for entry in self._list.contracts)

    @property
    def chosen(self) -> Contract | None:
        """The contract to charge with; None when the store is empty."""
        return None if self._list.chosen is None else self._contracts[self._list.chosen]

    def install(
        self, contract: Contract, now: datetime, margin: timedelta = timedelta()
    ) -> tuple[Contract, ...]:
        """Store ``contract``, choose it, and return the contracts that it replaced.

        A contract with the same eMAID is replaced. When all five places are taken, the one that expired
        first gives way, counting those that end within ``margin`` as expired. Raises
        :class:`ContractStoreFullError` when all are still good, :class:`ContractStoreError` when the
        disk refuses; the store is then what it was.
        """
        return self.install_all((contract,), now, margin).replaced

    def install_all(
        self, contracts: Sequence[Contract], now: datetime, margin: timedelta = timedelta()
    ) -> Installed:
        """Store several contracts in one change, and choose the first that is stored.

        Each is treated as :meth:`install` does it; those for which no place is left are returned as
        refused. Raises :class:`ContractStoreFullError` when none has a place; otherwise as :meth:`install`.
        """
        delivered = {contract.emaid: contract for contract in contracts}
        with self._changing():
            kept = [old for old in self.contracts if old.emaid not in delivered]
            replaced = [old for old in self.contracts if old.emaid in delivered]
            stored: list[Contract] = []
            renewed = {old.emaid for old in replaced}
            room = MAX_CONTRACTS - len(kept) - len(renewed)
            for contract in delivered.values():
                if contract.emaid in renewed:
                    pass
                elif room > 0:
                    room -= 1
                elif (gone := _expired_first(kept, now + margin)) is not None:
                    kept.remove(gone)
                    replaced.append(gone)
                else:
                    continue
                stored.append(contract)
            if not stored:
                raise ContractStoreFullError(
                    self.directory, f"{MAX_CONTRACTS} contracts are stored and none of them has expired"
                )
            emaids = {old.emaid for old in kept}
            entries = [entry for entry in self._list.contracts if entry.emaid in emaids]
            entries += [self._write_contract(contract) for contract in stored]
            self._commit(_List(_FORMAT, stored[0].emaid, tuple(entries)))
        names = {contract.emaid for contract in stored}
        refused = [contract for contract in delivered.values() if contract.emaid not in names]
        return Installed(tuple(stored), tuple(refused), tuple(replaced))

    def choose(self, emaid: str) -> Contract:
        """Choose the contract of ``emaid``; raises :class:`ContractNotFoundError`."""
        with self._changing():
            contract = self._find(emaid)
            self._commit(_List(_FORMAT, contract.emaid, self._list.contracts))
        return contract

    def remove(self, emaid: str) -> Contract:
        """Remove the contract of ``emaid`` and return it.

        If it was the chosen one, the one installed last is chosen. Raises :class:`ContractNotFoundError`.
        """
        with self._changing():
            contract = self._find(emaid)
            kept = tuple(old for old in self._list.contracts if old.emaid != contract.emaid)
            chosen = self._list.chosen
            if chosen == contract.emaid:
                chosen = kept[-1].emaid if kept else None
            self._commit(_List(_FORMAT, chosen, kept))
        return contract

    @classmethod
    def repair(cls, directory: Path) -> list[Path]:
        """Make a damaged store open again and return the files that were set aside.

        Files that cannot be used move to the folder ``damaged`` beside them; nothing is deleted. When the
        list itself is unusable it is made anew from the contract files, the latest issued for each eMAID.
        Raises :class:`ContractStoreError` when the disk refuses.
        """
        store = cls(directory)
        with _named_errors(directory), exclusive(store._lock):
            try:
                listed = store._read_list()
            except ContractStoreDamagedError:
                listed = None
            if listed is None:
                entries = store._latest_found()
                aside = set(directory.glob(f"*{_SUFFIX}")) | {store._list_file}
                aside -= {directory / entry.file_name for entry in entries}
                chosen = None
            else:
                entries = [entry for entry in listed.contracts if store._readable(entry)]
                aside = {directory / entry.file_name for entry in {*listed.contracts} - {*entries}}
                chosen = listed.chosen
            if chosen not in [entry.emaid for entry in entries]:
                chosen = entries[-1].emaid if entries else None
            moved = [_set_aside(path) for path in sorted(aside) if path.exists()]
            store._commit(_List(_FORMAT, chosen, tuple(entries)))
        return moved

    def _latest_found(self) -> list[_Entry]:
        """Return the readable contract files as if listed: one for each eMAID, at most five, latest last."""
        found: list[tuple[datetime, _Entry]] = []
        for path in self.directory.glob(f"*{_SUFFIX}"):
            entry = _Entry(path.stem.partition("-")[0], hashlib.sha256(path.read_bytes()).hexdigest())
            if entry.file_name == path.name and self._readable(entry):
                found.append((self._read_contract(entry).valid_until, entry))
        found.sort(key=lambda item: item[0])
        latest = {entry.emaid: entry for _, entry in found}
        return [entry for _, entry in found if latest[entry.emaid] is entry][-MAX_CONTRACTS:]

    def _readable(self, entry: _Entry) -> bool:
        try:
            self._read_contract(entry)
        except ContractStoreDamagedError:
            return False
        return True

    @property
    def _lock(self) -> Path:
        return self.directory / _LOCK_NAME

    @property
    def _list_file(self) -> Path:
        return self.directory / LIST_NAME

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock, look again at what another process may have changed, and name what fails."""
        with _named_errors(self.directory), exclusive(self._lock):
            self._load()
            try:
                yield
            except OSError:
                self._load()
                self._tidy()
                raise

    def _find(self, emaid: str) -> Contract:
        contract = self._contracts.get(emaid.replace("-", "").upper())
        if contract is None:
            raise ContractNotFoundError(self.directory, f"no contract {emaid!r} is stored")
        return contract

    def _load(self) -> None:
        """Read the list and every contract on it; the list is created when the folder is new."""
        listed = self._read_list()
        if listed is None:
            strays = sorted(self.directory.glob(f"*{_SUFFIX}"))
            if strays:
                raise ContractStoreDamagedError(
                    self._list_file, f"the list of contracts is missing, but {strays[0].name} is there"
                )
            listed = _EMPTY
            self._write_list(listed)
        self._contracts = {entry.emaid: self._read_contract(entry) for entry in listed.contracts}
        self._list = listed

    def _read_list(self) -> _List | None:
        """Return the list if it is consistent, None if there is none."""
        try:
            data = self._list_file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            listed = msgspec.json.decode(data, type=_List)
        except msgspec.DecodeError as error:
            raise ContractStoreDamagedError(
                self._list_file, f"the list of contracts is damaged: {error}"
            ) from error
        emaids = [entry.emaid for entry in listed.contracts]
        if listed.format != _FORMAT:
            raise ContractStoreDamagedError(self._list_file, f"format {listed.format} is not {_FORMAT}")
        if len(set(emaids)) != len(emaids) or len(emaids) > MAX_CONTRACTS:
            raise ContractStoreDamagedError(self._list_file, f"too many contracts, or one twice: {emaids}")
        if listed.chosen not in emaids and (emaids or listed.chosen is not None):
            raise ContractStoreDamagedError(
                self._list_file, f"the chosen contract {listed.chosen} is not listed"
            )
        return listed

    def _read_contract(self, entry: _Entry) -> Contract:
        path = self.directory / entry.file_name
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise ContractStoreDamagedError(path, "the contract is listed but its file is missing") from None
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ContractStoreDamagedError(path, "the file is not what was stored: its SHA-256 differs")
        try:
            contract = Contract.from_pem(data)
        except ValueError as error:
            raise ContractStoreDamagedError(path, f"the contract cannot be read: {error}") from error
        if contract.emaid != entry.emaid:
            raise ContractStoreDamagedError(
                path, f"the file holds a contract for {contract.emaid or 'nobody'}"
            )
        return contract

    def _write_contract(self, contract: Contract) -> _Entry:
        """Write the file of a contract, which nobody lists yet, and return its line of the list."""
        data = contract.to_pem()
        entry = _Entry(contract.emaid, hashlib.sha256(data).hexdigest())
        replace_file(self.directory / entry.file_name, data, 0o600)
        return entry

    def _commit(self, changed: _List) -> None:
        """Make ``changed`` the list; this is the moment at which a change happens."""
        self._write_list(changed)
        self._load()
        self._tidy()

    def _write_list(self, listed: _List) -> None:
        data = msgspec.json.format(msgspec.json.encode(listed), indent=2) + b"\n"
        replace_file(self._list_file, data, 0o600)

    def _tidy(self) -> None:
        """Remove what is not listed if the disk lets us; otherwise the next opening does it."""
        with contextlib.suppress(OSError):
            self._remove_unlisted()

    def _remove_unlisted(self) -> None:
        listed = {entry.file_name for entry in self._list.contracts}
        for path in self.directory.iterdir():
            unlisted = path.suffix == _SUFFIX and path.name not in listed
            if unlisted or path.suffix == TEMPORARY_SUFFIX:
                path.unlink()


def _expired_first(contracts: Sequence[Contract], now: datetime) -> Contract | None:
    expired = [contract for contract in contracts if now > contract.valid_until]
    return min(expired, key=lambda contract: contract.valid_until, default=None)


def _set_aside(path: Path) -> Path:
    folder = path.parent / DAMAGED_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    return path.rename(target)


@contextlib.contextmanager
def _named_errors(directory: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error that names the file."""
    try:
        yield
    except OSError as error:
        raise ContractStoreError(error.filename or directory, error.strerror or str(error)) from error
