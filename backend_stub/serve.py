"""``backend-stub serve``: the market as one HTTP process."""

import asyncio
import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub import logs
from backend_stub.access.settings import AccessSettings, open_gate
from backend_stub.background import at_work
from backend_stub.database import Database
from backend_stub.market import load_hierarchy, load_iso20, open_market
from backend_stub.server import Ready, Server, listen, names_of, own_url, server_config, url_of
from backend_stub.web.app import create_app
from pki.entropy import SystemEntropy
from v2g.messages import iso2
from v2g.messages.iso20 import COMMON_MESSAGES
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ListOfRootCertificateIDs, MessageHeader
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.net.clock import SystemClock
from v2g.net.process import peak_rss_bytes
from v2g.security import signature_iso20
from v2g.security.signature import (
    sign_certificate_installation_req,
    verify_certificate_installation_req,
)
from v2g.trace import JsonlSink, NullSink, Tracer

OWN_URL = "own"


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line of ``serve``."""

    pki: Path
    database: str | Path
    host: str = "127.0.0.1"
    port: int = 8080
    trace: Path | None = None
    json: bool = False
    verbose: bool = False
    public_url: str = ""
    """Where relying parties reach this market; certificates then point there for their revocation. ``own``:
    where it listens."""
    access: AccessSettings = field(default_factory=AccessSettings)


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises PkiFolderError, DatabaseError, MarketError (the roots do not fit what the database holds, or it
    fails), AddressError, AccessError (clients file, or an open market on an address that others can reach) or
    OSError (trace file) before the first request.
    """
    logs.configure(logging.DEBUG if settings.verbose else logging.INFO)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    clock = SystemClock()
    hierarchy = load_hierarchy(settings.pki, now=clock.now())
    iso20 = load_iso20(settings.pki, now=clock.now())
    with ExitStack() as stack:
        sink = JsonlSink(settings.trace) if settings.trace else NullSink()
        stack.callback(sink.close)
        listener = stack.enter_context(listen(settings.host, settings.port))
        settings.access.check_host(listener.getsockname()[0])
        database = Database(settings.database)
        stack.callback(database.close)
        tracer = Tracer("backend", sink, clock.now)
        market = await open_market(
            hierarchy,
            database,
            now=clock.now,
            entropy=SystemEntropy(),
            tracer=tracer,
            public_url=url_of(listener) if settings.public_url == OWN_URL else settings.public_url,
            iso20=iso20,
        )
        warm_up(iso20=iso20 is not None)
        gate = await open_gate(
            settings.access, database, now=clock.now, monotonic=clock.monotonic, entropy=SystemEntropy()
        )
        app = create_app(
            market,
            tracer=tracer,
            monotonic=clock.monotonic,
            gate=gate,
            strict_opnc=settings.access.strict_opnc,
            own_names=names_of(settings.host, settings.public_url),
        )
        url = url_of(listener)
        over_the_air = market.over_the_air
        words = f"market ready at {url} (database {database.label}, API at {url}/docs)"
        ready = Ready(url, words, settings.json, tracer)
        server = Server(server_config(app), ready.announce, over_the_air.events.close)
        async with at_work(market.background), over_the_air.delivering(own_url(url)):
            await server.serve(sockets=[listener])
        tracer.event("process.ended", exit_code=0, peak_rss_bytes=peak_rss_bytes())


def warm_up(*, iso20: bool = False) -> None:
    """Do once what every request needs of the codec: its tables, made now, cost the first car no time."""
    key = SystemEntropy().ec_key(ec.SECP256R1())
    root = X509IssuerSerial(x509_issuer_name="CN=none", x509_serial_number=1)
    body = iso2.CertificateInstallationReq(
        id="id1",
        oem_provisioning_cert=bytes(1),
        list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(root_certificate_id=[root]),
    )
    signature = sign_certificate_installation_req(body, key)
    header = iso2.MessageHeader(session_id=bytes(8), signature=signature)
    message = iso2.V2G_Message(header=header, body=iso2.Body(body_element=body))
    exi.decode(exi.encode(message, iso2.SCHEMA), iso2.SCHEMA)
    verify_certificate_installation_req(signature, body, key.public_key())
    if iso20:
        _warm_up_iso20(root)


def _warm_up_iso20(root: X509IssuerSerial) -> None:
    key = SystemEntropy().ec_key(ec.SECP521R1())
    message = cm.CertificateInstallationReq(
        header=MessageHeader(session_id=bytes(8), time_stamp=0),
        oem_provisioning_certificate_chain=cm.SignedCertificateChain(id="id1", certificate=bytes(1)),
        list_of_root_certificate_ids=ListOfRootCertificateIDs(root_certificate_id=[root]),
        maximum_contract_certificate_chains=1,
    )
    message.header.signature = signature_iso20.sign_certificate_installation_req(message, key)
    exi.decode(exi.encode(message, COMMON_MESSAGES), COMMON_MESSAGES)
    signature_iso20.verify_certificate_installation_req(message.header.signature, message, key.public_key())
