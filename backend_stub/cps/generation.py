"""Contracts for mobility operators without a PKI of their own: made, sealed and signed here, in one call.

OPCP calls it ``generate/signedContractData``, OPNC ``generateandsign``.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from weakref import WeakValueDictionary

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.authority.interface import Issued, IssuedRegister
from backend_stub.ccp.interface import ContractPool
from backend_stub.certificates import check_issuer
from backend_stub.cps.interface import ContractData, ProvisioningService, SignOrder
from backend_stub.errors import Code, MarketError
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.sealing import Terms, make_contract
from pki.chain import public_key
from pki.entropy import Entropy
from pki.issuing import Identity
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
        issuer: Identity,
        sub_ca1: x509.Certificate,
        mo_root: x509.Certificate,
        *,
        issued: IssuedRegister,
        provisioning: ProvisioningPool,
        signing: ProvisioningService,
        contracts: ContractPool,
        now: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self._issuer = issuer
        self._sub_ca1 = sub_ca1
        self._mo_root_fingerprint = fingerprint_sha256(mo_root)
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
        check_issuer(self._issuer, now)
        if not order.begins < order.ends or order.ends <= now:
            raise MarketError(Code.REQUEST, "contractEnds must be after contractBegins, and not over yet")
        if order.begins > now:
            raise MarketError(
                Code.REQUEST, "contractBegins is in the future: only what is valid now can be signed"
            )
        if order.mo_root_fingerprint not in {None, self._mo_root_fingerprint}:
            raise MarketError(
                Code.NO_SIGNER, f"contracts are made under MO root {self._mo_root_fingerprint} only"
            )
        # Two equal requests at once make one contract: the second finds what the first has made.
        async with self._at_work.setdefault(order.emaid, asyncio.Lock()):
            if not await self._is_there(order):
                car = await self._provisioning.get(order.pcid)
                data = self._make_sealed(order, public_key(car.chain.vehicle))
                await self._issued.register_issued([Issued(data.certificate, order.pcid)])
                await self._signing.sign(
                    SignOrder(
                        data=data,
                        pcid=order.pcid,
                        v2g_root_fingerprint=order.v2g_root_fingerprint,
                        receiver_key=car.key_fingerprint,
                    )
                )

    async def _is_there(self, order: ContractOrder) -> bool:
        return any(
            contract.pcid == order.pcid
            and order.v2g_root_fingerprint in {None, contract.v2g_root_fingerprint}
            and (contract.certificate.not_valid_before_utc, contract.certificate.not_valid_after_utc)
            == self._validity(order)
            for contract in await self._contracts.find(order.emaid)
        )

    def _validity(self, order: ContractOrder) -> tuple[datetime, datetime]:
        """Return the wanted time, as far as the issuer has it to give."""
        issuer = self._issuer.certificate
        begins = max(order.begins.replace(microsecond=0), issuer.not_valid_before_utc)
        return begins, min(order.ends.replace(microsecond=0), issuer.not_valid_after_utc)

    def _make_sealed(self, order: ContractOrder, receiver: ec.EllipticCurvePublicKey) -> ContractData:
        """Make the contract and seal its key for the car; the plaintext key never comes here."""
        begins, ends = self._validity(order)
        terms = Terms(order.emaid, begins, ends - begins, self._issued.pointers(self._issuer.certificate))
        certificate, envelope = make_contract(terms, self._issuer, receiver, self._entropy)
        return ContractData(
            certificate=certificate,
            sub_ca1=self._sub_ca1,
            sub_ca2=self._issuer.certificate,
            encrypted_private_key=envelope.encrypted_private_key,
            dh_public_key=envelope.dh_public_key,
        )
