"""The root certificate pool at work."""

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from backend_stub.certificates import der
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.rcp import store
from backend_stub.rcp.interface import Root, RootType
from pki.chain import public_key
from pki.errors import CertificateError


class RootPool:
    """Keeps the roots in the database and, parsed, in memory: every chain check needs them."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._roots: Sequence[Root] | None = None

    async def add(self, root_type: RootType, certificate: x509.Certificate) -> Root:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        now = self._now()
        _check_anchor(certificate, now)
        root = Root.of(root_type, certificate)
        await self._database.write(lambda connection: store.insert(connection, root, der(certificate), now))
        self._roots = None
        return root

    async def roots(self, root_type: RootType | None = None) -> Sequence[Root]:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        if self._roots is None:
            self._roots = await self._database.read(store.all_roots)
        return [root for root in self._roots if root_type is None or root.root_type is root_type]


def _check_anchor(certificate: x509.Certificate, now: datetime) -> None:
    """Raise MarketError(CHAIN) for a certificate that cannot be a trust anchor. Trust itself is a decision."""
    name = certificate.subject.rfc4514_string()
    try:
        public_key(certificate)
    except CertificateError as error:
        raise MarketError(Code.CHAIN, str(error)) from error
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise MarketError(Code.CHAIN, f"{name}: not self-signed") from error
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound as error:
        raise MarketError(Code.CHAIN, f"{name}: not a CA certificate") from error
    if not constraints.ca:
        raise MarketError(Code.CHAIN, f"{name}: not a CA certificate")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise MarketError(Code.CHAIN_EXPIRED, f"{name}: not valid now")
