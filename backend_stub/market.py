"""One provider's market: the roles wired together. The only module that knows the service classes.

Several providers, or a role as a process of its own, are other wirings of the same interfaces.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backend_stub.access import store as access_store
from backend_stub.authority import store as authority_store
from backend_stub.authority.interface import CertificateAuthority
from backend_stub.authority.service import CertificateOffice, Settings
from backend_stub.ccp import store as ccp_store
from backend_stub.ccp.fresh import FreshlySigned
from backend_stub.ccp.interface import ContractPool
from backend_stub.ccp.service import BundlePool
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
from backend_stub.federation.notices import Notices
from backend_stub.federation.roots import FederatedRootPool, PublishedRoots
from backend_stub.federation.signing import FederatedProvisioningService
from backend_stub.msp import store as msp_store
from backend_stub.msp.authorization import AuthorizationDesk, ContractAuthorizer
from backend_stub.msp.entitlement import Entitlements
from backend_stub.msp.interface import MobilityServiceProvider
from backend_stub.msp.service import ContractDesk, Operator, Partners
from backend_stub.oem import store as oem_store
from backend_stub.oem.interface import CarMaker
from backend_stub.oem.service import BackOffice, Maker
from backend_stub.over_the_air import OverTheAir, open_over_the_air
from backend_stub.pcp import store as pcp_store
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.pcp.service import CertificatePool
from backend_stub.place import Place
from backend_stub.rcp import store as rcp_store
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.rcp.service import RootPool
from backend_stub.rcp.trust_list import TrustListSigner
from backend_stub.register import store as register_store
from backend_stub.register.interface import VehicleRegister
from backend_stub.register.service import Register
from backend_stub.telematics import store as telematics_store
from pki.chain import validate
from pki.entropy import Entropy
from pki.errors import CertificateError, StoreError
from pki.hierarchy import MEMBERS, Hierarchy
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
    over_the_air: OverTheAir
    operator_id: str
    """Country and provider id of its mobility operator."""
    wmi: str
    """Of its car maker."""
    copies: CarCopies
    """What is held of other providers' cars."""
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """Work that goes on as long as the market serves."""


async def open_market(
    hierarchy: Hierarchy,
    database: Database,
    *,
    now: Callable[[], datetime],
    entropy: Entropy,
    tracer: Tracer,
    public_url: str = "",
    place: Place | None = None,
) -> Market:
    """Make the tables, wire the roles, fill the root pool, and settle what a killed process left behind.

    ``public_url`` is where relying parties reach this market; certificates point there for their revocation.
    ``place`` is the provider's place among others; without it this is a market of one.

    Raises DatabaseError when the file cannot be used.
    """
    place = place or Place()
    database.create(SCHEMAS)
    own_roots = RootPool(database, now)
    for root_type, name in _ROOTS.items():
        await own_roots.add(root_type, hierarchy[name].certificate)
    authority = await CertificateOffice.open(
        database, [hierarchy], now=now, entropy=entropy, settings=Settings(public_url=public_url)
    )
    peers, wait_s = place.peers, place.peer_timeout_s
    rcp: RootCertificatePool = own_roots
    if peers:
        rcp = FederatedRootPool(own_roots, peers, database, now)
    own_cars = CertificatePool(database, rcp, now, authority)
    copies = CarCopies(peers, rcp, place.maker_pins, database, now, wait_s)
    notices = Notices(peers, database, now)
    pcp: ProvisioningPool = own_cars
    cars: ProvisioningPool = own_cars
    if peers:
        pcp = FederatedProvisioningPool(own_cars, copies, notices)
        cars = KnownCars(pcp, own_cars, copies)
    bundles = BundlePool(database, cars, rcp, now, tracer, authority)
    own_cars.attach(bundles)
    copies.attach(bundles)
    signer = Signer(hierarchy.chain("cps_leaf"), hierarchy.root_of("cps_leaf").certificate)
    identity = SigningIdentity(signer, hierarchy["cps_leaf"].signing_key())
    cps: ProvisioningService = ProvisioningSigner([identity], rcp, cars, bundles, now, tracer, authority)
    if peers:
        cps = FederatedProvisioningService(cps, bundles, cars, rcp, peers, wait_s)
    ccp: ContractPool = FreshlySigned(bundles, cps)
    if peers:
        ccp = FederatedContractPool(ccp, copies, peers, wait_s)
    maker = Maker(
        place.wmi,
        hierarchy["oem_sub_ca1"].certificate,
        hierarchy["oem_sub_ca2"],
        place.regions,
        place.default_region,
    )
    oem = BackOffice(database, maker, pcp, rcp, now, entropy, issued=authority)
    keeper = place.register_keeper
    register = RegisterElsewhere(keeper) if keeper else Register(database, now, entropy)
    makers = FederatedEntitlementDesk(oem, place.makers) if peers else oem
    entitlements = Entitlements(place.proof_required, makers, register)
    msp = ContractDesk(
        database,
        Operator(
            place.country,
            place.provider_id,
            hierarchy["mo_sub_ca1"].certificate,
            hierarchy["mo_sub_ca2"],
        ),
        Partners(cars, cps, ccp, register, authority),
        entitlements,
        now,
        entropy,
    )
    await oem.settle()
    await msp.settle()
    trust_list = TrustListSigner(rcp, signer.chain, identity.key, now)
    generator = HostedIssuer(
        hierarchy["mo_sub_ca2"],
        hierarchy["mo_sub_ca1"].certificate,
        hierarchy["mo_root"].certificate,
        issued=authority,
        provisioning=cars,
        signing=cps,
        contracts=ccp,
        now=now,
        entropy=entropy,
    )
    over_the_air = await open_over_the_air(
        database, ccp=ccp, pcp=cars, rcp=rcp, now=now, entropy=entropy, tracer=tracer, wmi=place.wmi
    )
    return Market(
        name=place.name,
        oem=oem,
        msp=msp,
        cps=cps,
        pcp=pcp,
        ccp=ccp,
        rcp=PublishedRoots(own_roots, rcp) if peers else own_roots,
        register=register,
        generator=generator,
        trust_list=trust_list,
        authority=authority,
        authorization=AuthorizationDesk(msp, authority, now),
        over_the_air=over_the_air,
        operator_id=f"{place.country}{place.provider_id}",
        wmi=place.wmi,
        copies=copies,
        background=(notices.run,) if peers else (),
    )


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
        stem = directory / MEMBERS[name].stem
        if hierarchy[name].key is None:
            raise PkiFolderError(f"{stem}.key", "is missing; the market must sign with it")
        leaf, *sub_cas = hierarchy.chain(name)
        root = hierarchy.root_of(name).certificate
        try:
            validate(leaf, sub_cas, [root], at=now, profile=MEMBERS[name].profile)
        except CertificateError as error:
            raise PkiFolderError(f"{stem}.pem", f"breaks the rule {error}") from error
    return hierarchy
