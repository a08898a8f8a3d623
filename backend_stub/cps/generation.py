"""Contracts for mobility operators without a PKI of their own: made, sealed and signed here, in one call.

OPCP calls it ``generate/signedContractData``, OPNC ``generateandsign``.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from weakref import WeakValueDictionary

from backend_stub.authority.interface import Issued, IssuedRegister
from backend_stub.ccp.interface import ContractPool
from backend_stub.certificates import check_issuer
from backend_stub.cps.interface import ContractData, ProvisioningService, SignOrder
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.sealing import ContractIssuer, Terms, make_contract, receiver_of
from pki.entropy import Entropy
from pki.keys import PublicKey
from pki.names import fingerprint_sha256


@dataclass(frozen=True, slots=True)
class ContractOrder:
    """A contract to be made. ``begins`` and ``ends`` count in whole seconds."""

    emaid: str
    pcid: str
    begins: datetime
    ends: datetime
    v2g_root_fingerprint: str | None = None
    """Sign under this V2G root; None: under one that the car is known to hold."""
    mo_root_fingerprint: str | None = None
    """The MO root that it must stand under; None: that of the market."""
    edition: Edition = Edition.ISO2


class ContractGenerator(Protocol):
    """The part of the CPS that mobility operators without a PKI use."""

    async def generate(self, order: ContractOrder) -> None:
        """Make a contract and put it, sealed and signed, into the CCP. Repeating it changes nothing.

        Raises MarketError: REQUEST for a time that cannot be had, UNKNOWN_PCID, and what the CPS and the pools
        refuse.
        """
        ...


class HostedIssuer:
    """Issues under the MO hierarchy of this market."""

    def __init__(
        self,
        issuers: Mapping[Edition, ContractIssuer],
        *,
        issued: IssuedRegister,
        provisioning: ProvisioningPool,
        signing: ProvisioningService,
        contracts: ContractPool,
        now: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self._issuers = issuers
        self._issued = issued
        self._provisioning = provisioning
        self._signing = signing
        self._contracts = contracts
        self._now = now
        self._entropy = entropy
        self._at_work: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def generate(self, order: ContractOrder) -> None:
        """See :class:`ContractGenerator`."""
        now = self._now()
        above = self._issuers.get(order.edition)
        if above is None:
            raise MarketError(Code.NO_SIGNER, f"no contracts of {order.edition} are made here")
        check_issuer(above.sub_ca2, now)
        if not order.begins < order.ends or order.ends <= now:
            raise MarketError(Code.REQUEST, "contractEnds must be after contractBegins, and not over yet")
        if order.begins > now:
            raise MarketError(
                Code.REQUEST, "contractBegins is in the future: only what is valid now can be signed"
            )
        mo_root = fingerprint_sha256(above.root)
        if order.mo_root_fingerprint not in {None, mo_root}:
            raise MarketError(Code.NO_SIGNER, f"contracts are made under MO root {mo_root} only")
        # Two equal requests at once make one contract: the second finds what the first has made.
        async with self._at_work.setdefault(order.emaid, asyncio.Lock()):
            if not await self._is_there(order, above):
                car = await self._provisioning.get(order.pcid, order.edition)
                data = self._make_sealed(order, above, receiver_of(car.chain.vehicle))
                await self._issued.register_issued([Issued(data.certificate, order.pcid)])
                await self._signing.sign(
                    SignOrder(
                        data=data,
                        pcid=order.pcid,
                        v2g_root_fingerprint=order.v2g_root_fingerprint,
                        receiver_key=car.key_fingerprint,
                    )
                )

    async def _is_there(self, order: ContractOrder, above: ContractIssuer) -> bool:
        return any(
            (contract.pcid, contract.edition) == (order.pcid, order.edition)
            and order.v2g_root_fingerprint in {None, contract.v2g_root_fingerprint}
            and (contract.certificate.not_valid_before_utc, contract.certificate.not_valid_after_utc)
            == _validity(order, above)
            for contract in await self._contracts.find(order.emaid)
        )

    def _make_sealed(self, order: ContractOrder, above: ContractIssuer, receiver: PublicKey) -> ContractData:
        """Make the contract and seal its key for the car; the plaintext key never comes here."""
        begins, ends = _validity(order, above)
        pointers = self._issued.pointers(above.sub_ca2.certificate)
        terms = Terms(order.emaid, begins, ends - begins, pointers, order.pcid)
        certificate, envelope = make_contract(terms, above.sub_ca2, receiver, self._entropy)
        return ContractData(
            certificate=certificate,
            sub_ca1=above.sub_ca1,
            sub_ca2=above.sub_ca2.certificate,
            encrypted_private_key=envelope.encrypted_private_key,
            dh_public_key=envelope.dh_public_key,
        )


def _validity(order: ContractOrder, above: ContractIssuer) -> tuple[datetime, datetime]:
    """Return the wanted time, as far as the issuer has it to give."""
    issuer = above.sub_ca2.certificate
    begins = max(order.begins.replace(microsecond=0), issuer.not_valid_before_utc)
    return begins, min(order.ends.replace(microsecond=0), issuer.not_valid_after_utc)
