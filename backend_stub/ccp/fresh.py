"""Signing on request: a contract that is there, but not signed as the car in front of the charger needs it.

The car lists other V2G roots than the contract was signed under, or the certificate of the CPS that signed it
has run out. The contract and the sealed key are still good; only id1 to id4 must be signed again.
"""

from collections.abc import Awaitable, Callable, Sequence

from backend_stub.ccp.interface import (
    Collection,
    Contract,
    ContractPool,
    Delivery,
    Installation,
    NotSignedError,
    SignedBundle,
    Unsigned,
)
from backend_stub.cps.interface import ContractData, ProvisioningService, SignOrder
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.reading import read_bundle


class FreshlySigned:
    """A contract pool that has a contract signed under the root that is missing, stores it, and answers."""

    def __init__(self, pool: ContractPool, signing: ProvisioningService) -> None:
        self._pool = pool
        self._signing = signing

    async def answer(self, request: bytes) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._signed(lambda: self._pool.answer(request))

    async def deliver(self, request: bytes) -> Delivery:
        """See :class:`~backend_stub.ccp.interface.ContractPool`; what cannot be signed does not keep the rest back."""
        delivery = await self._pool.deliver(request)
        signed = False
        with calls.directly():
            for unsigned in delivery.unsigned:
                signed = await self._sign(unsigned) or signed
        if signed:
            delivery = await self._pool.deliver(request)
        if not delivery.installations:
            pcid = delivery.unsigned[0].pcid
            raise MarketError(
                Code.NO_CONTRACT, f"no contract of PCID {pcid} is signed under a V2G root that the car holds"
            )
        return delivery

    async def collect(self, wanted: Collection) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._signed(lambda: self._pool.collect(wanted))

    async def put(self, bundle: SignedBundle) -> Contract:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._pool.put(bundle)

    async def delete(self, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        await self._pool.delete(emaid)

    async def delete_many(self, emaids: Sequence[str]) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._pool.delete_many(emaids)

    async def set_default(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        await self._pool.set_default(pcid, emaid)

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._pool.factory_reset(pcid)

    async def of_car(self, pcid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._pool.of_car(pcid)

    async def find(self, emaid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._pool.find(emaid)

    async def _signed(self, ask: Callable[[], Awaitable[Installation]]) -> Installation:
        try:
            return await ask()
        except NotSignedError as missing:
            # Also for a peer's question: the one CPS that has the root is asked, nobody else.
            with calls.directly():
                signed = await self._sign(missing.unsigned)
            if not signed:
                raise
        return await ask()

    async def _sign(self, unsigned: Unsigned) -> bool:
        """Have the contract signed under the first of the wanted roots that somebody can sign under."""
        data = _contract_data(unsigned)
        for root in unsigned.v2g_root_fingerprints:
            order = SignOrder(data, unsigned.pcid, root, unsigned.receiver_key)
            try:
                await self._signing.sign(order)
            except MarketError as error:
                if error.code is not Code.NO_SIGNER:
                    raise
            else:
                return True
        return False


def _contract_data(unsigned: Unsigned) -> ContractData:
    """Return what was signed: the contract's chain and the sealed key, as the mobility operator gave them."""
    bundle = read_bundle(unsigned.document, unsigned.edition)
    above = bundle.contract_sub_cas
    if not above:
        raise MarketError(Code.CHAIN, "the contract's chain has no sub-CA")
    return ContractData(
        certificate=bundle.contract_certificate,
        sub_ca1=above[-1],
        sub_ca2=above[0] if len(above) > 1 else None,
        encrypted_private_key=bundle.envelope.encrypted_private_key,
        dh_public_key=bundle.envelope.dh_public_key,
    )
