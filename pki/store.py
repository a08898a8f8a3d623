"""Certificates and keys on disk: PEM or DER in, PEM and DER out. Every error names the file."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from pki.chain import parse
from pki.errors import CertificateError, StoreError
from pki.keys import PrivateKey, SigningKey, type_name
from pki.names import fingerprint_sha256, issuer_serial

__all__ = [
    "fingerprint_sha256",
    "issuer_serial",
    "make_durable",
    "read_any_key",
    "read_bytes",
    "read_certificate",
    "read_certificates",
    "read_key",
    "read_signing_key",
    "write_atomically",
    "write_certificates",
    "write_der",
    "write_key",
]

_PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"
_CERTIFICATE_SUFFIXES = frozenset({".pem", ".der", ".crt", ".cer"})

PUBLIC_MODE = 0o644
SECRET_MODE = 0o600

_AT_ONCE = 16


def read_certificates(path: str | os.PathLike[str]) -> list[x509.Certificate]:
    """Return the certificates of a PEM file (any number), a DER file (one) or a folder of such files.

    A folder is read in the order of file names, not recursively; files other than .pem, .der, .crt and
    .cer are passed over and a certificate that occurs twice (as PEM and as DER) is returned once.
    Raises :class:`StoreError` naming the file that is missing, unreadable or holds no certificate.
    """
    place = Path(path)
    if not place.is_dir():
        return _certificates_in(place)
    found: dict[bytes, x509.Certificate] = {}
    for file in sorted(place.iterdir()):
        if file.suffix.lower() in _CERTIFICATE_SUFFIXES and file.is_file():
            for certificate in _certificates_in(file):
                found.setdefault(certificate.public_bytes(Encoding.DER), certificate)
    if not found:
        raise StoreError(place, "no certificate file (.pem, .der, .crt, .cer) in this folder")
    return list(found.values())


def read_certificate(path: str | os.PathLike[str]) -> x509.Certificate:
    """Return the only certificate of a file; raises :class:`StoreError` when there are several."""
    certificates = _certificates_in(Path(path))
    if len(certificates) != 1:
        raise StoreError(path, f"{len(certificates)} certificates, expected one")
    return certificates[0]


def read_key(path: str | os.PathLike[str]) -> ec.EllipticCurvePrivateKey:
    """Return the elliptic curve private key of an unencrypted PEM or DER file (PKCS #8 or SEC 1).

    Raises :class:`StoreError` naming the file; the message never quotes its content.
    """
    key = read_any_key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StoreError(path, "not an elliptic curve key of ECDSA")
    return key


def read_signing_key(path: str | os.PathLike[str]) -> SigningKey:
    """Return the private key of a file, ECDSA or Ed448; raises as :func:`read_key`."""
    key = read_any_key(path)
    if not isinstance(key, SigningKey):
        raise StoreError(path, f"a {type_name(key)} key, which cannot sign")
    return key


def read_any_key(path: str | os.PathLike[str]) -> PrivateKey:
    """Return the private key of a file, whatever kind of ISO 15118 it is; raises as :func:`read_key`."""
    data = read_bytes(path)
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, password=None)
    except TypeError:
        # What cryptography raises for a key behind a pass phrase.
        raise StoreError(path, "the key is encrypted; only unencrypted keys can be read") from None
    except (ValueError, UnsupportedAlgorithm):
        # Not chained: the library's message could quote what it could not parse.
        raise StoreError(path, "not a private key in PEM or DER") from None
    if not isinstance(key, PrivateKey):
        raise StoreError(path, "not an elliptic curve key")
    return key


def write_certificates(
    path: str | os.PathLike[str], certificates: Iterable[x509.Certificate], *, durable: bool = True
) -> None:
    """Write ``certificates`` one after another as PEM; replaces the file in one step."""
    text = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
    write_atomically(path, text, mode=PUBLIC_MODE, durable=durable)


def write_der(path: str | os.PathLike[str], certificate: x509.Certificate, *, durable: bool = True) -> None:
    """Write one certificate as DER; replaces the file in one step."""
    write_atomically(path, certificate.public_bytes(Encoding.DER), mode=PUBLIC_MODE, durable=durable)


def write_key(path: str | os.PathLike[str], key: PrivateKey, *, durable: bool = True) -> None:
    """Write ``key`` as PKCS #8 PEM that only the owner can read; replaces the file in one step."""
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomically(path, text, mode=SECRET_MODE, durable=durable)


def write_atomically(path: str | os.PathLike[str], data: bytes, *, mode: int, durable: bool = True) -> None:
    """Put ``data`` at ``path`` so that a crash at any moment leaves the old content or the new one.

    Who writes many files that count only together passes ``durable`` False and calls :func:`make_durable` at
    the end, which waits for the disk once. The permissions are set before the first byte is written. Raises :class:`StoreError`.
    """
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with suppress(FileNotFoundError):
            draft.unlink()
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(target, f"cannot be written: {error.strerror or error}") from error


def make_durable(folder: str | os.PathLike[str]) -> None:
    """Wait until every file in and below ``folder`` is on the disk. Raises OSError.

    They are asked for side by side: the disk then serves them together, in a tenth of the time.
    """
    files = [file for file in Path(folder).rglob("*") if file.is_file()]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        for _ in threads.map(_sync, files):
            pass


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return a file's content; raises :class:`StoreError` naming the file and the system's reason."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror or error}") from error


def _certificates_in(file: Path) -> list[x509.Certificate]:
    data = read_bytes(file)
    if _PEM_BEGIN not in data:
        return [_parsed(file, data, "")]
    try:
        blocks = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise StoreError(file, f"not readable as PEM certificates: {error}") from error
    # Parsed again from DER so that every certificate has passed the same strict reading.
    return [
        _parsed(file, block.public_bytes(Encoding.DER), f"certificate {number}: ")
        for number, block in enumerate(blocks, start=1)
    ]


def _parsed(file: Path, der: bytes, which: str) -> x509.Certificate:
    try:
        return parse(der)
    except CertificateError as error:
        raise StoreError(file, f"{which}{error.detail}") from error
