"""The contract certificate pool at work: what enters it, and what a car is given."""

import base64
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509

import exi
from backend_stub.authority.interface import RevocationSource
from backend_stub.ccp import store
from backend_stub.ccp.interface import (
    Collection,
    Contract,
    Installation,
    NotSignedError,
    SignedBundle,
    Unsigned,
)
from backend_stub.certificates import chain_refusal, der, stored, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.events import Event, EventType, record
from backend_stub.pcp.interface import Provisioning, ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.reading import InstallationRequest, read_bundle, read_message, read_request
from backend_stub.revocations import check_each, checker_of
from pki.chain import validate
from pki.errors import CertificateError
from pki.names import fingerprint_sha256, matches_issuer_serial
from pki.profiles import CPS_LEAF, OEM_PROVISIONING
from v2g.errors import SignatureError
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.trace import Tracer

_log = logging.getLogger(__name__)

_KEY_CHANGED = "the car has another provisioning certificate"
_CAR_GONE = "the car was withdrawn"
_RESET = "the car was reset"

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
        tracer = self._tracer.bind(session=wanted.session_id.hex())
        try:
            wanted.verify_signature()
        except SignatureError as error:
            tracer.event("signature.failed", what="CertificateInstallationReq", reason=str(error))
            raise MarketError(Code.SIGNATURE, f"CertificateInstallationReq: {error}") from error
        tracer.event("signature.verified", what="CertificateInstallationReq", references=[wanted.body.id])
        try:
            car = await self._registered(wanted)
        except CertificateError as error:
            tracer.event("certificate.rejected", rule=error.rule, subject=error.subject, detail=error.detail)
            raise chain_refusal(error, "provisioning certificate") from error
        bundle = await self._choose(car, wanted.body.list_of_root_certificate_ids.root_certificate_id)
        return await self._delivered(bundle, wanted.session_id)

    async def collect(self, wanted: Collection) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        car = await self._provisioning.find(wanted.pcid)
        ready: Sequence[store.ReadyBundle] = ()
        if car is not None:
            key = car.key_fingerprint
            ready = await self._database.read(
                lambda connection: store.ready_one(connection, wanted.emaid, wanted.pcid, key)
            )
        if car is None or not ready:
            raise MarketError(Code.NO_CONTRACT, f"PCID {wanted.pcid} has no contract {wanted.emaid}")
        anchors = await self._roots.roots(RootType.V2G)
        held = set(car.chain.v2g_root_key_ids)
        roots = [root.fingerprint for root in anchors if not held or subject_key_id(root.certificate) in held]
        if wanted.v2g_root_fingerprint is not None:
            roots = [wanted.v2g_root_fingerprint]
        bundle = self._signed_under(ready, roots, car, f"contract {wanted.emaid}")
        return await self._delivered(bundle, wanted.session_id)

    async def put(self, bundle: SignedBundle) -> Contract:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()
        signed = read_bundle(bundle.document)
        roots = [root.certificate for root in await self._roots.roots(RootType.V2G)]
        revocation = await checker_of(self._revocations, [signed.cps_leaf, *signed.cps_sub_cas])
        try:
            path = validate(
                signed.cps_leaf,
                signed.cps_sub_cas,
                roots,
                at=now,
                profile=CPS_LEAF,
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
        car = await self._provisioning.get(bundle.pcid)
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
        )

        new = store.NewBundle(
            receiver_key=receiver_key,
            cps_not_after=min(certificate.not_valid_after_utc for certificate in path),
            document=bundle.document,
        )

        def work(connection: sa.Connection) -> Contract:
            holder = store.owner(connection, contract.emaid)
            if holder not in {None, contract.pcid}:
                raise MarketError(Code.CONFLICT, f"contract {contract.emaid} belongs to another car")
            placed, change = store.put(connection, contract, new, now)
            if change in _ANNOUNCED:
                facts = {
                    "contractCert": base64.b64encode(der(contract.certificate)).decode(),
                    "cpsSignerRootFingerprint": root,
                    "defaultContract": placed.is_default,
                }
                record(connection, Event(_ANNOUNCED[change], now, placed.emaid, placed.pcid, facts))
            return placed

        return await self._database.write(work)

    async def delete(self, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            pcid = store.owner(connection, emaid)
            if pcid is None:
                raise MarketError(Code.NO_CONTRACT, f"no contract {emaid}")
            store.delete(connection, emaid)
            record(connection, _deleted(emaid, pcid, now, "the contract has ended"))

        await self._database.write(work)

    async def delete_many(self, emaids: Sequence[str]) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            found = store.delete_many(connection, emaids)
            record(
                connection,
                *(_deleted(emaid, pcid, now, "the contract has ended") for emaid, pcid in found.items()),
            )

        await self._database.write(work)
        return ()

    async def set_default(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            before = store.is_default(connection, emaid)
            if not store.set_default(connection, pcid, emaid):
                raise MarketError(Code.NO_CONTRACT, f"PCID {pcid} has no contract {emaid}")
            if not before:
                facts = {"defaultContract": True}
                record(connection, Event(EventType.OEM_CONTRACT_UPDATED, now, emaid, pcid, facts))

        await self._database.write(work)

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        now = self._now()

        def work(connection: sa.Connection) -> Sequence[str]:
            emaids = store.drop_sealed_for_others(connection, pcid, None)
            # The operators of the contracts learn of it, each of its own.
            told = [Event(EventType.FACTORY_RESET, now, emaid, pcid) for emaid in emaids]
            record(connection, *told, *(_deleted(emaid, pcid, now, _RESET) for emaid in emaids))
            return emaids

        return await self._database.write(work)

    async def of_car(self, pcid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._database.read(lambda connection: store.of_car(connection, pcid))

    async def find(self, emaid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._database.read(lambda connection: store.find(connection, emaid))

    async def provisioning_changed(self, pcid: str, key_fingerprint: str | None) -> None:
        """See :class:`~backend_stub.pcp.interface.ProvisioningFollower`."""
        now = self._now()
        reason = _CAR_GONE if key_fingerprint is None else _KEY_CHANGED

        def work(connection: sa.Connection) -> Sequence[str]:
            emaids = store.drop_sealed_for_others(connection, pcid, key_fingerprint)
            record(connection, *(_deleted(emaid, pcid, now, reason) for emaid in emaids))
            return emaids

        dropped = await self._database.write(work)
        if dropped:
            _log.info("dropped %d contracts of PCID %s: its key has changed", len(dropped), pcid)

    async def _registered(self, wanted: InstallationRequest) -> Provisioning:
        """Return the car's entry in the PCP.

        Raises CertificateError for a chain that breaks a rule, MarketError(NO_CONTRACT) for a car that
        nobody registered, and MarketError(REVOKED) for a genuine certificate that is not the registered one.
        """
        car = await self._provisioning.find(wanted.pcid)
        if car is None:
            raise MarketError(Code.NO_CONTRACT, f"PCID {wanted.pcid} is not registered")
        roots = [root.certificate for root in await self._roots.roots(RootType.OEM)]
        validate(
            wanted.leaf,
            car.chain.sub_cas,
            roots,
            at=self._now(),
            profile=OEM_PROVISIONING,
            revocation=await checker_of(self._revocations, [wanted.leaf, *car.chain.sub_cas]),
        )
        if der(wanted.leaf) != der(car.chain.vehicle):
            raise MarketError(
                Code.REVOKED, f"not the certificate registered for PCID {wanted.pcid}: it has been replaced"
            )
        return car

    async def _delivered(self, bundle: store.ReadyBundle, session_id: bytes) -> Installation:
        """Return a bundle as an answer in a session; the signature does not cover the SessionID.

        Raises MarketError(NO_CONTRACT) when one of its certificates was revoked after it came here.
        """
        message = read_message(bundle.document)
        if self._revocations is not None:
            try:
                await check_each(self._revocations, _certificates_in(message), self._now())
            except CertificateError as error:
                raise MarketError(Code.NO_CONTRACT, f"contract {bundle.emaid}: {error}") from error
        message.header.session_id = session_id
        return Installation(
            response=exi.encode(message, iso2.SCHEMA),
            emaid=bundle.emaid,
            v2g_root_fingerprint=bundle.v2g_root_fingerprint,
        )

    async def _choose(self, car: Provisioning, held_roots: Sequence[X509IssuerSerial]) -> store.ReadyBundle:
        """Return the bundle of the default contract under the first V2G root of the car's list that serves."""
        ready = await self._database.read(
            lambda connection: store.ready(connection, car.pcid, car.key_fingerprint)
        )
        if not ready:
            raise MarketError(Code.NO_CONTRACT, f"no default contract for PCID {car.pcid}")
        anchors = await self._roots.roots(RootType.V2G)
        roots = [
            root.fingerprint
            for held in held_roots
            for root in anchors
            if matches_issuer_serial(root.certificate, held.x509_issuer_name, held.x509_serial_number)
        ]
        return self._signed_under(ready, roots, car, f"the default contract of PCID {car.pcid}")

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
            Unsigned(car.pcid, ready[0].document, car.key_fingerprint, tuple(roots)),
        )


def _certificates_in(message: iso2.V2G_Message) -> Sequence[x509.Certificate]:
    """Return every certificate of a bundle: those of the contract, and those of the CPS."""
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    return [
        stored(certificate)
        for chain in (body.contract_signature_cert_chain, body.sa_provisioning_certificate_chain)
        for certificate in (
            chain.certificate,
            *(chain.sub_certificates.certificate if chain.sub_certificates else ()),
        )
    ]


def _deleted(emaid: str, pcid: str, now: datetime, reason: str) -> Event:
    return Event(EventType.OEM_CONTRACT_DELETED, now, emaid, pcid, {"reason": reason})
