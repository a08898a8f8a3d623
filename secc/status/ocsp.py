"""Contract status by OCSP: the responder that each certificate names, or one that is configured."""

import asyncio

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from pki.errors import CertificateError, Rule
from pki.ocsp import OcspChecker, build_request
from secc.status import Question, Standing, StatusError
from secc.status.fetching import Fetcher
from v2g.net.clock import Clock
from v2g.timing import Deadline

MEDIA_TYPE = "application/ocsp-request"
MAX_BYTES = 16_384


class OcspStatus:
    """Asks about the contract certificate and the CAs above it, all at once.

    What is said of the contract certificate must be said: without an answer the standing is unknown. A CA that is
    revoked counts as well; one of which nothing is known does not, since few CAs above contracts name a
    responder. ``url`` replaces the responders that certificates name.
    """

    name = "OCSP"

    def __init__(self, fetcher: Fetcher, clock: Clock, *, url: str = "") -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._url = url

    async def check(self, question: Question, deadline: Deadline) -> None:
        """See :class:`secc.status.ContractStatusSource`."""
        pairs = list(zip(question.path, question.path[1:], strict=False))
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(*pair, deadline)) for pair in pairs]
        leaf, *above = (task.result() for task in asked)
        for error in (leaf, *above):
            if error is not None and error.standing is Standing.REVOKED:
                raise error
        if leaf is not None:
            raise leaf

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()

    async def _ask(
        self, certificate: x509.Certificate, issuer: x509.Certificate, deadline: Deadline
    ) -> StatusError | None:
        """Return what is wrong with one certificate, None for a good one."""
        url = self._url or responder_of(certificate)
        if not url:
            return StatusError(
                Standing.UNKNOWN, "the certificate names no OCSP responder, and none is configured"
            )
        try:
            answer = await self._fetcher.post(url, build_request(certificate, issuer), MEDIA_TYPE, deadline)
            OcspChecker([answer]).check(certificate, issuer, self._clock.now())
        except StatusError as error:
            return error
        except CertificateError as error:
            return of_certificate(error)
        return None


def of_certificate(error: CertificateError) -> StatusError:
    """Return what an error of :mod:`pki.revocation` means for the contract."""
    standing = Standing.REVOKED if error.rule is Rule.REVOKED else Standing.UNKNOWN
    return StatusError(standing, str(error))


def responder_of(certificate: x509.Certificate) -> str:
    """Return the URL of the OCSP responder that a certificate names; empty when it names none over HTTP."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ""
    for each in access:
        place = each.access_location
        if each.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
            place, x509.UniformResourceIdentifier
        ):
            return place.value if place.value.startswith(("http://", "https://")) else ""
    return ""
