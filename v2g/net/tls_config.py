"""What a TLS endpoint is configured with: versions, suites, trusted roots, its own chain and key."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from v2g.errors import TlsError
from v2g.net.keylog import KeyLog
from v2g.net.secret_file import SecretFile
from v2g.net.tls_words import explain

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for."""
_SUFFIXES = {".pem", ".crt", ".cer", ".der"}


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """The versions, cipher suites (OpenSSL names) and group of a protocol edition."""

    name: str
    version: ssl.TLSVersion
    ciphers: str
    curve: str


ISO2 = TlsProfile("ISO 15118-2", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", "prime256v1")

Certificates = Path | Sequence[Path] | Sequence[x509.Certificate]


def _context(protocol: int, profile: TlsProfile, keylog: KeyLog | None) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = profile.version
    context.set_ciphers(profile.ciphers)
    context.set_ecdh_curve(profile.curve)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    if keylog is not None:
        keylog.attach(context)
    return context


class ClientTls:
    """The EV's side: the V2G roots it trusts, as certificates, PEM or DER files, or folders of them.

    Validity is judged by OpenSSL on the system's time, or, on another clock (virtual time), by us at ``now()``.
    TlsError tells which file cannot be used. One instance serves any number of connections.
    """

    def __init__(
        self,
        roots: Certificates,
        *,
        profile: TlsProfile = ISO2,
        keylog: KeyLog | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.keylog = keylog
        self.now = now
        self.context = _context(ssl.PROTOCOL_TLS_CLIENT, profile, keylog)
        self.context.verify_mode = ssl.CERT_REQUIRED
        if now is not None:
            self.context.verify_flags |= _NO_CHECK_TIME
        certificates = _load(roots)
        if not certificates:
            raise TlsError("no V2G root certificate to verify the charger with")
        self.context.load_verify_locations(
            cadata=b"".join(item.public_bytes(serialization.Encoding.DER) for item in certificates)
        )


class ServerTls:
    """The charger's side: its certificate chain (leaf, sub-CA 2, sub-CA 1) and the leaf's key.

    Both are given as objects or files. TlsError tells what cannot be used. One instance serves any number of
    connections.
    """

    def __init__(
        self,
        chain: Certificates,
        key: EllipticCurvePrivateKey | Path,
        *,
        profile: TlsProfile = ISO2,
        keylog: KeyLog | None = None,
    ) -> None:
        self.keylog = keylog
        self.context = _context(ssl.PROTOCOL_TLS_SERVER, profile, keylog)
        certificates = _load(chain)
        if not certificates:
            raise TlsError("no certificate for the charger")
        _install(self.context, certificates, key)


def _load(source: Certificates) -> list[x509.Certificate]:
    certificates: list[x509.Certificate] = []
    for item in [source] if isinstance(source, Path) else source:
        if isinstance(item, x509.Certificate):
            certificates.append(item)
            continue
        try:
            files = sorted(p for p in item.iterdir() if p.suffix in _SUFFIXES) if item.is_dir() else [item]
            for file in files:
                certificates += _parse(file.read_bytes())
        except (OSError, ValueError) as error:
            raise TlsError(f"cannot read certificates from {item}: {error}") from error
    return certificates


def _parse(content: bytes) -> list[x509.Certificate]:
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificates(content)
    return [x509.load_der_x509_certificate(content)]


def _no_password() -> str:
    """Keep OpenSSL from asking on the terminal for the password of an encrypted key."""
    return ""


def _install(
    context: ssl.SSLContext, chain: Sequence[x509.Certificate], key: EllipticCurvePrivateKey | Path
) -> None:
    # The ssl module takes chains and keys from files only.
    pem = b"".join(item.public_bytes(serialization.Encoding.PEM) for item in chain)
    if not isinstance(key, Path):
        pem += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    with SecretFile(pem) as file:
        try:
            key_path = key if isinstance(key, Path) else None
            context.load_cert_chain(file.path, key_path, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            place = f" ({key})" if isinstance(key, Path) else ""
            reason = explain(error) if isinstance(error, ssl.SSLError) else str(error)
            raise TlsError(f"certificate and key{place} cannot be used: {reason}") from error
