"""The root certificate pool at work."""

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509

from backend_stub.certificates import check_anchor, der
from backend_stub.database import Database
from backend_stub.rcp import store
from backend_stub.rcp.interface import Root, RootType


class RootPool:
    """Keeps the roots in the database and, parsed, in memory: every chain check needs them."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._roots: Sequence[Root] | None = None

    async def add(self, root_type: RootType, certificate: x509.Certificate) -> Root:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        now = self._now()
        check_anchor(certificate, now)
        root = Root.of(root_type, certificate)
        await self._database.write(lambda connection: store.insert(connection, root, der(certificate), now))
        self._roots = None
        return root

    async def roots(self, root_type: RootType | None = None) -> Sequence[Root]:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        if self._roots is None:
            self._roots = await self._database.read(store.all_roots)
        return [root for root in self._roots if root_type is None or root.root_type is root_type]
