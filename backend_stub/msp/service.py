"""The mobility service provider at work."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.exc import IntegrityError

from backend_stub.ccp.interface import ContractPool
from backend_stub.certificates import check_issuer
from backend_stub.cps.interface import ContractData, ProvisioningService, SignOrder
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.msp import store
from backend_stub.msp.interface import DriverContract
from backend_stub.numbering import ATTEMPTS, DIGITS_AND_CAPITALS, draw
from backend_stub.pcp.interface import ProvisioningPool
from pki.chain import public_key
from pki.entropy import Entropy
from pki.issuing import Identity, issue
from pki.profiles import CONTRACT
from v2g.identifiers import new_emaid
from v2g.security.envelope import seal_iso2

RESERVATION_LIFETIME = timedelta(minutes=10)
"""After so long nobody is working on a reservation any more: onboarding takes well under a second."""

_INSTANCE_LENGTH = 9

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who the provider is: its place in the national registry, and the CA that issues its contracts."""

    country: str
    provider_id: str
    sub_ca1: x509.Certificate
    sub_ca2: Identity


class ContractDesk:
    """Makes contracts. The order of steps leaves nothing half-made behind when the process is killed.

    Reserve the eMAID, issue and seal, have it signed and stored, complete the reservation: a kill before the
    CCP stored the bundle leaves a reservation, one after it leaves a whole contract that :meth:`settle`
    completes at the next start.
    """

    def __init__(
        self,
        database: Database,
        operator: Operator,
        provisioning: ProvisioningPool,
        signing: ProvisioningService,
        contracts: ContractPool,
        now: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self._database = database
        self._operator = operator
        self._provisioning = provisioning
        self._signing = signing
        self._contracts = contracts
        self._now = now
        self._entropy = entropy

    async def onboard(self, pcid: str) -> DriverContract:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        check_issuer(self._operator.sub_ca2, self._now())
        car = await self._provisioning.get(pcid)
        emaid = await self._reserve(pcid)
        try:
            data = self._make_sealed(emaid, public_key(car.chain.vehicle))
            order = SignOrder(data=data, pcid=pcid, receiver_key=car.key_fingerprint)
            await self._signing.sign(order)
        except MarketError:
            await self._database.write(lambda connection: store.release(connection, emaid))
            raise
        return await self._complete(emaid, pcid, data.certificate)

    async def contracts(self, limit: int) -> Sequence[DriverContract]:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        return await self._database.read(lambda connection: store.newest(connection, limit))

    async def count(self) -> int:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        return await self._database.read(store.count)

    async def settle(self) -> None:
        """Finish or forget what a killed process left behind; called at start, harmless at any time."""
        moment = self._now() - RESERVATION_LIFETIME
        for emaid in await self._database.read(lambda connection: store.reserved_before(connection, moment)):
            await self._settle(emaid)

    async def _settle(self, emaid: str) -> None:
        stored = await self._contracts.find(emaid)
        if stored:
            await self._complete(emaid, stored[0].pcid, stored[0].certificate)
            _log.info("contract %s was in the pool already: completed", emaid)
        else:
            await self._database.write(lambda connection: store.release(connection, emaid))
            _log.info("eMAID %s was reserved but never used: released", emaid)

    async def _complete(self, emaid: str, pcid: str, certificate: x509.Certificate) -> DriverContract:
        contract = DriverContract(
            emaid=emaid,
            pcid=pcid,
            certificate_serial=certificate.serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            onboarded_at=self._now(),
        )
        await self._database.write(lambda connection: store.complete(connection, contract))
        return contract

    async def _reserve(self, pcid: str) -> str:
        """Return a new eMAID that the unique key of the table makes ours alone."""
        now = self._now()
        for _ in range(ATTEMPTS):
            instance = draw(self._entropy, DIGITS_AND_CAPITALS, _INSTANCE_LENGTH)
            emaid = str(new_emaid(self._operator.country, self._operator.provider_id, instance))
            try:
                await self._database.write(partial(store.reserve, emaid=emaid, pcid=pcid, now=now))
            except IntegrityError:
                continue
            return emaid
        raise MarketError(Code.CONFLICT, f"no free eMAID after {ATTEMPTS} draws")

    def _make_sealed(self, emaid: str, receiver: ec.EllipticCurvePublicKey) -> ContractData:
        """Make the contract key, certify it and seal it for the car.

        This frame is the only place that ever holds the plaintext key: it is neither stored nor passed on,
        and gone when the frame is.
        """
        key = self._entropy.ec_key(CONTRACT.key_type.curve)
        certificate = issue(
            CONTRACT,
            common_name=emaid,
            public_key=key.public_key(),
            issuer=self._operator.sub_ca2,
            now=self._now(),
            entropy=self._entropy,
        )
        envelope = seal_iso2(key, receiver, self._entropy)
        return ContractData(
            certificate=certificate,
            sub_ca1=self._operator.sub_ca1,
            sub_ca2=self._operator.sub_ca2.certificate,
            encrypted_private_key=envelope.encrypted_private_key,
            dh_public_key=envelope.dh_public_key,
        )
