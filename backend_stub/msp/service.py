"""The mobility service provider at work."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509
from sqlalchemy.exc import IntegrityError

from backend_stub.authority.interface import CertificateAuthority, Issued, Kind, RevokeOrder, Selection
from backend_stub.ccp.interface import ContractPool
from backend_stub.certificates import check_issuer
from backend_stub.cps.interface import ContractData, ProvisioningService, SignedContract, SignOrder
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.msp import store
from backend_stub.msp.entitlement import Entitlements
from backend_stub.msp.interface import MANY, DriverContract, Proof, State
from backend_stub.namespaces import Edition
from backend_stub.numbering import ATTEMPTS, DIGITS_AND_CAPITALS, draw
from backend_stub.pcp.interface import Provisioning, ProvisioningPool
from backend_stub.register.interface import VehicleRegister
from backend_stub.sealing import ContractIssuer, Terms, make_contract, receiver_of
from backend_stub.suites import edition_of
from pki.entropy import Entropy
from pki.names import common_name
from pki.revocation import Reason
from v2g.identifiers import Emaid, new_emaid

RESERVATION_LIFETIME = timedelta(minutes=10)
"""After so long nobody is working on a reservation any more: onboarding takes well under a second."""

_INSTANCE_LENGTH = 9

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who the provider is: its place in the national registry, and the CA that issues its contracts, by edition."""

    country: str
    provider_id: str
    issuers: Mapping[Edition, ContractIssuer]


@dataclass(frozen=True, slots=True)
class Partners:
    """The roles that the provider works with. Without authority nothing is revoked, without register no VIN known."""

    provisioning: ProvisioningPool
    signing: ProvisioningService
    contracts: ContractPool
    register: VehicleRegister | None = None
    authority: CertificateAuthority | None = None


class ContractDesk:
    """Makes, renews and ends contracts. The order of steps leaves nothing half-made when the process is killed.

    Reserve the eMAID, issue and seal, have it signed and stored, complete the reservation: a kill before the
    CCP stored the bundle leaves a reservation, one after it leaves a whole contract that :meth:`settle`
    completes at the next start. Renewals and ends are written down first and finished by it likewise.
    """

    def __init__(
        self,
        database: Database,
        operator: Operator,
        partners: Partners,
        entitlements: Entitlements,
        now: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self._database = database
        self._operator = operator
        self._with = partners
        self._entitlements = entitlements
        self._now = now
        self._entropy = entropy

    async def resolve(self, *, vin: str | None = None, registration: str | None = None) -> str:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        register = self._with.register
        if register is None:
            raise MarketError(Code.UNKNOWN, "this market has no vehicle register: give the PCID")
        if registration is not None:
            entry = await register.by_number(registration)
        else:
            entry = None if vin is None else await register.by_vin(vin)
        if entry is None:
            raise MarketError(Code.UNKNOWN, f"the vehicle register has no car {registration or vin}")
        return entry.pcid

    async def onboard(
        self, pcid: str, proof: Proof | None = None, editions: Sequence[Edition] = ()
    ) -> DriverContract:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        self._entitlements.check_form(proof)
        cars = await self._entries(pcid, editions)
        emaid = await self._reserve(pcid)
        made: dict[Edition, ContractData] = {}
        try:
            await self._entitlements.use(pcid, proof, emaid)
            try:
                for edition, car in cars.items():
                    made[edition] = await self._make_sealed(emaid, pcid, car.chain.vehicle)
                await self._have_signed(cars, made)
            except MarketError:
                await self._take_back(emaid)
                await self._entitlements.give_back(pcid, proof, emaid)
                raise
        except MarketError:
            await self._database.write(lambda connection: store.release(connection, emaid))
            raise
        return await self._complete(emaid, pcid, _certificates(made))

    async def renew(self, emaid: str) -> DriverContract:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        contract = await self._renewable(emaid)
        cars = await self._entries(contract.pcid, ())
        made = {
            edition: await self._make_sealed(emaid, car.pcid, car.chain.vehicle)
            for edition, car in cars.items()
        }
        certificates = _certificates(made)
        await self._database.write(partial(store.begin_renewal, emaid=emaid, certificates=certificates))
        try:
            await self._have_signed(cars, made)
        except MarketError:
            await self._database.write(lambda connection: store.drop_renewal(connection, emaid))
            raise
        return await self._complete(emaid, contract.pcid, certificates)

    async def update(self, old: x509.Certificate, v2g_root_fingerprints: Sequence[str]) -> SignedContract:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        contract = await self._renewable(Emaid.normalise(common_name(old)))
        data = await self._make_sealed(contract.emaid, contract.pcid, old)
        for root in v2g_root_fingerprints:
            try:
                signed = await self._with.signing.sign(SignOrder(data=data, v2g_root_fingerprint=root))
            except MarketError as error:
                if error.code is not Code.NO_SIGNER:
                    raise
            else:
                await self._complete(contract.emaid, contract.pcid, {data.edition: data.certificate})
                return signed
        detail = f"contract {contract.emaid} can be signed under no V2G root that the car holds"
        raise MarketError(Code.NO_CONTRACT, detail)

    async def terminate(self, emaid: str, reason: Reason = Reason.CESSATION_OF_OPERATION) -> DriverContract:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        ledger = await self._get(emaid)
        if ledger.contract.state is not State.ENDED:
            now = self._now()
            await self._database.write(partial(store.begin_end, emaid=emaid, reason=reason.value, now=now))
            await self._end(emaid)
        return (await self._get(emaid)).contract

    async def terminate_many(
        self, emaids: Sequence[str], reason: Reason = Reason.CESSATION_OF_OPERATION
    ) -> Sequence[str]:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        now = self._now()
        due = await self._database.write(
            partial(store.begin_end_many, emaids=emaids, reason=reason.value, now=now)
        )
        return await self._end_many(sorted(due), reason) if due else ()

    async def known(self, emaids: Sequence[str]) -> Sequence[str]:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        return sorted(await self._database.read(lambda connection: store.known(connection, emaids)))

    async def find(self, emaid: str) -> DriverContract | None:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        ledger = await self._database.read(lambda connection: store.find(connection, emaid))
        return None if ledger is None else ledger.contract

    async def of_car(self, pcid: str) -> Sequence[DriverContract]:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        return await self._database.read(lambda connection: store.of_car(connection, pcid))

    async def search(
        self, limit: int, *, emaid: str = "", state: State | None = None, after: str = ""
    ) -> Sequence[DriverContract]:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        last = await self.find(after) if after else None
        if after and last is None:
            raise MarketError(Code.NO_CONTRACT, f"contract {after} is not one of this provider")
        return await self._database.read(
            lambda connection: store.search(connection, limit, emaid=emaid, state=state, after=last)
        )

    async def contracts(self, limit: int) -> Sequence[DriverContract]:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        return await self._database.read(lambda connection: store.newest(connection, limit))

    async def count(self) -> int:
        """See :class:`~backend_stub.msp.interface.MobilityServiceProvider`."""
        return await self._database.read(store.count)

    async def settle(self) -> None:
        """Finish or forget what a killed process left behind; called at start, harmless at any time.

        Raises MarketError(PEER) when a pool that is needed for it cannot be reached.
        """
        moment = self._now() - RESERVATION_LIFETIME
        for emaid in await self._database.read(lambda connection: store.reserved_before(connection, moment)):
            await self._settle(emaid)
        for emaid, certificates in await self._database.read(store.renewals):
            await self._settle_renewal(emaid, certificates)
        for reason, emaids in (await self._database.read(store.ending)).items():
            for start in range(0, len(emaids), MANY):
                await self._settle_ends(emaids[start : start + MANY], Reason(reason))

    async def _settle(self, emaid: str) -> None:
        stored = await self._with.contracts.find(emaid)
        if stored:
            await self._complete(
                emaid, stored[0].pcid, {contract.edition: contract.certificate for contract in stored}
            )
            _log.info("contract %s was in the pool already: completed", emaid)
        else:
            await self._database.write(lambda connection: store.release(connection, emaid))
            _log.info("eMAID %s was reserved but never used: released", emaid)

    async def _settle_renewal(self, emaid: str, certificates: Mapping[Edition, x509.Certificate]) -> None:
        stored = await self._with.contracts.find(emaid)
        new = {
            contract.edition: contract.certificate
            for contract in stored
            if certificates.get(contract.edition) == contract.certificate
        }
        if new:
            await self._complete(emaid, stored[0].pcid, new)
            _log.info("the renewal of contract %s was in the pool already: completed", emaid)
            return
        await self._database.write(lambda connection: store.drop_renewal(connection, emaid))

    async def _settle_ends(self, emaids: Sequence[str], reason: Reason) -> None:
        try:
            left = await self._end_many(emaids, reason)
        except MarketError as error:
            _log.warning("%d contracts have not ended everywhere yet: %s", len(emaids), error)
            return
        for emaid in left:
            _log.warning("contract %s has not ended everywhere yet", emaid)
        _log.info("%d contracts have ended everywhere now", len(emaids) - len(left))

    async def _end(self, emaid: str) -> None:
        """Carry an end out: revoke, remove from every pool, write down that it is done."""
        ledger = await self._get(emaid)
        if self._with.authority is not None:
            reason = Reason(ledger.contract.end_reason)
            for certificate in ledger.certificates.values():
                await self._with.authority.revoke(RevokeOrder(certificate, reason))
        try:
            await self._with.contracts.delete(emaid)
        except MarketError as error:
            if error.code is not Code.NO_CONTRACT:
                raise
        now = self._now()
        await self._database.write(lambda connection: store.end(connection, emaid, now))

    async def _end_many(self, emaids: Sequence[str], reason: Reason) -> Sequence[str]:
        """Carry many ends out as :meth:`_end` does; return those that have not ended in every pool."""
        if self._with.authority is not None:
            selection = Selection(names=emaids, kind=Kind.CONTRACT)
            async with aclosing(self._with.authority.revoke_many(selection, reason)) as steps:
                async for _ in steps:
                    pass
        left = await self._with.contracts.delete_many(emaids)
        done = sorted(set(emaids) - set(left))
        now = self._now()
        await self._database.write(lambda connection: store.end_many(connection, done, now))
        return left

    async def _renewable(self, emaid: str) -> DriverContract:
        """Return a contract that may have a new certificate now."""
        contract = (await self._get(emaid)).contract
        if contract.state is not State.ACTIVE:
            raise MarketError(Code.NO_CONTRACT, f"contract {emaid} has ended")
        return contract

    async def _get(self, emaid: str) -> store.Ledger:
        ledger = await self._database.read(lambda connection: store.find(connection, emaid))
        if ledger is None:
            raise MarketError(Code.NO_CONTRACT, f"contract {emaid} is not one of this provider")
        return ledger

    async def _entries(self, pcid: str, editions: Sequence[Edition]) -> Mapping[Edition, Provisioning]:
        """Return the car's entries in the PCP for which contracts are to be made; raises UNKNOWN_PCID for none."""
        found: dict[Edition, Provisioning] = {}
        for edition in editions or self._operator.issuers:
            if edition not in self._operator.issuers:
                raise MarketError(Code.NO_SIGNER, f"this provider makes no contracts for {edition}")
            entry = await self._with.provisioning.find(pcid, edition)
            if entry is not None:
                found[edition] = entry
            elif editions:
                await self._with.provisioning.get(pcid, edition)
        if not found:
            raise MarketError(Code.UNKNOWN_PCID, f"no provisioning certificate for PCID {pcid}")
        return found

    async def _have_signed(
        self, cars: Mapping[Edition, Provisioning], made: Mapping[Edition, ContractData]
    ) -> None:
        for edition, data in made.items():
            car = cars[edition]
            order = SignOrder(data=data, pcid=car.pcid, receiver_key=car.key_fingerprint)
            await self._with.signing.sign(order)

    async def _take_back(self, emaid: str) -> None:
        """Remove what was stored already of a contract that cannot be made in every edition."""
        try:
            await self._with.contracts.delete(emaid)
        except MarketError as error:
            if error.code is not Code.NO_CONTRACT:
                _log.warning("contract %s, which was not made, may be in a pool: %s", emaid, error)

    async def _complete(
        self, emaid: str, pcid: str, certificates: Mapping[Edition, x509.Certificate]
    ) -> DriverContract:
        known = await self.find(emaid)
        held = {*certificates, *(known.editions if known else ())}
        editions = tuple(edition for edition in Edition if edition in held)
        certificate = certificates[next(edition for edition in Edition if edition in certificates)]
        contract = DriverContract(
            emaid=emaid,
            pcid=pcid,
            certificate_serial=certificate.serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            onboarded_at=known.onboarded_at if known else self._now(),
            editions=editions,
        )
        await self._database.write(partial(store.complete, contract=contract, certificates=certificates))
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

    async def _make_sealed(self, emaid: str, pcid: str, receiver: x509.Certificate) -> ContractData:
        """Make the contract and seal its key for the owner of a certificate; the plaintext key never comes here."""
        authority, above = self._with.authority, self._operator.issuers[edition_of(receiver)]
        issuer = above.sub_ca2
        check_issuer(issuer, self._now())
        pointers = None if authority is None else authority.pointers(issuer.certificate)
        terms = Terms(emaid, self._now(), pointers=pointers, pcid=pcid)
        certificate, envelope = make_contract(terms, issuer, receiver_of(receiver), self._entropy)
        if authority is not None:
            await authority.register_issued([Issued(certificate, pcid)])
        return ContractData(
            certificate=certificate,
            sub_ca1=above.sub_ca1,
            sub_ca2=issuer.certificate,
            encrypted_private_key=envelope.encrypted_private_key,
            dh_public_key=envelope.dh_public_key,
        )


def _certificates(made: Mapping[Edition, ContractData]) -> Mapping[Edition, x509.Certificate]:
    return {edition: data.certificate for edition, data in made.items()}
