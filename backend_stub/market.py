"""One provider's market: the roles wired together. The only module that knows the service classes.

Several providers, or a role as a process of its own, are other wirings of the same interfaces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backend_stub.access import store as access_store
from backend_stub.authority import store as authority_store
from backend_stub.authority.interface import CertificateAuthority
from backend_stub.authority.service import CertificateOffice, Settings
from backend_stub.ccp import store as ccp_store
from backend_stub.ccp.interface import ContractPool
from backend_stub.ccp.service import BundlePool
from backend_stub.cps.generation import ContractGenerator, HostedIssuer
from backend_stub.cps.interface import ProvisioningService, Signer
from backend_stub.cps.service import ProvisioningSigner, SigningIdentity
from backend_stub.database import Database
from backend_stub.errors import PkiFolderError
from backend_stub.events import outbox as event_log
from backend_stub.events import store as event_store
from backend_stub.msp import store as msp_store
from backend_stub.msp.interface import MobilityServiceProvider
from backend_stub.msp.service import ContractDesk, Operator
from backend_stub.oem import store as oem_store
from backend_stub.oem.interface import CarMaker
from backend_stub.oem.service import BackOffice, Maker
from backend_stub.over_the_air import OverTheAir, open_over_the_air
from backend_stub.pcp import store as pcp_store
from backend_stub.pcp.interface import ProvisioningPool
from backend_stub.pcp.service import CertificatePool
from backend_stub.rcp import store as rcp_store
from backend_stub.rcp.interface import RootCertificatePool, RootType
from backend_stub.rcp.service import RootPool
from backend_stub.rcp.trust_list import TrustListSigner
from backend_stub.telematics import store as telematics_store
from pki.chain import validate
from pki.entropy import Entropy
from pki.errors import CertificateError, StoreError
from pki.hierarchy import MEMBERS, Hierarchy
from v2g.trace import Tracer

WMI = "PNC"
COUNTRY = "DE"
PROVIDER_ID = "PNC"

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
)
_ROOTS = {RootType.V2G: "v2g_root", RootType.OEM: "oem_root", RootType.MO: "mo_root"}
_ISSUERS = ("oem_sub_ca2", "mo_sub_ca2", "cps_leaf")


@dataclass(frozen=True, slots=True)
class Market:
    """The roles, each behind its interface."""

    oem: CarMaker
    msp: MobilityServiceProvider
    cps: ProvisioningService
    pcp: ProvisioningPool
    ccp: ContractPool
    rcp: RootCertificatePool
    generator: ContractGenerator
    trust_list: TrustListSigner
    authority: CertificateAuthority
    over_the_air: OverTheAir


async def open_market(
    hierarchy: Hierarchy,
    database: Database,
    *,
    now: Callable[[], datetime],
    entropy: Entropy,
    tracer: Tracer,
    public_url: str = "",
) -> Market:
    """Make the tables, wire the roles, fill the root pool, and settle what a killed process left behind.

    ``public_url`` is where relying parties reach this market; certificates point there for their revocation.

    Raises DatabaseError when the file cannot be used.
    """
    database.create(SCHEMAS)
    rcp = RootPool(database, now)
    for root_type, name in _ROOTS.items():
        await rcp.add(root_type, hierarchy[name].certificate)
    authority = await CertificateOffice.open(
        database, [hierarchy], now=now, entropy=entropy, settings=Settings(public_url=public_url)
    )
    pcp = CertificatePool(database, rcp, now)
    ccp = BundlePool(database, pcp, rcp, now, tracer)
    pcp.attach(ccp)
    signer = Signer(hierarchy.chain("cps_leaf"), hierarchy.root_of("cps_leaf").certificate)
    identity = SigningIdentity(signer, hierarchy["cps_leaf"].signing_key())
    cps = ProvisioningSigner([identity], rcp, pcp, ccp, now, tracer)
    maker = Maker(WMI, hierarchy["oem_sub_ca1"].certificate, hierarchy["oem_sub_ca2"])
    oem = BackOffice(database, maker, pcp, rcp, now, entropy, issued=authority)
    operator = Operator(COUNTRY, PROVIDER_ID, hierarchy["mo_sub_ca1"].certificate, hierarchy["mo_sub_ca2"])
    msp = ContractDesk(database, operator, pcp, cps, ccp, now, entropy)
    await oem.settle()
    await msp.settle()
    trust_list = TrustListSigner(rcp, signer.chain, identity.key, now)
    generator = HostedIssuer(
        hierarchy["mo_sub_ca2"],
        hierarchy["mo_sub_ca1"].certificate,
        provisioning=pcp,
        signing=cps,
        contracts=ccp,
        now=now,
        entropy=entropy,
    )
    over_the_air = await open_over_the_air(
        database, ccp=ccp, pcp=pcp, rcp=rcp, now=now, entropy=entropy, tracer=tracer, wmi=WMI
    )
    return Market(
        oem=oem,
        msp=msp,
        cps=cps,
        pcp=pcp,
        ccp=ccp,
        rcp=rcp,
        generator=generator,
        trust_list=trust_list,
        authority=authority,
        over_the_air=over_the_air,
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
