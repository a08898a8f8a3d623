"""Cars and chargers of ISO 15118-20 for the tests of TLS."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509

from pki import vehicle_files
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.profiles import Edition
from pki.vehicle_files import VehicleFiles
from v2g.net.tls import ISO20, ClientTls, Iso20Client, Iso20Server, ServerTls, TlsProfile

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
SUITES = (Edition.ISO20, Edition.ISO20_ED448)


@dataclass(frozen=True)
class World:
    """The certificates of both editions, and a car that has both."""

    iso2: Hierarchy
    iso20: Hierarchy
    car: VehicleFiles

    def charger(
        self,
        *,
        iso2: bool = False,
        profile: TlsProfile = ISO20,
        prefer_iso20: bool = True,
        strict: bool = True,
    ) -> ServerTls:
        return ServerTls(
            self.iso2.chain("secc_leaf") if iso2 else None,
            self.iso2["secc_leaf"].signer() if iso2 else None,
            iso20=self.iso20_charger(profile, strict=strict),
            prefer_iso20=prefer_iso20,
        )

    def iso20_charger(self, profile: TlsProfile = ISO20, *, strict: bool = True) -> Iso20Server:
        return Iso20Server(
            self.iso20.chain("secc_leaf"),
            self.iso20["secc_leaf"].signer(),
            [self.iso20["oem_root"].certificate, self.iso20["v2g_root"].certificate],
            profile,
            strict,
        )

    def ev(
        self,
        *,
        iso2: bool = False,
        profile: TlsProfile = ISO20,
        files: VehicleFiles | None = None,
        roots: list[x509.Certificate] | None = None,
    ) -> ClientTls:
        files = files or self.car
        trusted = list(files.v2g_roots) if roots is None else roots
        return ClientTls(
            [self.iso2["v2g_root"].certificate] if iso2 else None,
            iso20=Iso20Client(trusted, files.vehicle_chain, files.vehicle.signer(), profile),
        )

    def another_car(self, *, at: datetime = YESTERDAY, under_v2g_root: bool = False) -> VehicleFiles:
        return vehicle_files.issue(
            self.iso20,
            evccid="WMIKATEVCC002",
            pcid="WMIKAT0123456789AC",
            now=at,
            entropy=SeededEntropy(7),
            under_v2g_root=under_v2g_root,
        )


@cache
def world(edition: Edition = Edition.ISO20, seed: int = 1, at: datetime = YESTERDAY) -> World:
    iso2 = Hierarchy.create(now=at, entropy=SeededEntropy(seed))
    iso20 = Hierarchy.create(now=at, entropy=SeededEntropy(seed + 100), edition=edition)
    car = vehicle_files.issue(
        iso20, evccid="WMIKATEVCC001", pcid="WMIKAT0123456789AB", now=at, entropy=SeededEntropy(seed + 200)
    )
    return World(iso2, iso20, car)


def only(suite: str) -> TlsProfile:
    """A profile of which only one suite counts as allowed."""
    return replace(ISO20, suites=(suite,))
