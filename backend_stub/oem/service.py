"""The car maker's back office at work."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.exc import IntegrityError

from backend_stub.certificates import UNREADABLE, check_issuer, key_fingerprint, subject_key_id
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.numbering import ATTEMPTS, WITHOUT_LOOKALIKES, draw
from backend_stub.oem import store
from backend_stub.oem.interface import BuiltVehicle, Vehicle
from backend_stub.pcp.interface import ProvisioningChain, ProvisioningPool
from backend_stub.rcp.interface import RootCertificatePool, RootType
from pki.entropy import Entropy
from pki.issuing import Identity, issue
from pki.profiles import OEM_PROVISIONING

_PCID_SERIAL_LENGTH = 14
_MAC_BYTES = 6
_UNICAST_AND_LOCAL = 0b10  # the two low bits of the first octet of a MAC address nobody has bought
_LOW_BITS = 0b11

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who the maker is: its world manufacturer identifier, and the CA that issues for its cars."""

    wmi: str
    sub_ca1: x509.Certificate
    sub_ca2: Identity


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
    ) -> None:
        self._database = database
        self._maker = maker
        self._provisioning = provisioning
        self._roots = roots
        self._now = now
        self._entropy = entropy

    async def build(self, request: x509.CertificateSigningRequest) -> BuiltVehicle:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        check_issuer(self._maker.sub_ca2, self._now())
        key = _proven_key(request)
        fingerprint = key_fingerprint(key)
        vehicle = await self._database.read(lambda connection: store.by_key(connection, fingerprint))
        if vehicle is None:
            vehicle = await self._register(key, fingerprint)
        v2g_roots = [root.certificate for root in await self._roots.roots(RootType.V2G)]
        if not vehicle.uploaded:
            await self._upload(vehicle, v2g_roots)
        return BuiltVehicle(vehicle, self._sub_cas, v2g_roots)

    async def vehicles(self, limit: int) -> Sequence[Vehicle]:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        return await self._database.read(lambda connection: store.newest(connection, limit))

    async def count(self) -> int:
        """See :class:`~backend_stub.oem.interface.CarMaker`."""
        return await self._database.read(store.count)

    async def settle(self) -> None:
        """Upload the cars that a killed process registered but did not upload; called at start."""
        v2g_roots = [root.certificate for root in await self._roots.roots(RootType.V2G)]
        for vehicle in await self._database.read(store.not_uploaded):
            try:
                await self._upload(vehicle, v2g_roots)
            except MarketError as error:
                # Made under certificates that have been replaced since: nobody was told of this car.
                _log.warning("PCID %s cannot be uploaded any more: %s", vehicle.pcid, error)
            else:
                _log.info("PCID %s uploaded to the PCP after a restart", vehicle.pcid)

    async def _register(self, key: ec.EllipticCurvePublicKey, fingerprint: str) -> Vehicle:
        """Draw PCID and EVCCID, issue the certificate, and write the car into the books."""
        for _ in range(ATTEMPTS):
            pcid = self._maker.wmi + draw(self._entropy, WITHOUT_LOOKALIKES, _PCID_SERIAL_LENGTH)
            now = self._now()
            certificate = issue(
                OEM_PROVISIONING,
                common_name=pcid,
                public_key=key,
                issuer=self._maker.sub_ca2,
                now=now,
                entropy=self._entropy,
            )
            vehicle = Vehicle(pcid, self._draw_evccid(), certificate, now, uploaded=False)
            try:
                await self._database.write(
                    partial(store.insert, vehicle=vehicle, key_fingerprint=fingerprint)
                )
            except IntegrityError:
                # Another request with the same key was faster, or an identifier is taken.
                known = await self._database.read(lambda connection: store.by_key(connection, fingerprint))
                if known is not None:
                    return known
                continue
            return vehicle
        raise MarketError(Code.CONFLICT, f"no free PCID after {ATTEMPTS} draws")

    async def _upload(self, vehicle: Vehicle, v2g_roots: Sequence[x509.Certificate]) -> None:
        """Put the car's chain into the PCP, with the V2G roots that the car will hold."""
        sub_ca2, sub_ca1 = self._sub_cas
        await self._provisioning.put(
            ProvisioningChain(
                vehicle=vehicle.certificate,
                sub_ca2=sub_ca2,
                sub_ca1=sub_ca1,
                v2g_root_key_ids=tuple(subject_key_id(root) for root in v2g_roots),
            )
        )
        now = self._now()
        await self._database.write(lambda connection: store.mark_uploaded(connection, vehicle.pcid, now))

    @property
    def _sub_cas(self) -> tuple[x509.Certificate, x509.Certificate]:
        return self._maker.sub_ca2.certificate, self._maker.sub_ca1

    def _draw_evccid(self) -> bytes:
        mac = bytearray(self._entropy.bytes(_MAC_BYTES))
        mac[0] = mac[0] & ~_LOW_BITS & 0xFF | _UNICAST_AND_LOCAL
        return bytes(mac)


def _proven_key(request: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    """Return the key of a request that its owner signed; raises MarketError(REQUEST)."""
    try:
        key = request.public_key()
        signed = request.is_signature_valid
    except UNREADABLE as error:
        raise MarketError(Code.REQUEST, f"certificate request: {error}") from error
    if not signed:
        raise MarketError(Code.REQUEST, "certificate request: not signed with the key in it")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != OEM_PROVISIONING.key_type:
        raise MarketError(
            Code.REQUEST, f"certificate request: the key must be on {OEM_PROVISIONING.key_type}"
        )
    return key
