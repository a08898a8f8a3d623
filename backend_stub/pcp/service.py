"""The provisioning certificate pool at work."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from backend_stub.authority.interface import RevocationSource
from backend_stub.certificates import chain_refusal, der, key_fingerprint, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.events import Event, EventType, record
from backend_stub.namespaces import Edition, spelling
from backend_stub.pcp import store
from backend_stub.pcp.interface import Provisioning, ProvisioningChain, ProvisioningFollower, found
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.revocations import checker_of
from backend_stub.suites import of_edition, profile_of
from pki.chain import any_public_key, validate
from pki.errors import CertificateError
from pki.names import common_name
from v2g.identifiers import IdentifierError, Pcid

_WMI_LENGTH = 3


class CertificatePool:
    """Validates what enters and tells the contract pools when a car's key changes."""

    def __init__(
        self,
        database: Database,
        roots: RootCertificatePool,
        now: Callable[[], datetime],
        revocations: RevocationSource | None = None,
    ) -> None:
        self._revocations = revocations
        self._database = database
        self._roots = roots
        self._now = now
        self._followers: list[ProvisioningFollower] = []

    def attach(self, follower: ProvisioningFollower) -> None:
        """Tell ``follower`` about changes from now on."""
        self._followers.append(follower)

    async def put(self, chain: ProvisioningChain) -> Provisioning:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        now = self._now()
        edition = chain.edition
        roots = of_edition([root.certificate for root in await self._roots.roots(RootType.OEM)], edition)
        revocation = await checker_of(self._revocations, [chain.vehicle, *chain.sub_cas])
        try:
            path = validate(
                chain.vehicle,
                chain.sub_cas,
                roots,
                at=now,
                profile=profile_of(chain.vehicle, "oem_provisioning"),
                revocation=revocation,
            )
            pcid = str(Pcid.parse(common_name(chain.vehicle)))
        except CertificateError as error:
            raise chain_refusal(error, "provisioning certificate") from error
        except IdentifierError as error:
            raise MarketError(Code.CHAIN, f"provisioning certificate: common name: {error}") from error
        if chain.previous_pcid is not None and chain.previous_pcid[:_WMI_LENGTH] != pcid[:_WMI_LENGTH]:
            raise MarketError(Code.CHAIN, f"PCID {pcid} cannot follow {chain.previous_pcid}: another maker's")
        root = path[-1]
        entry = Provisioning(
            pcid=pcid,
            chain=chain,
            key_fingerprint=key_fingerprint(any_public_key(chain.vehicle)),
            root_name=root.subject.rfc4514_string(),
            root_serial=root.serial_number,
            root_key_id=subject_key_id(root),
        )

        def work(connection: sa.Connection) -> None:
            before = store.find(connection, pcid, edition)
            store.put(connection, entry, now)
            if before is not None and der(before.chain.vehicle) != der(chain.vehicle):
                record(
                    connection,
                    Event(EventType.PROVISIONING_UPDATED, now, pcid=pcid, namespace=spelling(edition)),
                )

        await self._database.write(work)
        # After the commit, and also when nothing changed: repeating a PUT that was cut off here finishes it.
        for follower in self._followers:
            await follower.provisioning_changed(pcid, entry.key_fingerprint, edition)
        previous = chain.previous_pcid
        if previous is not None and previous != pcid and await self._knows(previous):
            await self.delete(previous)
        return entry

    async def find(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning | None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        return await self._database.read(lambda connection: store.find(connection, pcid, edition))

    async def get(self, pcid: str, edition: Edition = Edition.ISO2) -> Provisioning:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        return found(await self.find(pcid, edition), pcid, edition)

    async def delete(self, pcid: str) -> None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningPool`."""
        if not await self._knows(pcid):
            raise MarketError(Code.UNKNOWN_PCID, f"no provisioning certificate for PCID {pcid}")
        # Contracts first: cut off here, the call can be repeated.
        for follower in self._followers:
            for edition in Edition:
                await follower.provisioning_changed(pcid, None, edition)
        now = self._now()

        def work(connection: sa.Connection) -> None:
            if store.delete(connection, pcid):
                record(connection, Event(EventType.PROVISIONING_DELETED, now, pcid=pcid))

        await self._database.write(work)

    async def _knows(self, pcid: str) -> bool:
        return any([await self.find(pcid, edition) for edition in Edition])
