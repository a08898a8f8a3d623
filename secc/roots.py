"""Roots from the backend's root pool (OPCP): contracts of other providers are then taken here, too.

The folder of a charger holds the roots of one provider. The backend it hangs on knows those of all that it is
connected with, so a charger may believe them as well: roots of mobility operators for contracts, V2G roots for the
bundles that it forwards. Which charger a car trusts, and which cars TLS lets in, stays with the folder.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import msgspec
from cryptography import x509

from pki.chain import any_public_key, check_root, parse
from pki.errors import CertificateError, Rule
from pki.keys import type_name
from pki.profiles import Edition
from secc.charger import Charger, Trust
from secc.status import StatusError
from secc.status.fetching import Fetcher
from v2g.net.clock import Clock
from v2g.timing import Deadline

PATH = "/v1/root/rootCerts"
MAX_BYTES = 4 * 1024 * 1024
"""A thousand roots of ISO 15118-20."""

WAIT_S = 5.0
"""How long a start, and each renewal, waits for the pool."""

RETRY_S = 30.0
"""A pool that did not answer is asked again after so long, or at its usual time if that is sooner."""

_KINDS: Mapping[str, str] = MappingProxyType({"mo": "mo_root", "v2g": "v2g_root"})
"""How the pool calls a branch, and the profile of its roots."""

_EDITIONS: Mapping[str, Edition] = MappingProxyType({edition.key_type: edition for edition in Edition})
"""Whose root it is, by its kind of key."""

_log = logging.getLogger(__name__)


class RootsError(Exception):
    """The backend's root pool gave no roots; the text says why."""


class _Root(msgspec.Struct):
    caCertificate: str  # noqa: N815 - OPCP's name


class _Roots(msgspec.Struct):
    rootCertificates: list[_Root]  # noqa: N815 - OPCP's name


class _Answer(msgspec.Struct):
    RootCertificateCollection: _Roots


class RootSource:
    """Keeps what a charger trusts up to date with the root pool of the backend at ``base_url``.

    Roots that were withdrawn there are no longer believed after the next renewal, those of the charger's own folder
    always are. While the pool is silent, what it said last holds.
    """

    def __init__(self, fetcher: Fetcher, base_url: str, clock: Clock, *, every_s: float = 3600.0) -> None:
        self._fetcher = fetcher
        self._url = base_url.rstrip("/") + PATH
        self._clock = clock
        self._every_s = every_s

    async def keep_current(self, charger: Charger, own: Trust, own20: Trust, *, asked: bool) -> None:
        """Renew for ever; ``asked`` says whether the first answer is there already."""
        while True:
            pause_s = self._every_s if asked else min(RETRY_S, self._every_s)
            await asyncio.sleep(pause_s)
            asked = await self.renew(charger, own, own20)

    async def renew(self, charger: Charger, own: Trust, own20: Trust) -> bool:
        """Ask once, waiting for at most :data:`WAIT_S`; say whether the charger's trust is renewed.

        ``own`` and ``own20`` are the roots of its folder, for -2 and -20.
        """
        try:
            found = await self.fetch(Deadline.after(WAIT_S, self._clock.monotonic()))
        except RootsError as error:
            _log.warning("roots of the backend: %s; those known so far hold", error)
            return False
        charger.trust = _with(own, found, (Edition.ISO2,))
        charger.trust20 = _with(own20, found, (Edition.ISO20, Edition.ISO20_ED448))
        _log.info("the backend knows %d roots", sum(map(len, found.values())))
        return True

    async def fetch(self, deadline: Deadline) -> Mapping[tuple[Edition, str], Sequence[x509.Certificate]]:
        """Return the roots of the pool by edition and branch (``mo``, ``v2g``); raises RootsError.

        A certificate that cannot be a root now is left out, with a warning.
        """
        found: dict[tuple[Edition, str], list[x509.Certificate]] = {}
        for kind, profile_name in _KINDS.items():
            for certificate in await self._ask(kind, deadline):
                try:
                    edition = _edition_of(certificate)
                    check_root(certificate, at=self._clock.now(), profile=edition.profiles[profile_name])
                except CertificateError as error:
                    _log.warning("a %s root of the backend is of no use: %s", kind.upper(), error)
                    continue
                found.setdefault((edition, kind), []).append(certificate)
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()

    async def _ask(self, kind: str, deadline: Deadline) -> Sequence[x509.Certificate]:
        try:
            body = await self._fetcher.get(f"{self._url}?rootType={kind}", deadline)
            answer = msgspec.json.decode(body, type=_Answer)
        except StatusError as error:
            raise RootsError(error.detail) from error
        except msgspec.MsgspecError as error:
            raise RootsError(f"{self._url}: not OPCP: {error}") from error
        certificates = []
        for root in answer.RootCertificateCollection.rootCertificates:
            try:
                certificates.append(parse(base64.b64decode(root.caCertificate, validate=True)))
            except (binascii.Error, CertificateError) as error:
                _log.warning("a %s root of the backend cannot be read: %s", kind.upper(), error)
        return certificates


def _edition_of(certificate: x509.Certificate) -> Edition:
    """Return whose root this is, by its key; raises CertificateError for a key that signs nothing of ours."""
    found = type_name(any_public_key(certificate))
    if found not in _EDITIONS:
        name, known = certificate.subject.rfc4514_string(), ", ".join(_EDITIONS)
        raise CertificateError(Rule.WRONG_KEY_TYPE, name, f"a {found} key, expected one of {known}")
    return _EDITIONS[found]


def _with(
    own: Trust,
    found: Mapping[tuple[Edition, str], Sequence[x509.Certificate]],
    editions: Sequence[Edition],
) -> Trust:
    """Return ``own`` with the roots of some editions added, each once."""

    def added(kind: str, held: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
        more = [each for edition in editions for each in found.get((edition, kind), ())]
        return tuple(dict.fromkeys([*held, *more]))

    return replace(own, mo=added("mo", own.mo), v2g=added("v2g", own.v2g))
