"""The signing services of connected providers as one: the right one signs, under the root that the car trusts."""

import asyncio
from collections.abc import Sequence
from functools import partial

from backend_stub.ccp.interface import ContractPool, SignedBundle
from backend_stub.certificates import subject_key_id
from backend_stub.cps.interface import ProvisioningService, SignedContract, Signer, SignOrder
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.federation.broadcast import first_success
from backend_stub.federation.peer import Peer
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.rcp.interface import Root, RootCertificatePool, RootType
from backend_stub.reading import read_bundle

SIGNERS_LIFETIME_S = 60.0
"""For so long a peer's list of signers is believed before it is asked again."""


class FederatedProvisioningService:
    """Signs here where a certificate of ours leads to the wanted root, and has a peer sign otherwise.

    What a peer has signed is stored in this provider's contract pool, which verifies the signature up to
    the root: the contract stays where its mobility operator works with it, whoever signed.
    """

    def __init__(
        self,
        local: ProvisioningService,
        contracts: ContractPool,
        provisioning: ProvisioningPool,
        roots: RootCertificatePool,
        peers: Sequence[Peer],
        timeout_s: float,
    ) -> None:
        self._local = local
        self._contracts = contracts
        self._provisioning = provisioning
        self._roots = roots
        self._peers = peers
        self._timeout_s = timeout_s
        self._signers: dict[str, tuple[float, frozenset[str]]] = {}

    async def sign(self, order: SignOrder) -> SignedContract:
        """See :class:`~backend_stub.cps.interface.ProvisioningService`."""
        try:
            return await self._local.sign(order)
        except MarketError as error:
            if error.code is not Code.NO_SIGNER or calls.only_from_here():
                raise
            miss = error
        wanted = await self._wanted(order)
        if not wanted:
            raise miss
        outcome = await first_success(
            self._peers,
            partial(self._sign_at, order=order, wanted=wanted),
            within_s=calls.budget_s(self._timeout_s),
        )
        if outcome.answer is None:
            raise outcome.verdict or MarketError(miss.code, f"{miss.detail}{outcome.remark}")
        document, root = outcome.answer
        edition = order.data.edition
        try:
            emaid = read_bundle(document, edition).emaid
        except MarketError as error:
            raise MarketError(Code.PEER, f"what the peer signed cannot be used: {error}") from error
        if order.pcid is not None:
            await self._contracts.put(
                SignedBundle(
                    pcid=order.pcid,
                    document=document,
                    receiver_key=order.receiver_key,
                    v2g_root_fingerprint=root.fingerprint,
                    edition=edition,
                )
            )
        return SignedContract(emaid, order.pcid, document, root.certificate, edition)

    async def signers(self) -> Sequence[Signer]:
        """See :class:`~backend_stub.cps.interface.ProvisioningService`: the own ones only."""
        return await self._local.signers()

    async def _wanted(self, order: SignOrder) -> Sequence[Root]:
        """Return the V2G roots, of those known here, that the order or the car's maker asks for."""
        roots = await self._roots.roots(RootType.V2G)
        if order.v2g_root_fingerprint is not None:
            return [root for root in roots if root.fingerprint == order.v2g_root_fingerprint]
        if order.pcid is None:
            return []
        held = (await self._provisioning.get(order.pcid, order.data.edition)).chain.v2g_root_key_ids
        return [root for root in roots if subject_key_id(root.certificate) in held]

    async def _sign_at(self, peer: Peer, *, order: SignOrder, wanted: Sequence[Root]) -> tuple[bytes, Root]:
        offered = await self._signers_of(peer)
        for root in wanted:
            if root.fingerprint in offered:
                return await peer.sign(order, root.fingerprint), root
        raise MarketError(Code.NO_SIGNER, f"provider {peer.name} signs under none of the roots")

    async def _signers_of(self, peer: Peer) -> frozenset[str]:
        now = asyncio.get_running_loop().time()
        until, offered = self._signers.get(peer.name, (0.0, frozenset()))
        if now >= until:
            offered = await peer.signer_roots()
            self._signers[peer.name] = now + SIGNERS_LIFETIME_S, offered
        return offered
