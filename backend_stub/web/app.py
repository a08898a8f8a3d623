"""The HTTP application: the doors of all roles, behind one envelope."""

from collections.abc import Callable, Set
from importlib.metadata import version

from fastapi import FastAPI

from backend_stub.access import Role
from backend_stub.access import routes as access_routes
from backend_stub.access.gate import Gate, Rates
from backend_stub.access.guard import only_as
from backend_stub.authority import routes as authority_routes
from backend_stub.ccp import routes as ccp_routes
from backend_stub.cps import routes as cps_routes
from backend_stub.events import routes as event_routes
from backend_stub.federation import routes as federation_routes
from backend_stub.federation.calls import CallContext
from backend_stub.market import Market
from backend_stub.msp import authorization_routes, termination_routes
from backend_stub.msp import routes as msp_routes
from backend_stub.oem import routes as oem_routes
from backend_stub.opnc import routes as opnc_routes
from backend_stub.page import routes as page_routes
from backend_stub.page import things as page_things
from backend_stub.page import whole as page_whole
from backend_stub.page.guard import OnlyThisMachine
from backend_stub.pcp import routes as pcp_routes
from backend_stub.rcp import routes as rcp_routes
from backend_stub.register import routes as register_routes
from backend_stub.telematics import routes as telematics_routes
from backend_stub.web import overview
from backend_stub.web.answers import install_error_handlers
from backend_stub.web.conditional import ConditionalGet
from backend_stub.web.docs import install_docs
from backend_stub.web.envelope import Envelope
from backend_stub.web.quick import QuickDoors
from v2g.trace import Tracer

_DESCRIPTION = """\
The Plug & Charge contract market behind a charger. The doors under `/v1`, `/cps` and `/.well-known/est` have the
shape of OPCP 1.0 ([by itself](/docs/opcp)), those under `/opnc/v1` that of OPNC 1.0 ([by itself](/docs/opnc)); the
others are ours.

Errors come as `{errorMessages, traceId}`. Each message starts with a stable code in brackets; the same `traceId`
stands in the answer's `X-Trace-Id` header, the log and the trace.

A market with clients wants an access token: `POST /oauth/token`. One without is open, and serves loopback
addresses only.
"""

_LARGE_BODIES = {
    authority_routes.BULK_PATH: authority_routes.MAX_BULK_BYTES,
    termination_routes.BULK_PATH: termination_routes.MAX_BULK_BYTES,
}


def create_app(
    market: Market,
    *,
    tracer: Tracer,
    monotonic: Callable[[], float],
    gate: Gate | None = None,
    strict_opnc: bool = False,
    own_names: Set[str] | None = None,
) -> FastAPI:
    """Return the application for ``market``. It starts nothing and owns nothing.

    ``gate`` decides who may do what; None: everybody everything. ``strict_opnc`` holds callers of OPNC to the
    letter of its schemas. ``own_names`` keeps pages of other sites out of an open market, see
    :mod:`backend_stub.page.guard`: the host names that it goes by besides loopback ones; None: any.
    """
    gate = gate or Gate(None, Rates(), monotonic)
    app = FastAPI(
        title="PnC Lab market",
        description=_DESCRIPTION,
        version=version("pnclab"),
        redirect_slashes=False,  # a redirect is not an answer that OPCP knows
        openapi_url=None,  # described in parts, and on pages that need no network: see below
    )
    app.include_router(authority_routes.status_router(market.authority))
    app.include_router(ccp_routes.router(market.ccp, market.rcp, market.authority, market.updates))
    app.include_router(cps_routes.router(market.cps, market.generator))
    app.include_router(pcp_routes.router(market.pcp))
    app.include_router(rcp_routes.router(market.rcp, market.trust_list))
    app.include_router(oem_routes.router(market.oem), dependencies=[only_as(Role.OEM, market.wmi)])
    app.include_router(msp_routes.router(market.msp), dependencies=[only_as(Role.MSP, market.operator_id)])
    app.include_router(authorization_routes.router(market.authorization))
    app.include_router(termination_routes.router(market.msp, market.authority))
    app.include_router(authority_routes.router(market.authority))
    over_the_air = market.over_the_air
    app.include_router(event_routes.router(over_the_air.events, over_the_air.events))
    app.include_router(
        telematics_routes.router(over_the_air.telematics.office, over_the_air.telematics.cars),
        dependencies=[only_as(Role.OEM, market.wmi)],
    )
    app.include_router(register_routes.router(market.register))
    app.include_router(federation_routes.router(market.copies, market.ccp))
    app.include_router(
        opnc_routes.router(
            contracts=market.ccp,
            provisioning=market.pcp,
            roots=market.rcp,
            signing=market.cps,
            generator=market.generator,
            authority=market.authority,
            endpoints=over_the_air.events,
            strict=strict_opnc,
        )
    )
    app.include_router(overview.router(market))
    app.include_router(access_routes.router(gate))
    app.include_router(page_things.router(market))
    app.include_router(page_whole.router(market, gate, monotonic))
    app.include_router(page_routes.router(market, is_open=gate.tokens is None))
    install_docs(app)
    install_error_handlers(app)
    app.add_middleware(QuickDoors, doors=authority_routes.quick_doors(market.authority))
    app.add_middleware(ConditionalGet)
    app.add_middleware(CallContext)
    if own_names is not None and gate.tokens is None:
        app.add_middleware(OnlyThisMachine, names=own_names)
    app.add_middleware(Envelope, tracer=tracer, monotonic=monotonic, gate=gate, large_bodies=_LARGE_BODIES)
    return app
