"""The market as the telematics backend sees it, where the pools are at hand: in this process, or remote."""

from collections.abc import Sequence
from dataclasses import replace

from cryptography import x509

from backend_stub.ccp.interface import Collection, ContractPool, Installation
from backend_stub.namespaces import edition
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.telematics.interface import KnownCar


class Pools:
    """Implements :class:`~backend_stub.telematics.interface.MarketSide` over the pools' interfaces."""

    def __init__(
        self, contracts: ContractPool, provisioning: ProvisioningPool, roots: RootCertificatePool
    ) -> None:
        self._contracts = contracts
        self._provisioning = provisioning
        self._roots = roots

    async def car(self, pcid: str) -> KnownCar | None:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        entry = await self._provisioning.find(pcid)
        if entry is None:
            return None
        return KnownCar(entry.pcid, entry.chain.vehicle, entry.chain.v2g_root_key_ids)

    async def collect(self, wanted: Collection, namespace: str) -> Installation:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        return await self._contracts.collect(replace(wanted, edition=edition(namespace)))

    async def set_default(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        await self._contracts.set_default(pcid, emaid)

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        return await self._contracts.factory_reset(pcid)

    async def v2g_roots(self) -> Sequence[x509.Certificate]:
        """See :class:`~backend_stub.telematics.interface.MarketSide`."""
        return [root.certificate for root in await self._roots.roots(RootType.V2G)]
