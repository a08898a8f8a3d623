"""What a TLS endpoint is configured with: versions, suites, trusted roots, its own chain and key.

A charger may serve both editions at one port, and a car may offer both: the configuration then holds one
OpenSSL context for each way a handshake can go, and :meth:`ServerTls.choose` takes the one that fits the
ClientHello.

Before Python 3.15 the ssl module can neither narrow the suites of TLS 1.3 nor name more than one group. So a car
offers TLS_AES_128_GCM_SHA256 as a third suite (and the handshake fails should a charger choose it), and one
group: that of its profile. The charger is not concerned: it chooses by what the ClientHello offers.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pki.keys import SigningKey
from v2g.errors import TlsError
from v2g.net.keylog import KeyLog
from v2g.net.secret_file import SecretFile
from v2g.net.tls_hello import TLS12, TLS13, ClientHello
from v2g.net.tls_words import explain

_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for."""
_SUFFIXES = {".pem", ".crt", ".cer", ".der"}


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """The versions, cipher suites and groups of a protocol edition, by OpenSSL's names.

    ``ciphers`` are suites of TLS 1.2 and ``suites`` those of 1.3; ``curve`` is the group of choice, ``others``
    are further ones that a charger accepts.
    """

    name: str
    version: ssl.TLSVersion
    ciphers: str
    curve: str
    suites: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups, that of choice first."""
        return (self.curve, *self.others)


ISO2 = TlsProfile("ISO 15118-2", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", "prime256v1")
ISO20 = TlsProfile(
    "ISO 15118-20",
    ssl.TLSVersion.TLSv1_3,
    "",
    "secp521r1",
    suites=("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    others=("X448",),
)
ISO20_X448 = TlsProfile(
    ISO20.name, ISO20.version, ISO20.ciphers, "X448", suites=ISO20.suites, others=("secp521r1",)
)
"""As :data:`ISO20`, with X448 as the group of choice."""
ISO20_P256 = replace(ISO20, others=("X448", "prime256v1"))
"""As :data:`ISO20`, for a charger that also meets cars with the group of -2 only, which at least one stack has."""

_RFC_NAMES = {"prime256v1": "secp256r1", "secp384r1": "secp384r1", "secp521r1": "secp521r1", "X448": "x448"}
"""What RFC 8446 calls the groups that OpenSSL has other names for, too."""

Certificates = Path | Sequence[Path] | Sequence[x509.Certificate]
KeySource = SigningKey | Path
Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Iso20Client:
    """A car's side of ISO 15118-20: V2G roots it trusts, its vehicle certificate chain (leaf first) and key.

    With ``strict`` the charger's chain must also keep the rules of :mod:`pki.chain`; without, what OpenSSL
    checks is enough, for peers that use certificates of -2.
    """

    roots: Certificates
    chain: Certificates
    key: KeySource
    profile: TlsProfile = ISO20
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Iso20Server:
    """A charger's side of ISO 15118-20: its chain (leaf first) and key, and the roots that it trusts cars by.

    ``vehicle_roots`` are OEM roots, and the V2G root where vehicle certificates hang below it. ``strict`` as in
    :class:`Iso20Client`.
    """

    chain: Certificates
    key: KeySource
    vehicle_roots: Certificates
    profile: TlsProfile = ISO20
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """How one handshake goes: the context, and the profile (None when the handshake decides it)."""

    context: ssl.SSLContext
    profile: TlsProfile | None


class ClientTls:
    """The EV's side: the V2G roots it trusts, as certificates, PEM or DER files, or folders of them.

    ``roots`` are those of -2; ``iso20`` is what a car of -20 has. With both, both are offered and the charger
    decides; ``roots`` None offers -20 only. Validity is judged by OpenSSL on the system's time, or, on another
    clock (virtual time), by us at ``now()``. TlsError tells which file cannot be used. One instance serves any
    number of connections.
    """

    def __init__(
        self,
        roots: Certificates | None = None,
        *,
        profile: TlsProfile = ISO2,
        keylog: KeyLog | None = None,
        now: Now | None = None,
        iso20: Iso20Client | None = None,
    ) -> None:
        self.keylog = keylog
        self.now = now
        self.strict = iso20 is not None and iso20.strict
        offered = [profile] if roots is not None else []
        offered += [iso20.profile] if iso20 is not None else []
        if not offered:
            raise TlsError("no V2G root certificate to verify the charger with")
        self.profiles = tuple(offered)
        self.context = _context(ssl.PROTOCOL_TLS_CLIENT, offered, keylog)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.roots: list[x509.Certificate] = []
        self.roots_iso20: list[x509.Certificate] = []
        if roots is not None:
            self.roots = _roots(roots, "no V2G root certificate to verify the charger with")
        if iso20 is not None:
            self.roots_iso20 = _roots(
                iso20.roots, "no V2G root certificate of ISO 15118-20 to verify the charger with"
            )
            chain = _load(iso20.chain)
            if not chain:
                raise TlsError("no vehicle certificate: ISO 15118-20 asks the car for one")
            _install(self.context, chain, iso20.key)
        _trust(self.context, [*self.roots, *self.roots_iso20], now)

    def choose(self) -> Choice:
        """Return how a handshake goes; with both editions on offer, the charger decides the profile."""
        return Choice(self.context, self.profiles[0] if len(self.profiles) == 1 else None)


class ServerTls:
    """The charger's side: its certificate chain (leaf, sub-CA 2, sub-CA 1) and the leaf's key.

    ``chain`` and ``key`` are those of -2, ``iso20`` is what a charger of -20 has; each may be absent, not both.
    A car that offers both versions of TLS gets -20 if ``prefer_iso20``, else -2. Certificates and keys are
    given as objects or files; TlsError tells what cannot be used. Cars' certificates are judged at ``now()``
    where it is given, as in :class:`ClientTls`. One instance serves any number of connections.
    """

    def __init__(
        self,
        chain: Certificates | None = None,
        key: KeySource | None = None,
        *,
        profile: TlsProfile = ISO2,
        keylog: KeyLog | None = None,
        now: Now | None = None,
        iso20: Iso20Server | None = None,
        prefer_iso20: bool = True,
    ) -> None:
        self.keylog = keylog
        self.now = now
        self.strict = iso20 is not None and iso20.strict
        self.prefer_iso20 = prefer_iso20
        self.roots_iso20: list[x509.Certificate] = []
        self._iso2: Choice | None = None
        self._iso20: dict[str, Choice] = {}
        if chain is not None:
            if key is None:
                raise TlsError("no key for the charger's certificate")
            context = _context(ssl.PROTOCOL_TLS_SERVER, [profile], keylog)
            _install(context, _charger_chain(chain), key)
            self._iso2 = Choice(context, profile)
        if iso20 is not None:
            self.roots_iso20 = _roots(
                iso20.vehicle_roots, "no root certificate to verify cars of ISO 15118-20 with"
            )
            own = _charger_chain(iso20.chain)
            for group in iso20.profile.groups:
                context = _context(ssl.PROTOCOL_TLS_SERVER, [iso20.profile], keylog, group)
                context.verify_mode = ssl.CERT_REQUIRED
                _trust(context, self.roots_iso20, now)
                _install(context, own, iso20.key)
                self._iso20[group] = Choice(context, iso20.profile)
        if self._iso2 is None and not self._iso20:
            raise TlsError("no certificate for the charger")

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that are served, named as :attr:`v2g.net.stream.TlsInfo.version` names them."""
        return (*(("TLSv1.2",) if self._iso2 else ()), *(("TLSv1.3",) if self._iso20 else ()))

    @property
    def reads_hello(self) -> bool:
        """Whether :meth:`choose` wants to see the ClientHello."""
        return bool(self._iso20)

    def choose(self, hello: ClientHello | None) -> Choice:
        """Return how the handshake goes with what a client offers (None: what it sent is no ClientHello).

        Raises TlsError, before OpenSSL would choose something else, when an edition is asked for that the
        charger has, but with suites of TLS 1.3 none of which -20 allows.
        """
        if not self._iso20:
            assert self._iso2 is not None
            return self._iso2
        newest = next(iter(self._iso20.values()))
        if hello is None or TLS13 not in hello.versions:
            return self._iso2 or newest
        if self._iso2 is not None and not self.prefer_iso20 and TLS12 in hello.versions:
            return self._iso2
        profile = newest.profile
        assert profile is not None
        if not set(profile.suites) & set(hello.suite_names):
            raise TlsError(
                f"the peer offers none of the cipher suites that we accept: TLS 1.3 with "
                f"{', '.join(hello.suite_names)}; we accept {', '.join(profile.suites)}",
                "NO_SHARED_CIPHER",
            )
        offered = set(hello.group_names)
        return next(
            (choice for group, choice in self._iso20.items() if _RFC_NAMES.get(group, group) in offered),
            newest,
        )


def _context(
    protocol: int, profiles: Sequence[TlsProfile], keylog: KeyLog | None, group: str | None = None
) -> ssl.SSLContext:
    """Return a context for one profile (and one of its groups), or for a car that offers several."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.minimum_version = min(profile.version for profile in profiles)
    context.maximum_version = max(profile.version for profile in profiles)
    for profile in profiles:
        if profile.ciphers:
            context.set_ciphers(profile.ciphers)
        # From Python 3.15 on; see the head of this module.
        if profile.suites and (set_suites := getattr(context, "set_ciphersuites", None)):
            set_suites(":".join(profile.suites))
    set_groups = getattr(context, "set_groups", None)
    if set_groups is not None:
        set_groups(":".join(name for profile in profiles for name in profile.groups))
    elif len(profiles) == 1:
        context.set_ecdh_curve(group or profiles[0].curve)
    # Our order of suites counts: it has those of -20 before the one that cannot be taken out.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    if keylog is not None:
        keylog.attach(context)
    return context


def _trust(context: ssl.SSLContext, roots: Sequence[x509.Certificate], now: Now | None) -> None:
    if now is not None:
        context.verify_flags |= _NO_CHECK_TIME
    context.load_verify_locations(
        cadata=b"".join(root.public_bytes(serialization.Encoding.DER) for root in roots)
    )


def _roots(source: Certificates, otherwise: str) -> list[x509.Certificate]:
    found = _load(source)
    if not found:
        raise TlsError(otherwise)
    return found


def _charger_chain(source: Certificates) -> list[x509.Certificate]:
    found = _load(source)
    if not found:
        raise TlsError("no certificate for the charger")
    return found


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


def _install(context: ssl.SSLContext, chain: Sequence[x509.Certificate], key: KeySource) -> None:
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
