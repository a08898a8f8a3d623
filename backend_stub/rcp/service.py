"""The root certificate pool at work."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509

from backend_stub.certificates import check_anchor, der
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.events import Event, EventType, record
from backend_stub.rcp import store
from backend_stub.rcp.interface import Root, RootType
from pki.names import common_name


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

        def work(connection: sa.Connection) -> None:
            if store.insert(connection, root, der(certificate), now):
                record(connection, event_of(EventType.ROOT_ADDED, root, now))

        await self._database.write(work)
        self._roots = None
        return root

    async def remove(self, root_id: uuid.UUID) -> None:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        now = self._now()

        def work(connection: sa.Connection) -> bool:
            gone = [root for root in store.all_roots(connection) if root.id == root_id]
            for root in gone:
                store.delete(connection, root.fingerprint)
            record(connection, *(event_of(EventType.ROOT_REVOKED, root, now) for root in gone))
            return bool(gone)

        found = await self._database.write(work)
        self._roots = None
        if not found:
            raise MarketError(Code.UNKNOWN, f"no root {root_id}")

    async def roots(self, root_type: RootType | None = None) -> Sequence[Root]:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        if self._roots is None:
            self._roots = await self._database.read(store.all_roots)
        return [root for root in self._roots if root_type is None or root.root_type is root_type]


def event_of(kind: EventType, root: Root, now: datetime) -> Event:
    """Return what is told of a root; the payload is OPCP's."""
    certificate = root.certificate
    facts = {
        "rootCertificateId": str(root.id),
        "distinguishedName": certificate.subject.rfc4514_string(),
        "commonName": common_name(certificate),
        "rootType": root.root_type.upper(),
        "rootSerialNumber": f"{certificate.serial_number:x}",
        "fingerprintSHA256": root.fingerprint,
    }
    return Event(kind, now, facts=facts)
