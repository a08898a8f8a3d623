"""One provider's market: the roles wired together. The only module that knows the service classes.

Several providers, or a role as a process of its own, are other wirings of the same interfaces.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backend_stub.access import store as access_store
from backend_stub.authority import store as authority_store
from backend_stub.authority.interface import CertificateAuthority
from backend_stub.authority.service import CertificateOffice, Settings
from backend_stub.background import Work, every, until_done
from backend_stub.ccp import store as ccp_store
from backend_stub.ccp.fresh import FreshlySigned
from backend_stub.ccp.interface import ContractPool
from backend_stub.ccp.service import BundlePool
from backend_stub.ccp.update import Updates
from backend_stub.census import Census
from backend_stub.cps.generation import ContractGenerator, HostedIssuer
from backend_stub.cps.interface import ProvisioningService, Signer
from backend_stub.cps.service import ProvisioningSigner, SigningIdentity
from backend_stub.database import Database
from backend_stub.errors import PkiFolderError
from backend_stub.events import outbox as event_log
from backend_stub.events import store as event_store
from backend_stub.federation import store as federation_store
from backend_stub.federation.cars import CarCopies, FederatedProvisioningPool, KnownCars
from backend_stub.federation.contracts import FederatedContractPool
from backend_stub.federation.desks import FederatedEntitlementDesk, RegisterElsewhere
from backend_stub.federation.notices import CarWatcher, Notices
from backend_stub.federation.peer import Peer
from backend_stub.federation.roots import FederatedRootPool, PublishedRoots
from backend_stub.federation.signing import FederatedProvisioningService
from backend_stub.msp import store as msp_store
from backend_stub.msp.authorization import AuthorizationDesk, ContractAuthorizer
from backend_stub.msp.entitlement import Entitlements
from backend_stub.msp.following import VoidContracts
from backend_stub.msp.interface import MobilityServiceProvider
from backend_stub.msp.service import ContractDesk, Operator, Partners
from backend_stub.namespaces import Edition
from backend_stub.oem import store as oem_store
from backend_stub.oem.interface import CarMaker
from backend_stub.oem.iso20 import Iso20Factory
from backend_stub.oem.service import BackOffice, Maker
from backend_stub.over_the_air import OverTheAir, open_over_the_air
from backend_stub.pcp import store as pcp_store
from backend_stub.pcp.interface import ProvisioningFollower, ProvisioningPool
from backend_stub.pcp.service import CertificatePool
from backend_stub.place import Place
from backend_stub.rcp import expiry
from backend_stub.rcp import store as rcp_store
from backend_stub.rcp.expiry import ExpiryWatch
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.rcp.service import RootPool
from backend_stub.rcp.trust_list import TrustListSigner
from backend_stub.register import store as register_store
from backend_stub.register.interface import VehicleRegister
from backend_stub.register.service import Register
from backend_stub.remote.connection import RoleConnection, remote
from backend_stub.remote.door import Inside
from backend_stub.roles import Role
from backend_stub.sealing import ContractIssuer
from backend_stub.suites import edition_of
from backend_stub.telematics import store as telematics_store
from pki.chain import validate
from pki.entropy import Entropy
from pki.errors import CertificateError, StoreError
from pki.hierarchy import ISO20_FOLDER, Hierarchy
from pki.profiles import Edition as Suite
from v2g.trace import Tracer

SCHEMAS = (
    rcp_store.SCHEMA,
    pcp_store.SCHEMA,
    ccp_store.SCHEMA,
    oem_store.SCHEMA,
    msp_store.SCHEMA,
    event_log.SCHEMA,
    event_store.SCHEMA,
    telematics_store.SCHEMA,
    access_store.SCHEMA,
    authority_store.SCHEMA,
    register_store.SCHEMA,
    federation_store.SCHEMA,
)
_ROOTS = {RootType.V2G: "v2g_root", RootType.OEM: "oem_root", RootType.MO: "mo_root"}

_ISSUERS = ("oem_sub_ca2", "mo_sub_ca2", "cps_leaf")


@dataclass(frozen=True, slots=True)
class Market:
    """The roles, each behind its interface."""

    name: str
    oem: CarMaker
    msp: MobilityServiceProvider
    cps: ProvisioningService
    pcp: ProvisioningPool
    ccp: ContractPool
    rcp: RootCertificatePool
    register: VehicleRegister
    generator: ContractGenerator
    trust_list: TrustListSigner
    authority: CertificateAuthority
    authorization: ContractAuthorizer
    updates: Updates
    over_the_air: OverTheAir
    operator_id: str
    """Country and provider id of its mobility operator."""
    wmi: str
    """Of its car maker."""
    copies: CarWatcher
    """Who keeps what is known of other providers' cars."""
    census: Census
    now: Callable[[], datetime]
    peers: Mapping[str, Peer] = field(default_factory=dict)
    """Connected providers by name."""
    inside: Mapping[str, Inside] = field(default_factory=dict)
    """What runs here, for the other processes of the provider."""
    background: Sequence[Work] = ()
    """Work that goes on as long as the market serves."""


@dataclass(frozen=True, slots=True)
class _Tools:
    """What every role is made with."""

    hierarchy: Hierarchy
    iso20: Hierarchy | None
    database: Database
    now: Callable[[], datetime]
    entropy: Entropy
    tracer: Tracer
    place: Place
    authority: CertificateAuthority

    @property
    def hierarchies(self) -> Sequence[Hierarchy]:
        """The certificates of each edition that is spoken here."""
        return _spoken(self.hierarchy, self.iso20)

    @property
    def issuers(self) -> Mapping[Edition, ContractIssuer]:
        """Who issues contracts, by edition."""
        return {edition_of(each.root): each for each in map(ContractIssuer.of, self.hierarchies)}

    def away(self, role: Role) -> RoleConnection | None:
        """Return the connection to a role that runs in another process."""
        return self.place.elsewhere.get(role)


@dataclass(frozen=True, slots=True)
class _Pools:
    """The pools, each as the roles use it and, where that differs, as its door serves it."""

    rcp: RootCertificatePool
    rcp_door: RootCertificatePool
    cars: ProvisioningPool
    pcp_door: ProvisioningPool
    copies: CarWatcher
    ccp: ContractPool
    cps: ProvisioningService


async def open_market(
    hierarchy: Hierarchy,
    database: Database,
    *,
    now: Callable[[], datetime],
    entropy: Entropy,
    tracer: Tracer,
    public_url: str = "",
    place: Place | None = None,
    iso20: Hierarchy | None = None,
) -> Market:
    """Make the tables, wire the roles, fill the root pool, and settle what a killed process left behind.

    ``hierarchy`` holds the certificates of ISO 15118-2, ``iso20`` those of -20; None: only -2 is spoken.
    ``public_url`` is where relying parties reach this market; certificates point there for their revocation.
    ``place`` is the provider's place among others, and says which of its roles run elsewhere; without it this is
    a market of one, all in this process.

    Raises DatabaseError when the file cannot be used.
    """
    place = place or Place()
    database.create(SCHEMAS)
    authority = await CertificateOffice.open(
        database,
        _spoken(hierarchy, iso20),
        now=now,
        entropy=entropy,
        settings=Settings(public_url=public_url),
    )
    tools = _Tools(hierarchy, iso20, database, now, entropy, tracer, place, authority)
    inside: dict[str, Inside] = {}
    background: list[Work] = []
    pools = await _wire_pools(tools, inside, background)
    oem = await _wire_maker(tools, pools, inside, background)
    register = _wire_register(tools, inside)
    msp = await _wire_operator(tools, pools, oem, register, inside, background)
    trust_list = TrustListSigner(
        pools.rcp, hierarchy.chain("cps_leaf"), hierarchy["cps_leaf"].signing_key(), now
    )
    generator = HostedIssuer(
        tools.issuers,
        issued=authority,
        provisioning=pools.cars,
        signing=pools.cps,
        contracts=pools.ccp,
        now=now,
        entropy=entropy,
    )
    over_the_air = await open_over_the_air(
        database,
        ccp=pools.ccp,
        pcp=pools.cars,
        rcp=pools.rcp,
        now=now,
        entropy=entropy,
        tracer=tracer,
        wmi=place.wmi,
        rules=place.events,
        feeds={peer.name: peer for peer in place.peers},
    )
    if not tools.away(Role.MSP):
        void = VoidContracts(msp, pools.ccp, over_the_air.events, remake=place.remake_contracts)
        background.append(void.run)
    return Market(
        name=place.name,
        oem=oem,
        msp=msp,
        cps=pools.cps,
        pcp=pools.pcp_door,
        ccp=pools.ccp,
        rcp=pools.rcp_door,
        register=register,
        generator=generator,
        trust_list=trust_list,
        authority=authority,
        authorization=AuthorizationDesk(msp, authority, now),
        updates=Updates(msp, pools.rcp, now, tools.tracer, authority),
        over_the_air=over_the_air,
        operator_id=f"{place.country}{place.provider_id}",
        wmi=place.wmi,
        copies=pools.copies,
        census=Census(database),
        now=now,
        peers={peer.name: peer for peer in place.peers},
        inside=inside,
        background=background,
    )


async def _wire_pools(tools: _Tools, inside: dict[str, Inside], background: list[Work]) -> _Pools:
    """Make the pools and the signing service that run here, and connections to those that do not."""
    place, database, now = tools.place, tools.database, tools.now
    peers, wait_s = place.peers, place.peer_timeout_s
    rcp: RootCertificatePool
    rcp_door: RootCertificatePool
    if away := tools.away(Role.RCP):
        rcp = remote(RootCertificatePool, "rcp", away)
        rcp_door = remote(RootCertificatePool, "rcp-door", away)
    else:
        own_roots = RootPool(database, now)
        for hierarchy in tools.hierarchies:
            for root_type, name in _ROOTS.items():
                await own_roots.add(root_type, hierarchy[name].certificate)
        watch = ExpiryWatch(own_roots, database, now)
        background.append(every(expiry.EVERY_S, watch.sweep, "expired roots were not told of"))
        rcp = rcp_door = own_roots
        if peers:
            rcp = FederatedRootPool(own_roots, peers, database, now)
            rcp_door = PublishedRoots(own_roots, rcp)
        inside["rcp"] = Inside(RootCertificatePool, rcp)
        inside["rcp-door"] = Inside(RootCertificatePool, rcp_door)

    followers: list[Callable[[ProvisioningFollower], None]] = []
    copies: CarWatcher
    cars: ProvisioningPool
    pcp_door: ProvisioningPool
    if away := tools.away(Role.PCP):
        cars = remote(ProvisioningPool, "pcp", away)
        pcp_door = remote(ProvisioningPool, "pcp-door", away)
        copies = remote(CarWatcher, "copies", away)
    else:
        own_cars = CertificatePool(database, rcp, now, tools.authority)
        kept = CarCopies(peers, rcp, place.maker_pins, database, now, wait_s)
        copies, cars, pcp_door = kept, own_cars, own_cars
        if peers:
            notices = Notices(peers, database, now)
            background.append(notices.run)
            pcp_door = FederatedProvisioningPool(own_cars, kept, notices)
            cars = KnownCars(pcp_door, own_cars, kept)
        followers += [own_cars.attach, kept.attach]
        inside["pcp"] = Inside(ProvisioningPool, cars)
        inside["pcp-door"] = Inside(ProvisioningPool, pcp_door)
        inside["copies"] = Inside(CarWatcher, copies)

    ccp_away, cps_away = tools.away(Role.CCP), tools.away(Role.CPS)
    stored: ContractPool
    follower: ProvisioningFollower
    cps: ProvisioningService
    if ccp_away:
        stored = remote(ContractPool, "ccp", ccp_away)
        follower = remote(ProvisioningFollower, "ccp-follower", ccp_away)
    else:
        bundles = BundlePool(database, cars, rcp, now, tools.tracer, tools.authority)
        stored, follower = bundles, bundles
        inside["ccp-follower"] = Inside(ProvisioningFollower, bundles)
    for attach in followers:
        attach(follower)
    if cps_away:
        cps = remote(ProvisioningService, "cps", cps_away)
    else:
        cps = _signing(tools, rcp, cars, stored)
        inside["cps"] = Inside(ProvisioningService, cps)
    ccp = stored
    if not ccp_away:
        ccp = FreshlySigned(stored, cps)
        if peers:
            ccp = FederatedContractPool(ccp, copies, peers, wait_s)
        inside["ccp"] = Inside(ContractPool, ccp)
    return _Pools(rcp, rcp_door, cars, pcp_door, copies, ccp, cps)


def _signing(
    tools: _Tools, rcp: RootCertificatePool, cars: ProvisioningPool, contracts: ContractPool
) -> ProvisioningService:
    place = tools.place
    identities = [
        SigningIdentity(
            Signer(hierarchy.chain("cps_leaf"), hierarchy.root_of("cps_leaf").certificate),
            hierarchy["cps_leaf"].signer(),
        )
        for hierarchy in tools.hierarchies
    ]
    cps = ProvisioningSigner(identities, rcp, cars, contracts, tools.now, tools.tracer, tools.authority)
    if not place.peers:
        return cps
    return FederatedProvisioningService(cps, contracts, cars, rcp, place.peers, place.peer_timeout_s)


async def _wire_maker(
    tools: _Tools, pools: _Pools, inside: dict[str, Inside], background: list[Work]
) -> CarMaker:
    if away := tools.away(Role.OEM):
        oem_there: CarMaker = remote(CarMaker, "oem", away)
        return oem_there
    hierarchy, place = tools.hierarchy, tools.place
    maker = Maker(
        place.wmi,
        hierarchy["oem_sub_ca1"].certificate,
        hierarchy["oem_sub_ca2"],
        place.regions,
        place.default_region,
        None if tools.iso20 is None else _iso20_factory(tools.iso20),
    )
    # The pool as its door has it tells the peers of a replaced key.
    provisioning = pools.pcp_door
    oem = BackOffice(
        tools.database, maker, provisioning, pools.rcp, tools.now, tools.entropy, issued=tools.authority
    )
    inside["oem"] = Inside(CarMaker, oem)
    await _settle(oem.settle, tools, background)
    return oem


def _iso20_factory(hierarchy: Hierarchy) -> Iso20Factory:
    return Iso20Factory(hierarchy.edition, hierarchy["oem_sub_ca2"], hierarchy["oem_sub_ca1"].certificate)


def _spoken(hierarchy: Hierarchy, iso20: Hierarchy | None) -> Sequence[Hierarchy]:
    return [hierarchy] if iso20 is None else [hierarchy, iso20]


def _wire_register(tools: _Tools, inside: dict[str, Inside]) -> VehicleRegister:
    if keeper := tools.place.register_keeper:
        return RegisterElsewhere(keeper)
    if away := tools.away(Role.REGISTER):
        register_there: VehicleRegister = remote(VehicleRegister, "register", away)
        return register_there
    register = Register(tools.database, tools.now, tools.entropy)
    inside["register"] = Inside(VehicleRegister, register)
    return register


async def _wire_operator(
    tools: _Tools,
    pools: _Pools,
    oem: CarMaker,
    register: VehicleRegister,
    inside: dict[str, Inside],
    background: list[Work],
) -> MobilityServiceProvider:
    if away := tools.away(Role.MSP):
        msp_there: MobilityServiceProvider = remote(MobilityServiceProvider, "msp", away)
        return msp_there
    place = tools.place
    makers = FederatedEntitlementDesk(oem, place.makers) if place.peers else oem
    msp = ContractDesk(
        tools.database,
        Operator(place.country, place.provider_id, tools.issuers),
        Partners(pools.cars, pools.cps, pools.ccp, register, tools.authority),
        Entitlements(place.proof_required, makers, register),
        tools.now,
        tools.entropy,
    )
    inside["msp"] = Inside(MobilityServiceProvider, msp)
    await _settle(msp.settle, tools, background)
    return msp


async def _settle(settle: Work, tools: _Tools, background: list[Work]) -> None:
    """Settle what a killed process left: at once, or as soon as the other processes are there."""
    if tools.place.elsewhere:
        background.append(until_done(settle))
    else:
        await settle()


def load_hierarchy(directory: Path, *, now: datetime) -> Hierarchy:
    """Read a certificate folder and check that the market can issue and sign with it now.

    Raises PkiFolderError naming the file and the rule it breaks, or the command that makes a folder.
    """
    if not directory.is_dir():
        raise PkiFolderError(
            str(directory), f"no such folder; make one with: pnclab pki init --out {directory}"
        )
    try:
        hierarchy = Hierarchy.load(directory)
    except StoreError as error:
        raise PkiFolderError(error.path, error.detail) from error
    for name in _ISSUERS:
        stem = directory / hierarchy.members[name].stem
        if hierarchy[name].key is None:
            raise PkiFolderError(f"{stem}.key", "is missing; the market must sign with it")
        leaf, *sub_cas = hierarchy.chain(name)
        root = hierarchy.root_of(name).certificate
        try:
            validate(leaf, sub_cas, [root], at=now, profile=hierarchy.members[name].profile)
        except CertificateError as error:
            raise PkiFolderError(f"{stem}.pem", f"breaks the rule {error}") from error
    return hierarchy


def load_iso20(directory: Path, *, now: datetime) -> Hierarchy | None:
    """Read the certificates of ISO 15118-20 inside a certificate folder, if there are any; checks and raises as above."""
    inside = directory / ISO20_FOLDER
    if not inside.is_dir():
        return None
    hierarchy = load_hierarchy(inside, now=now)
    if hierarchy.edition is Suite.ISO2:
        raise PkiFolderError(str(inside), "holds certificates of ISO 15118-2")
    return hierarchy
