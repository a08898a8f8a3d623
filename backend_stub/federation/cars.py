"""Cars of other providers: asked for on a miss, validated again here, and kept as copies.

Two views on the same knowledge implement the PCP's interface. :class:`FederatedProvisioningPool` is what the door
serves. :class:`KnownCars` is for the roles of this provider; it also uses a copy where there is no time to ask.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from backend_stub.certificates import chain_refusal, key_fingerprint, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls, store
from backend_stub.federation.broadcast import first_success
from backend_stub.federation.notices import Notices
from backend_stub.federation.peer import Peer
from backend_stub.federation.store import CarCopy
from backend_stub.namespaces import Edition
from backend_stub.pcp.interface import (
    Provisioning,
    ProvisioningChain,
    ProvisioningFollower,
    ProvisioningPool,
    found,
)
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.suites import of_edition, profile_in
from pki.chain import any_public_key, validate
from pki.errors import CertificateError
from pki.names import common_name, fingerprint_sha256
from v2g.identifiers import IdentifierError, Pcid

FRESH = timedelta(seconds=5)
"""A copy as young as this is not asked for again: one onboarding needs the same entry several times."""

_WMI_LENGTH = 3

_log = logging.getLogger(__name__)


class CarCopies:
    """Fetches entries from peers, judges them, keeps them, and drops contracts when a car's key has changed."""

    def __init__(
        self,
        peers: Sequence[Peer],
        roots: RootCertificatePool,
        maker_pins: Mapping[str, frozenset[str]],
        database: Database,
        now: Callable[[], datetime],
        timeout_s: float,
    ) -> None:
        self._peers = peers
        self._roots = roots
        self._maker_pins = maker_pins
        self._followers: list[ProvisioningFollower] = []
        self._database = database
        self._now = now
        self._timeout_s = timeout_s

    def attach(self, follower: ProvisioningFollower) -> None:
        """Tell ``follower`` from now on when another provider's car has another key."""
        self._followers.append(follower)

    async def copy(self, pcid: str, edition: Edition) -> Provisioning | None:
        """Return the copy of an entry, whatever its age."""
        kept = await self._kept(pcid, edition)
        return None if kept is None else kept.entry

    async def fetch(self, pcid: str, edition: Edition) -> Provisioning | None:
        """Ask the peers, unless the copy is fresh; None when all of them say that there is no such car.

        With no answer from the car's home the copy serves, if there is one. Raises MarketError(PEER) when
        there is none and not all peers could be asked.
        """
        kept = await self._kept(pcid, edition)
        if kept is not None and self._now() - kept.fetched_at < FRESH:
            return kept.entry
        outcome = await first_success(
            self._peers,
            lambda peer: self._validated(peer, pcid, edition),
            within_s=calls.budget_s(self._timeout_s),
        )
        if outcome.winner is not None and outcome.answer is not None:
            await self._keep(CarCopy(outcome.answer, outcome.winner.name, self._now()), kept)
            return outcome.answer
        if outcome.everybody_misses:
            if kept is not None:
                await self._forget(pcid, edition)
            return None
        if kept is not None:
            _log.warning("PCID %s: the copy of provider %s serves%s", pcid, kept.peer, outcome.remark)
            return kept.entry
        raise outcome.verdict or MarketError(Code.PEER, f"PCID {pcid} is not registered here{outcome.remark}")

    async def look_again(self, pcid: str) -> None:
        """Bring the copy of a car up to date: its provider says that something has changed."""
        for edition in Edition:
            kept = await self._kept(pcid, edition)
            if kept is None:
                continue
            aged = CarCopy(kept.entry, kept.peer, kept.fetched_at - FRESH)
            await self._database.write(partial(store.put_car, copy=aged))
            await self.fetch(pcid, edition)

    async def _kept(self, pcid: str, edition: Edition) -> CarCopy | None:
        return await self._database.read(lambda connection: store.car(connection, pcid, edition))

    async def _keep(self, copy: CarCopy, before: CarCopy | None) -> None:
        await self._database.write(lambda connection: store.put_car(connection, copy))
        if before is not None and before.entry.key_fingerprint != copy.entry.key_fingerprint:
            await self._tell(copy.entry.pcid, copy.entry.key_fingerprint, copy.entry.edition)

    async def _forget(self, pcid: str, edition: Edition) -> None:
        # Contracts first: cut off here, the next look finds the copy again.
        await self._tell(pcid, None, edition)
        await self._database.write(lambda connection: store.forget_car(connection, pcid, edition))

    async def _tell(self, pcid: str, key_fingerprint: str | None, edition: Edition) -> None:
        for follower in self._followers:
            await follower.provisioning_changed(pcid, key_fingerprint, edition)

    async def _validated(self, peer: Peer, pcid: str, edition: Edition) -> Provisioning:
        """Return a peer's entry after the checks that the PCP does with what a car maker uploads.

        And one more: the chain must end at an OEM root of the maker whose WMI begins the PCID, where the
        description knows it, so that no provider can answer with a car of another's.
        """
        chain = await peer.car(pcid, edition)
        whose = f"provisioning certificate from provider {peer.name}"
        roots = of_edition([root.certificate for root in await self._roots.roots(RootType.OEM)], edition)
        profile = profile_in(edition, chain.vehicle, "oem_provisioning")
        try:
            path = validate(chain.vehicle, chain.sub_cas, roots, at=self._now(), profile=profile)
            named = str(Pcid.parse(common_name(chain.vehicle)))
        except CertificateError as error:
            raise chain_refusal(error, whose) from error
        except IdentifierError as error:
            raise MarketError(Code.CHAIN, f"{whose}: common name: {error}") from error
        if named != pcid:
            raise MarketError(Code.CHAIN, f"{whose}: it names {named}, expected {pcid}")
        root = path[-1]
        allowed = self._maker_pins.get(pcid[:_WMI_LENGTH])
        if allowed is not None and fingerprint_sha256(root) not in allowed:
            raise MarketError(Code.CHAIN, f"{whose}: not under an OEM root of maker {pcid[:_WMI_LENGTH]}")
        return Provisioning(
            pcid=pcid,
            chain=chain,
            key_fingerprint=key_fingerprint(any_public_key(chain.vehicle)),
            root_name=root.subject.rfc4514_string(),
            root_serial=root.serial_number,
            root_key_id=subject_key_id(root),
        )


class FederatedProvisioningPool:
    """The PCP as its door serves it: own cars first, then those of the peers."""

    def __init__(self, local: ProvisioningPool, copies: CarCopies, notices: Notices) -> None:
        self._local = local
        self._copies = copies
        self._notices = notices

    async def put(self, chain: ProvisioningChain) -> Provisioning:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`; peers look again when a key changes."""
        names = {chain.previous_pcid} - {None}
        try:
            names.add(str(Pcid.parse(common_name(chain.vehicle))))
        except (CertificateError, IdentifierError):
            return await self._local.put(chain)  # which says what is wrong with it
        changed = []
        for name in sorted(filter(None, names)):
            before = await self._local.find(name, chain.edition)
            if before is not None and before.chain.vehicle != chain.vehicle:
                changed.append(name)
        async with self._notices.announced(changed):
            return await self._local.put(chain)

    async def find(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning | None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`.

        A request that a peer has broadcast is answered from here, and never from a copy: the car's own
        provider has been asked as well.
        """
        own = await self._local.find(pcid, edition)
        if own is not None or calls.only_from_here():
            return own
        return await self._copies.fetch(pcid, edition)

    async def get(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        return found(await self.find(pcid, edition), pcid, edition)

    async def delete(self, pcid: str) -> None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        async with self._notices.announced([pcid]):
            await self._local.delete(pcid)


class KnownCars:
    """The PCP as the roles of this provider use it: a copy serves where nothing may be waited for."""

    def __init__(self, pool: ProvisioningPool, local: ProvisioningPool, copies: CarCopies) -> None:
        self._pool = pool
        self._local = local
        self._copies = copies

    async def put(self, chain: ProvisioningChain) -> Provisioning:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        return await self._pool.put(chain)

    async def find(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning | None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        own = await self._local.find(pcid, edition)
        if own is not None:
            return own
        if calls.only_at_once() or calls.only_from_here():
            return await self._copies.copy(pcid, edition)
        return await self._copies.fetch(pcid, edition)

    async def get(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        return found(await self.find(pcid, edition), pcid, edition)

    async def delete(self, pcid: str) -> None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        await self._pool.delete(pcid)
