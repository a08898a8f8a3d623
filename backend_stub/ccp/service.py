"""The contract certificate pool at work: what enters it, and what a car is given."""

import base64
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from backend_stub.authority.interface import RevocationSource
from backend_stub.ccp import store
from backend_stub.ccp.interface import (
    Collection,
    Contract,
    Delivery,
    Drop,
    Installation,
    NotSignedError,
    SignedBundle,
    Unsigned,
)
from backend_stub.certificates import chain_refusal, der, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.events import Event, EventType, record
from backend_stub.namespaces import Edition, spelling
from backend_stub.pcp.interface import Provisioning, ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.reading import InstallationRequest, encode_message, read_bundle, read_request
from backend_stub.revocations import check_each, checker_of
from backend_stub.suites import of_edition, profile_in
from pki.chain import validate
from pki.errors import CertificateError
from pki.names import fingerprint_sha256, matches_issuer_serial
from v2g.errors import SignatureError
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.trace import Tracer

_log = logging.getLogger(__name__)


_PROVIDER_LENGTH = 5
"""Country and provider id at the beginning of an eMAID."""

_ANNOUNCED = {
    store.Change.CREATED: EventType.OEM_CONTRACT_CREATED,
    store.Change.UPDATED: EventType.OEM_CONTRACT_UPDATED,
}


class BundlePool:
    """Keeps bundles as the EXI documents they were signed as.

    Validating a chain takes 0.5 ms and is done for every request: roots and time change, and a cache would
    have to know.
    """

    def __init__(
        self,
        database: Database,
        provisioning: ProvisioningPool,
        roots: RootCertificatePool,
        now: Callable[[], datetime],
        tracer: Tracer,
        revocations: RevocationSource | None = None,
    ) -> None:
        self._revocations = revocations
        self._database = database
        self._provisioning = provisioning
        self._roots = roots
        self._now = now
        self._tracer = tracer

    async def answer(self, request: bytes) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        wanted = read_request(request)
        car = await self._verified(wanted)
        bundle = await self._choose(car, wanted.held_roots)
        return await self._delivered(bundle, wanted.session_id, Edition.ISO2)

    async def deliver(self, request: bytes) -> Delivery:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        wanted = read_request(request, Edition.ISO20)
        car = await self._verified(wanted)
        contracts = await self._wished(car, wanted)
        roots = await self._listed(wanted.held_roots)
        chosen: list[store.ReadyBundle] = []
        unsigned: list[Unsigned] = []
        for bundles in contracts[: wanted.maximum]:
            try:
                chosen.append(self._signed_under(bundles, roots, car, f"contract {bundles[0].emaid}"))
            except NotSignedError as missing:
                unsigned.append(missing.unsigned)
        installations: list[Installation] = []
        refused: MarketError | None = None
        for position, bundle in enumerate(chosen, start=1):
            remaining = len(chosen) - position
            try:
                installations.append(
                    await self._delivered(bundle, wanted.session_id, Edition.ISO20, remaining)
                )
            except MarketError as error:
                refused = error  # revoked since: the others are good
        if refused is not None and not installations and not unsigned:
            raise refused
        return Delivery(installations, unsigned)

    async def collect(self, wanted: Collection) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        car = await self._provisioning.find(wanted.pcid, wanted.edition)
        ready: Sequence[store.ReadyBundle] = ()
        if car is not None:
            key = car.key_fingerprint
            shelf = store.SHELVES[wanted.edition]
            ready = await self._database.read(
                lambda connection: shelf.ready_one(connection, wanted.emaid, wanted.pcid, key)
            )
        if car is None or not ready:
            raise MarketError(Code.NO_CONTRACT, f"PCID {wanted.pcid} has no contract {wanted.emaid}")
        anchors = await self._roots.roots(RootType.V2G)
        held = set(car.chain.v2g_root_key_ids)
        roots = [root.fingerprint for root in anchors if not held or subject_key_id(root.certificate) in held]
        if wanted.v2g_root_fingerprint is not None:
            roots = [wanted.v2g_root_fingerprint]
        bundle = self._signed_under(ready, roots, car, f"contract {wanted.emaid}")
        return await self._delivered(bundle, wanted.session_id, wanted.edition)

    async def put(self, bundle: SignedBundle) -> Contract:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()
        edition = bundle.edition
        signed = read_bundle(bundle.document, edition)
        roots = of_edition([root.certificate for root in await self._roots.roots(RootType.V2G)], edition)
        revocation = await checker_of(self._revocations, [signed.cps_leaf, *signed.cps_sub_cas])
        try:
            path = validate(
                signed.cps_leaf,
                signed.cps_sub_cas,
                roots,
                at=now,
                profile=profile_in(edition, signed.cps_leaf, "cps_leaf"),
                revocation=revocation,
            )
        except CertificateError as error:
            raise chain_refusal(error, "CPS certificate") from error
        try:
            await check_each(self._revocations, [signed.contract_certificate], now)
        except CertificateError as error:
            raise chain_refusal(error, "contract certificate") from error
        try:
            signed.verify_signature()
        except SignatureError as error:
            raise MarketError(Code.SIGNATURE, f"CertificateInstallationRes: {error}") from error
        root = fingerprint_sha256(path[-1])
        if bundle.emaid not in {None, signed.emaid} or bundle.v2g_root_fingerprint not in {None, root}:
            raise MarketError(
                Code.MESSAGE, f"the bundle is for contract {signed.emaid} and signed under V2G root {root}"
            )
        car = await self._provisioning.get(bundle.pcid, edition)
        receiver_key = bundle.receiver_key or car.key_fingerprint
        if receiver_key != car.key_fingerprint:
            raise MarketError(
                Code.CONFLICT, f"sealed for a certificate of PCID {car.pcid} that has been replaced"
            )
        contract = Contract(
            emaid=signed.emaid,
            pcid=car.pcid,
            certificate=signed.contract_certificate,
            v2g_root_fingerprint=root,
            is_default=False,
            edition=edition,
        )
        new = store.NewBundle(
            receiver_key=receiver_key,
            cps_not_after=min(certificate.not_valid_after_utc for certificate in path),
            document=bundle.document,
        )

        def work(connection: sa.Connection) -> Contract:
            if store.owners(connection, contract.emaid) - {contract.pcid}:
                raise MarketError(Code.CONFLICT, f"contract {contract.emaid} belongs to another car")
            placed, change = store.SHELVES[edition].put(connection, contract, new, now)
            if change in _ANNOUNCED:
                facts = {
                    "contractCert": base64.b64encode(der(contract.certificate)).decode(),
                    "cpsSignerRootFingerprint": root,
                    "defaultContract": placed.is_default,
                }
                event = Event(_ANNOUNCED[change], now, placed.emaid, placed.pcid, facts, spelling(edition))
                record(connection, event)
            return placed

        return await self._database.write(work)

    async def delete(self, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            found = False
            for edition, shelf in store.SHELVES.items():
                pcid = shelf.owner(connection, emaid)
                if pcid is not None:
                    found = True
                    shelf.delete(connection, emaid)
                    record(connection, _deleted(emaid, pcid, now, Drop.ENDED, edition))
            if not found:
                raise MarketError(Code.NO_CONTRACT, f"no contract {emaid}")

        await self._database.write(work)

    async def delete_many(self, emaids: Sequence[str]) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            for edition, shelf in store.SHELVES.items():
                found = shelf.delete_many(connection, emaids)
                gone = (_deleted(emaid, pcid, now, Drop.ENDED, edition) for emaid, pcid in found.items())
                record(connection, *gone)

        await self._database.write(work)
        return ()

    async def set_default(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            found = False
            for edition, shelf in store.SHELVES.items():
                before = shelf.is_default(connection, emaid)
                if not shelf.set_default(connection, pcid, emaid):
                    continue
                found = True
                if not before:
                    kind, facts = EventType.OEM_CONTRACT_UPDATED, {"defaultContract": True}
                    record(connection, Event(kind, now, emaid, pcid, facts, spelling(edition)))
            if not found:
                raise MarketError(Code.NO_CONTRACT, f"PCID {pcid} has no contract {emaid}")

        await self._database.write(work)

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> Sequence[str]:
            gone: list[str] = []
            for edition, shelf in store.SHELVES.items():
                emaids = shelf.drop_sealed_for_others(connection, pcid, None)
                # The operators of the contracts learn of it, each of its own, and once.
                new = [emaid for emaid in emaids if emaid not in gone]
                told = [Event(EventType.FACTORY_RESET, now, emaid, pcid) for emaid in new]
                record(
                    connection, *told, *(_deleted(emaid, pcid, now, Drop.RESET, edition) for emaid in emaids)
                )
                gone += new
            return gone

        return await self._database.write(work)

    async def of_car(self, pcid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""

        def work(connection: sa.Connection) -> Sequence[Contract]:
            return [
                contract for shelf in store.SHELVES.values() for contract in shelf.of_car(connection, pcid)
            ]

        return await self._database.read(work)

    async def find(self, emaid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""

        def work(connection: sa.Connection) -> Sequence[Contract]:
            return [
                contract for shelf in store.SHELVES.values() for contract in shelf.find(connection, emaid)
            ]

        return await self._database.read(work)

    async def provisioning_changed(
        self, pcid: str, key_fingerprint: str | None, edition: Edition = Edition.ISO2
    ) -> None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningFollower`."""
        now = self._now()
        reason = Drop.CAR_GONE if key_fingerprint is None else Drop.KEY_CHANGED

        def work(connection: sa.Connection) -> Sequence[str]:
            emaids = store.SHELVES[edition].drop_sealed_for_others(connection, pcid, key_fingerprint)
            record(connection, *(_deleted(emaid, pcid, now, reason, edition) for emaid in emaids))
            return emaids

        dropped = await self._database.write(work)
        if dropped:
            _log.info("dropped %d contracts of PCID %s: its key has changed", len(dropped), pcid)

    async def _verified(self, wanted: InstallationRequest) -> Provisioning:
        """Return the car whose request this is, once its signature and certificate chain have been checked."""
        tracer = self._tracer.bind(session=wanted.session_id.hex())
        try:
            wanted.verify_signature()
        except SignatureError as error:
            tracer.event("signature.failed", what="CertificateInstallationReq", reason=str(error))
            raise MarketError(Code.SIGNATURE, f"CertificateInstallationReq: {error}") from error
        tracer.event("signature.verified", what="CertificateInstallationReq", references=[wanted.reference])
        try:
            return await self._registered(wanted)
        except CertificateError as error:
            tracer.event("certificate.rejected", rule=error.rule, subject=error.subject, detail=error.detail)
            raise chain_refusal(error, "provisioning certificate") from error

    async def _registered(self, wanted: InstallationRequest) -> Provisioning:
        """Return the car's entry in the PCP.

        Raises CertificateError for a chain that breaks a rule, MarketError(NO_CONTRACT) for a car that
        nobody registered, and MarketError(REVOKED) for a genuine certificate that is not the registered one.
        """
        edition = wanted.edition
        car = await self._provisioning.find(wanted.pcid, edition)
        if car is None:
            raise MarketError(Code.NO_CONTRACT, f"PCID {wanted.pcid} is not registered for {edition}")
        roots = of_edition([root.certificate for root in await self._roots.roots(RootType.OEM)], edition)
        sub_cas = wanted.sub_cas or car.chain.sub_cas
        validate(
            wanted.leaf,
            sub_cas,
            roots,
            at=self._now(),
            profile=profile_in(edition, wanted.leaf, "oem_provisioning"),
            revocation=await checker_of(self._revocations, [wanted.leaf, *sub_cas]),
        )
        if der(wanted.leaf) != der(car.chain.vehicle):
            raise MarketError(
                Code.REVOKED, f"not the certificate registered for PCID {wanted.pcid}: it has been replaced"
            )
        return car

    async def _delivered(
        self, bundle: store.ReadyBundle, session_id: bytes, edition: Edition, remaining: int = 0
    ) -> Installation:
        """Return a bundle as an answer in a session; the signature covers neither header nor ``remaining``.

        Raises MarketError(NO_CONTRACT) when one of its certificates was revoked after it came here.
        """
        read = read_bundle(bundle.document, edition)
        if self._revocations is not None:
            try:
                await check_each(self._revocations, read.certificates, self._now())
            except CertificateError as error:
                raise MarketError(Code.NO_CONTRACT, f"contract {bundle.emaid}: {error}") from error
        message = read.message
        message.header.session_id = session_id
        if isinstance(message, cm.CertificateInstallationRes):
            message.header.time_stamp = int(self._now().timestamp())
            message.remaining_contract_certificate_chains = remaining
        return Installation(
            response=encode_message(message),
            emaid=bundle.emaid,
            v2g_root_fingerprint=bundle.v2g_root_fingerprint,
        )

    async def _choose(self, car: Provisioning, held_roots: Sequence[X509IssuerSerial]) -> store.ReadyBundle:
        """Return the bundle of the default contract under the first V2G root of the car's list that serves."""
        shelf = store.SHELVES[Edition.ISO2]
        ready = await self._database.read(
            lambda connection: shelf.ready(connection, car.pcid, car.key_fingerprint)
        )
        if not ready:
            raise MarketError(Code.NO_CONTRACT, f"no default contract for PCID {car.pcid}")
        roots = await self._listed(held_roots)
        return self._signed_under(ready, roots, car, f"the default contract of PCID {car.pcid}")

    async def _listed(self, held_roots: Sequence[X509IssuerSerial]) -> Sequence[str]:
        """Return the fingerprints of the V2G roots that the car lists, in its order, of those that are known."""
        anchors = await self._roots.roots(RootType.V2G)
        return [
            root.fingerprint
            for held in held_roots
            for root in anchors
            if matches_issuer_serial(root.certificate, held.x509_issuer_name, held.x509_serial_number)
        ]

    async def _wished(
        self, car: Provisioning, wanted: InstallationRequest
    ) -> Sequence[Sequence[store.ReadyBundle]]:
        """Return the contracts of a car that are valid now, those first that it prioritises."""
        shelf, now = store.SHELVES[Edition.ISO20], self._now()
        found = await self._database.read(
            lambda connection: shelf.ready_all(connection, car.pcid, car.key_fingerprint)
        )
        valid = {each[0].emaid: each for each in found if each[0].not_before <= now <= each[0].not_after}
        if not valid:
            what = "no contract that is valid now" if found else "no contract"
            raise MarketError(Code.NO_CONTRACT, f"{what} of {Edition.ISO20} for PCID {car.pcid}")
        first = [emaid for emaid in wanted.prioritized if emaid in valid]
        providers = {emaid[:_PROVIDER_LENGTH] for emaid in valid}
        if wanted.prioritized and providers.isdisjoint(
            emaid[:_PROVIDER_LENGTH] for emaid in wanted.prioritized
        ):
            raise MarketError(
                Code.UNKNOWN_PROVIDER,
                f"no contract for PCID {car.pcid} of the providers of {', '.join(wanted.prioritized)}",
            )
        return [valid[emaid] for emaid in dict.fromkeys([*first, *valid])]

    def _signed_under(
        self, ready: Sequence[store.ReadyBundle], roots: Sequence[str], car: Provisioning, which: str
    ) -> store.ReadyBundle:
        """Return the bundle of a contract under the first of these V2G roots that a car would accept now.

        Raises MarketError(NO_CONTRACT) for a contract that is not valid now, and NotSignedError, which is one too,
        when nothing but a signature is missing.
        """
        now = self._now()
        if not ready[0].not_before <= now <= ready[0].not_after:
            raise MarketError(Code.NO_CONTRACT, f"{which} is not valid now")
        fresh = {bundle.v2g_root_fingerprint: bundle for bundle in ready if now <= bundle.cps_not_after}
        for root in roots:
            if root in fresh:
                return fresh[root]
        raise NotSignedError(
            f"{which} is signed under no V2G root that the car holds"
            if fresh
            else f"{which} must be signed again: the CPS certificate has expired",
            Unsigned(car.pcid, ready[0].document, car.key_fingerprint, tuple(roots), car.edition),
        )


def _deleted(emaid: str, pcid: str, now: datetime, reason: Drop, edition: Edition) -> Event:
    return Event(EventType.OEM_CONTRACT_DELETED, now, emaid, pcid, {"reason": reason}, spelling(edition))
