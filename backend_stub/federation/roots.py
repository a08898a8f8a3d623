"""Roots of other providers: fetched when they are missing, believed only when they are pinned."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

from cryptography import x509

from backend_stub.certificates import check_anchor
from backend_stub.database import Database
from backend_stub.description import Pins
from backend_stub.errors import MarketError
from backend_stub.federation import calls, store
from backend_stub.federation.peer import Peer
from backend_stub.rcp.interface import Root, RootCertificatePool, RootType

BACKOFF_S = 2.0
"""A peer that could not give its roots is left in peace for so long."""

_log = logging.getLogger(__name__)


class FederatedRootPool:
    """The provider's own roots, and after them those of its peers.

    A description pins the roots of each provider by fingerprint. So it is known what is missing, and once
    everything pinned is here, nobody is asked any more. Fetched roots are kept in the database: a peer that
    is down later does no harm.
    """

    def __init__(
        self,
        local: RootCertificatePool,
        peers: Sequence[Peer],
        database: Database,
        now: Callable[[], datetime],
    ) -> None:
        self._local = local
        self._peers = {peer.name: peer for peer in peers}
        self._database = database
        self._now = now
        self._held: Sequence[Root] | None = None
        self._locks = {peer.name: asyncio.Lock() for peer in peers}
        self._not_before: dict[str, float] = {}

    async def add(self, root_type: RootType, certificate: x509.Certificate) -> Root:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        return await self._local.add(root_type, certificate)

    async def remove(self, root_id: uuid.UUID) -> None:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`: an own one only."""
        await self._local.remove(root_id)

    async def roots(self, root_type: RootType | None = None) -> Sequence[Root]:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`; missing ones are fetched first.

        Not so where nothing may be waited for (:func:`backend_stub.federation.calls.at_once`).
        """
        if not calls.only_at_once():
            await self._fetch_missing([root_type] if root_type else list(RootType))
        own = await self._local.roots(root_type)
        known = {(root.root_type, root.fingerprint) for root in own}
        held = [root for root in await self._kept() if (root.root_type, root.fingerprint) not in known]
        return [*own, *(root for root in held if root_type in {None, root.root_type})]

    async def _kept(self) -> Sequence[Root]:
        """Return the roots of peers that are here and still pinned."""
        if self._held is None:
            pinned = {
                (root_type, text)
                for peer in self._peers.values()
                for root_type in RootType
                for text in pins_of(peer.pins)[root_type]
            }
            found = await self._database.read(store.roots)
            self._held = [root for root in found if (root.root_type, root.fingerprint) in pinned]
        return self._held

    async def _fetch_missing(self, root_types: Sequence[RootType]) -> None:
        held = {(root.root_type, root.fingerprint) for root in await self._kept()}
        missing: dict[str, list[RootType]] = {}
        for peer in self._peers.values():
            for root_type in root_types:
                if any((root_type, text) not in held for text in pins_of(peer.pins)[root_type]):
                    missing.setdefault(peer.name, []).append(root_type)
        now = asyncio.get_running_loop().time()
        asked = {name: types for name, types in missing.items() if self._not_before.get(name, now) <= now}
        if not asked:
            return
        async with asyncio.TaskGroup() as group:
            for name, types in asked.items():
                group.create_task(self._fetch(self._peers[name], types))

    async def _fetch(self, peer: Peer, root_types: Sequence[RootType]) -> None:
        loop = asyncio.get_running_loop()
        async with self._locks[peer.name]:
            if self._not_before.get(peer.name, 0.0) > loop.time():
                return  # somebody else has just found it silent
            for root_type in root_types:
                wanted = pins_of(peer.pins)[root_type]
                if wanted <= {root.fingerprint for root in await self._kept() if root.root_type is root_type}:
                    continue
                try:
                    offered = await peer.roots(root_type)
                except MarketError as error:
                    self._not_before[peer.name] = loop.time() + BACKOFF_S
                    _log.warning("roots of provider %s: %s", peer.name, error)
                    return
                if not await self._keep(peer, root_type, offered):
                    self._not_before[peer.name] = loop.time() + BACKOFF_S

    async def _keep(self, peer: Peer, root_type: RootType, offered: Sequence[x509.Certificate]) -> bool:
        """Store those that are pinned and fit to be anchors; say whether there were any."""
        now = self._now()
        kept = 0
        for certificate in offered:
            root = Root.of(root_type, certificate)
            if root.fingerprint not in pins_of(peer.pins)[root_type]:
                continue
            try:
                check_anchor(certificate, now)
            except MarketError as error:
                _log.warning("root %s of provider %s is of no use: %s", root.fingerprint, peer.name, error)
                continue
            await self._database.write(partial(store.put_root, root=root, peer=peer.name, now=now))
            kept += 1
            _log.info("%s root %s of provider %s is here now", root_type, root.fingerprint, peer.name)
        self._held = None
        return kept > 0


class PublishedRoots:
    """The root pool as its door serves it.

    To a peer it tells the own roots and asks nobody: two providers that start at the same time would else
    wait for each other.
    """

    def __init__(self, own: RootCertificatePool, federated: RootCertificatePool) -> None:
        self._own = own
        self._federated = federated

    async def add(self, root_type: RootType, certificate: x509.Certificate) -> Root:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        return await self._own.add(root_type, certificate)

    async def remove(self, root_id: uuid.UUID) -> None:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        await self._own.remove(root_id)

    async def roots(self, root_type: RootType | None = None) -> Sequence[Root]:
        """See :class:`~backend_stub.rcp.interface.RootCertificatePool`."""
        pool = self._own if calls.only_from_here() else self._federated
        return await pool.roots(root_type)


def pins_of(pins: Pins) -> Mapping[RootType, frozenset[str]]:
    """Return the pinned fingerprints by branch."""
    return MappingProxyType({RootType.V2G: pins.v2g, RootType.OEM: pins.oem, RootType.MO: pins.mo})
