"""Contract status by revocation lists: a file, a URL, or what each certificate names."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from pki.crl import CrlChecker, parse_crl
from pki.errors import CertificateError, StoreError
from pki.store import read_bytes
from secc.status import Question, Standing, StatusError
from secc.status.fetching import Fetcher
from secc.status.ocsp import of_certificate
from v2g.net.clock import Clock
from v2g.timing import Deadline

MAX_BYTES = 64 * 1024 * 1024
"""A list with a hundred thousand contracts has 5 MB."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A list that was fetched: judged by ``checker`` until it is older than the source may use it."""

    checker: CrlChecker
    fetched_at: float
    stamp: tuple[int, int] | None = None
    """Time of change and size of the file it came from."""


class CrlStatus:
    """Looks contracts up in lists, which are fetched once and used again for ``refresh_s``.

    ``place`` is a file or an http(s) URL; empty: the distribution point of each certificate. A file is read again
    when it has changed. As with OCSP, the contract certificate must be covered, and the CAs above it may be.
    """

    name = "CRL"

    def __init__(self, fetcher: Fetcher, clock: Clock, *, place: str = "", refresh_s: float = 300.0) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._place = place
        self._refresh_s = refresh_s
        self._kept: dict[str, _Kept] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def check(self, question: Question, deadline: Deadline) -> None:
        """See :class:`secc.status.ContractStatusSource`."""
        problems = []
        for certificate, issuer in zip(question.path, question.path[1:], strict=False):
            problem = await self._look_up(certificate, issuer, deadline)
            if problem is not None and problem.standing is Standing.REVOKED:
                raise problem
            problems.append(problem)
        if problems and problems[0] is not None:
            raise problems[0]

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()

    async def _look_up(
        self, certificate: x509.Certificate, issuer: x509.Certificate, deadline: Deadline
    ) -> StatusError | None:
        place = self._place or distribution_point_of(certificate)
        if not place:
            return StatusError(
                Standing.UNKNOWN, "the certificate names no revocation list, and none is configured"
            )
        try:
            checker = await self._checker(place, deadline)
            checker.check(certificate, issuer, self._clock.now())
        except StatusError as error:
            return error
        except CertificateError as error:
            return of_certificate(error)
        except StoreError as error:
            return StatusError(Standing.UNKNOWN, str(error))
        return None

    async def _checker(self, place: str, deadline: Deadline) -> CrlChecker:
        """Return the list at ``place``; only one caller at a time fetches it."""
        async with self._fetching.setdefault(place, asyncio.Lock()):
            if place.startswith(("http://", "https://")):
                return await self._by_url(place, deadline)
            return self._by_file(place)

    async def _by_url(self, url: str, deadline: Deadline) -> CrlChecker:
        now = self._clock.monotonic()
        kept = self._kept.get(url)
        if kept is None or now - kept.fetched_at >= self._refresh_s:
            checker = CrlChecker([parse_crl(await self._fetcher.get(url, deadline))])
            kept = self._kept[url] = _Kept(checker, now)
        return kept.checker

    def _by_file(self, path: str) -> CrlChecker:
        try:
            facts = Path(path).stat()
        except OSError as error:
            raise StoreError(path, f"cannot be read: {error.strerror or error}") from error
        stamp = (facts.st_mtime_ns, facts.st_size)
        kept = self._kept.get(path)
        if kept is None or kept.stamp != stamp:
            checker = CrlChecker([parse_crl(read_bytes(path))])
            kept = self._kept[path] = _Kept(checker, self._clock.monotonic(), stamp)
        return kept.checker


def distribution_point_of(certificate: x509.Certificate) -> str:
    """Return the URL of the list that a certificate names; empty when it names none over HTTP."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ""
    for point in points:
        for name in point.full_name or ():
            if isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith(
                ("http://", "https://")
            ):
                return name.value
    return ""
