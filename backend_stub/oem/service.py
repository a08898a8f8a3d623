"""The car maker's back office at work."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.exc import IntegrityError

from backend_stub import proofs
from backend_stub.authority.interface import Issued, IssuedRegister
from backend_stub.certificates import check_issuer, key_fingerprint, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.numbering import ATTEMPTS, WITHOUT_LOOKALIKES, check_character, draw
from backend_stub.oem import store
from backend_stub.oem.interface import EVERYWHERE, BuiltIso20, BuiltVehicle, Iso20Request, Vehicle
from backend_stub.oem.iso20 import Iso20Factory, Iso20Keys, proven_key
from backend_stub.pcp.interface import ProvisioningChain, ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.suites import of_edition
from backend_stub.vins import check_vin, new_vin
from pki.entropy import Entropy
from pki.issuing import Identity, issue
from pki.names import fingerprint_sha256
from pki.profiles import OEM_PROVISIONING
from pki.profiles import Edition as Suite

_PCID_SERIAL_LENGTH = 14
_MAC_BYTES = 6
_UNICAST_AND_LOCAL = 0b10  # the two low bits of the first octet of a MAC address nobody has bought
_LOW_BITS = 0b11

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who the maker is: its world manufacturer identifier, the CA that issues for its cars, and where it sells.

    ``regions`` gives for each sales region the fingerprints of the V2G roots that a car sold there holds, which cannot
    be all there are: its memory is small. None stands for all that the root pool has.
    """

    wmi: str
    sub_ca1: x509.Certificate
    sub_ca2: Identity
    regions: Mapping[str, frozenset[str] | None] = field(default_factory=lambda: {EVERYWHERE: None})
    default_region: str = EVERYWHERE
    iso20: Iso20Factory | None = None
    """Makes what a car needs for ISO 15118-20; None: the maker's cars speak -2 only."""


class BackOffice:
    """Issues provisioning certificates. Books first, then the PCP, then the answer."""

    def __init__(
        self,
        database: Database,
        maker: Maker,
        provisioning: ProvisioningPool,
        roots: RootCertificatePool,
        now: Callable[[], datetime],
        entropy: Entropy,
        issued: IssuedRegister | None = None,
    ) -> None:
        self._database = database
        self._maker = maker
        self._provisioning = provisioning
        self._roots = roots
        self._now = now
        self._entropy = entropy
        self._issued = issued

    async def suites(self) -> Sequence[Suite]:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        factory = self._maker.iso20
        return [Suite.ISO2] if factory is None else [Suite.ISO2, factory.suite]

    async def build(
        self,
        request: x509.CertificateSigningRequest,
        *,
        region: str | None = None,
        vin: str | None = None,
        iso20: Iso20Request | None = None,
    ) -> BuiltVehicle:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        check_issuer(self._maker.sub_ca2, self._now())
        sold_in = region or self._maker.default_region
        if sold_in not in self._maker.regions:
            known = ", ".join(self._maker.regions)
            raise MarketError(Code.REQUEST, f"no sales region {sold_in!r}; there are: {known}")
        keys = None if iso20 is None else self._factory.keys(iso20)
        key = _proven_key(request)
        fingerprint = key_fingerprint(key)
        vehicle = await self._database.read(lambda connection: store.by_key(connection, fingerprint))
        v2g_roots = await self._roots_of(vehicle.region if vehicle and vehicle.region else sold_in)
        if vehicle is None:
            vehicle = await self._register(key, fingerprint, sold_in, None if vin is None else check_vin(vin))
        if keys is not None:
            vehicle = await self._equip(vehicle, keys)
        return await self._finished(vehicle, v2g_roots)

    async def rekey(
        self,
        pcid: str,
        request: x509.CertificateSigningRequest,
        *,
        new_pcid: bool = False,
        iso20: Iso20Request | None = None,
    ) -> BuiltVehicle:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        check_issuer(self._maker.sub_ca2, self._now())
        keys = None if iso20 is None else self._factory.keys(iso20)
        if keys is None and await self._iso20_of(pcid) is not None:
            raise MarketError(
                Code.REQUEST, f"car {pcid} speaks ISO 15118-20, and needs new keys for that, too"
            )
        key = _proven_key(request)
        fingerprint = key_fingerprint(key)
        vehicle = await self._database.read(lambda connection: store.by_key(connection, fingerprint))
        if vehicle is None:
            before = await self._get(pcid)
            v2g_roots = await self._roots_of(before.region or self._maker.default_region)
            vehicle = await self._replace_key(before, key, fingerprint, new_pcid=new_pcid)
        elif pcid in {vehicle.pcid, vehicle.previous_pcid}:
            v2g_roots = await self._roots_of(vehicle.region or self._maker.default_region)
        else:
            raise MarketError(Code.CONFLICT, "this key is that of another car")
        if keys is not None:
            vehicle = await self._equip(vehicle, keys, instead_of=pcid)
        return await self._finished(vehicle, v2g_roots)

    async def issue_code(self, pcid: str) -> str:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        code = proofs.new_secret(self._entropy)
        hashed = proofs.digest(pcid, code)
        if not await self._database.write(lambda connection: store.put_code(connection, pcid, hashed)):
            raise _not_ours(pcid)
        return code

    async def redeem(self, pcid: str, code: str, reference: str) -> None:
        """See :class:`~backend_stub.oem.interface.EntitlementDesk`."""

        def work(connection: sa.Connection) -> MarketError | None:
            kept = store.code_of(connection, pcid)
            if kept is None:
                return _not_ours(pcid)
            if kept.wrong_tries >= proofs.MAX_WRONG_TRIES:
                return MarketError(
                    Code.ENTITLEMENT, "too many wrong tries: the maker must give out a new code"
                )
            if kept.sha256 is None or not proofs.fits(pcid, code, kept.sha256):
                store.count_wrong_try(connection, pcid)
                return MarketError(Code.ENTITLEMENT, f"not the maker's one-time code for PCID {pcid}")
            if kept.reference not in {None, reference}:
                return MarketError(Code.ENTITLEMENT, "this one-time code was used already")
            store.bind_code(connection, pcid, reference)
            return None

        # The refusal leaves the transaction as a value: raised inside, it would undo the count of wrong tries.
        refusal = await self._database.write(work)
        if refusal is not None:
            raise refusal

    async def restore(self, pcid: str, code: str, reference: str) -> None:
        """See :class:`~backend_stub.oem.interface.EntitlementDesk`."""

        def work(connection: sa.Connection) -> None:
            kept = store.code_of(connection, pcid)
            if kept and kept.sha256 and kept.reference == reference and proofs.fits(pcid, code, kept.sha256):
                store.bind_code(connection, pcid, None)

        await self._database.write(work)

    async def find(self, pcid: str) -> Vehicle | None:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        return await self._database.read(lambda connection: store.by_pcid(connection, pcid))

    async def search(
        self, limit: int, *, pcid: str = "", vin: str = "", after: str = ""
    ) -> Sequence[Vehicle]:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        last = await self._get(after) if after else None
        return await self._database.read(
            lambda connection: store.search(connection, limit, pcid=pcid, vin=vin, after=last)
        )

    async def vehicles(self, limit: int) -> Sequence[Vehicle]:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        return await self._database.read(lambda connection: store.newest(connection, limit))

    async def count(self) -> int:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        return await self._database.read(store.count)

    async def settle(self) -> None:
        """Upload the cars that a killed process registered but did not upload; called at start."""
        for vehicle in await self._database.read(store.not_uploaded):
            try:
                await self._upload(
                    vehicle, await self._roots_of(vehicle.region or self._maker.default_region)
                )
            except MarketError as error:
                # Made under certificates that have been replaced since: nobody was told of this car.
                _log.warning("PCID %s cannot be uploaded any more: %s", vehicle.pcid, error)
            else:
                _log.info("PCID %s uploaded to the PCP after a restart", vehicle.pcid)

    async def _get(self, pcid: str) -> Vehicle:
        vehicle = await self.find(pcid)
        if vehicle is None:
            raise _not_ours(pcid)
        return vehicle

    async def _finished(self, vehicle: Vehicle, v2g_roots: Sequence[x509.Certificate]) -> BuiltVehicle:
        if not vehicle.uploaded:
            await self._upload(vehicle, v2g_roots)
        return BuiltVehicle(
            vehicle,
            self._sub_cas,
            of_edition(v2g_roots, Edition.ISO2),
            await self.issue_code(vehicle.pcid),
            await self._built_iso20(vehicle, v2g_roots),
        )

    @property
    def _factory(self) -> Iso20Factory:
        if self._maker.iso20 is None:
            raise MarketError(Code.REQUEST, "this maker's cars do not speak ISO 15118-20")
        return self._maker.iso20

    async def _iso20_of(self, pcid: str) -> store.Iso20Car | None:
        return await self._database.read(lambda connection: store.iso20_of(connection, pcid))

    async def _equip(self, vehicle: Vehicle, keys: Iso20Keys, instead_of: str | None = None) -> Vehicle:
        """Give a car what it needs for -20, unless it has it. ``instead_of``: in the place of what it had.

        Raises MarketError(CONFLICT) for a car that has other keys already, or keys that another car has.
        """
        fingerprint = key_fingerprint(keys.provisioning)
        known = await self._iso20_of(vehicle.pcid)
        if known is not None and known.key_fingerprint == fingerprint:
            return vehicle
        if known is not None and instead_of is None:
            raise MarketError(Code.CONFLICT, f"car {vehicle.pcid} has other keys of ISO 15118-20 already")
        provisioning, tls = self._factory.certify(
            vehicle.pcid, keys, self._now(), self._entropy, self._issued
        )
        if self._issued is not None:
            await self._issued.register_issued([Issued(provisioning), Issued(tls, vehicle.pcid)])
        car = store.Iso20Car(fingerprint, provisioning, tls)
        try:
            await self._database.write(
                lambda connection: store.put_iso20(connection, vehicle.pcid, car, instead_of)
            )
        except IntegrityError as error:
            raise MarketError(Code.CONFLICT, "a key of ISO 15118-20 is that of another car") from error
        return replace(vehicle, uploaded=False)

    async def _built_iso20(
        self, vehicle: Vehicle, v2g_roots: Sequence[x509.Certificate]
    ) -> BuiltIso20 | None:
        car = await self._iso20_of(vehicle.pcid)
        if car is None:
            return None
        return BuiltIso20(
            car.provisioning, car.vehicle, self._factory.sub_cas, of_edition(v2g_roots, Edition.ISO20)
        )

    async def _roots_of(self, region: str) -> Sequence[x509.Certificate]:
        """Return the V2G roots that a car sold in ``region`` holds; raises MarketError(PEER) unless all are here."""
        roots = [root.certificate for root in await self._roots.roots(RootType.V2G)]
        wanted = self._maker.regions.get(region)
        if wanted is None:
            return roots
        held = [root for root in roots if fingerprint_sha256(root) in wanted]
        if missing := wanted - {fingerprint_sha256(root) for root in held}:
            raise MarketError(
                Code.PEER,
                f"region {region!r} needs V2G root {', '.join(sorted(missing))}, which cannot be had now",
            )
        return held

    async def _register(
        self, key: ec.EllipticCurvePublicKey, fingerprint: str, region: str, vin: str | None
    ) -> Vehicle:
        """Draw PCID, VIN and EVCCID, issue the certificate, and write the car into the books."""
        for _ in range(ATTEMPTS):
            pcid = self._draw_pcid()
            vehicle = Vehicle(
                pcid,
                self._draw_evccid(),
                await self._certify(pcid, key),
                self._now(),
                uploaded=False,
                vin=vin or new_vin(self._maker.wmi, self._entropy),
                region=region,
            )
            try:
                await self._database.write(
                    partial(store.insert, vehicle=vehicle, key_fingerprint=fingerprint)
                )
            except IntegrityError as error:
                # Another request with the same key was faster, or an identifier is taken.
                known = await self._database.read(lambda connection: store.by_key(connection, fingerprint))
                if known is not None:
                    return known
                if vin is not None and await self._vin_is_taken(vin):
                    raise MarketError(Code.CONFLICT, f"VIN {vin} is that of another car") from error
                continue
            return vehicle
        raise MarketError(Code.CONFLICT, f"no free PCID after {ATTEMPTS} draws")

    async def _vin_is_taken(self, vin: str) -> bool:
        return await self._database.read(lambda connection: store.by_vin(connection, vin)) is not None

    async def _replace_key(
        self, before: Vehicle, key: ec.EllipticCurvePublicKey, fingerprint: str, *, new_pcid: bool
    ) -> Vehicle:
        """Issue a certificate for a car's new key, and write it into the books in place of the old one."""
        for _ in range(ATTEMPTS):
            pcid = self._draw_pcid() if new_pcid else before.pcid
            vehicle = replace(
                before,
                pcid=pcid,
                certificate=await self._certify(pcid, key),
                uploaded=False,
                previous_pcid=before.pcid if new_pcid else before.previous_pcid,
            )
            try:
                await self._database.write(
                    partial(store.replace_key, pcid=before.pcid, vehicle=vehicle, key_fingerprint=fingerprint)
                )
            except IntegrityError:
                continue
            return vehicle
        raise MarketError(Code.CONFLICT, "the new key or PCID was taken meanwhile")

    async def _certify(self, pcid: str, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        issuer = self._maker.sub_ca2
        pointers = self._issued.pointers(issuer.certificate) if self._issued else None
        certificate = issue(
            OEM_PROVISIONING,
            common_name=pcid,
            public_key=key,
            issuer=issuer,
            now=self._now(),
            entropy=self._entropy,
            crl_url=pointers.crl_url if pointers else None,
            ocsp_url=pointers.ocsp_url if pointers else None,
        )
        if self._issued is not None:
            await self._issued.register_issued([Issued(certificate)])
        return certificate

    async def _upload(self, vehicle: Vehicle, v2g_roots: Sequence[x509.Certificate]) -> None:
        """Put the car's chains into the PCP, with the V2G roots that the car holds for each edition."""
        chains = {Edition.ISO2: (vehicle.certificate, *self._sub_cas)}
        iso20 = await self._iso20_of(vehicle.pcid)
        if iso20 is not None:
            chains[Edition.ISO20] = iso20.provisioning, *self._factory.sub_cas
        for edition, (certificate, sub_ca2, sub_ca1) in chains.items():
            held = of_edition(v2g_roots, edition)
            await self._provisioning.put(
                ProvisioningChain(
                    vehicle=certificate,
                    sub_ca2=sub_ca2,
                    sub_ca1=sub_ca1,
                    v2g_root_key_ids=tuple(subject_key_id(root) for root in held),
                    previous_pcid=vehicle.previous_pcid,
                )
            )
        now = self._now()
        await self._database.write(lambda connection: store.mark_uploaded(connection, vehicle.pcid, now))

    @property
    def _sub_cas(self) -> tuple[x509.Certificate, x509.Certificate]:
        return self._maker.sub_ca2.certificate, self._maker.sub_ca1

    def _draw_pcid(self) -> str:
        name = self._maker.wmi + draw(self._entropy, WITHOUT_LOOKALIKES, _PCID_SERIAL_LENGTH)
        return name + check_character(name)

    def _draw_evccid(self) -> bytes:
        mac = bytearray(self._entropy.bytes(_MAC_BYTES))
        mac[0] = mac[0] & ~_LOW_BITS & 0xFF | _UNICAST_AND_LOCAL
        return bytes(mac)


def _not_ours(pcid: str) -> MarketError:
    return MarketError(Code.UNKNOWN_PCID, f"PCID {pcid} is no car of this maker")


def _proven_key(request: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    key = proven_key(request, OEM_PROVISIONING.key_type)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key
