"""What the charger's tests share: a charger on a fixed clock, a session without I/O, a scripted car."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from exi.schema import XsdType
from pki.entropy import SeededEntropy
from secc.charger import Charger, Trust
from secc.config import Config, override
from secc.dc_supply import DcRating
from secc.errors import BundleError
from secc.iso2 import PROTOCOL
from secc.iso2.context import Iso2Context
from secc.iso2.states import State
from secc.server import Server
from secc.session import Answer, Session
from secc.sources import Bundles, BundleSource, Wanted
from secc.station import Outlet, Rating, Station
from secc.table import Errand
from tests.secc.market import EMAID, NOW, market
from v2g import timing
from v2g.messages import appprotocol, iso2
from v2g.messages.iso2 import ResponseCode
from v2g.net.channel import MessageChannel, Received
from v2g.net.clock import Clock, LoopClock
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, ServerTls, client_tls
from v2g.security import signature
from v2g.timing import Deadline
from v2g.trace import ListSink, NullSink, Tracer

HOST, TLS_PORT, PLAIN_PORT = "fe80::1", 50_000, 50_001


class HandClock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def monotonic(self) -> float:
        return self.elapsed_s

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed_s)


Script = Callable[[bytes, Deadline], Awaitable[bytes]]


class ScriptedSource:
    """A bundle source that does what a test wants; by default it delivers the right bundle at once."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or deliver
        self.requests: list[bytes] = []
        self.budgets_s: list[float] = []

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        assert wanted.namespace == iso2.NAMESPACE
        self.requests.append(wanted.request_exi)
        self.budgets_s.append(deadline.remaining(asyncio.get_running_loop().time()))
        return (await self.script(wanted.request_exi, deadline),)

    async def prepare(self, deadline: Deadline) -> None:
        return

    async def close(self) -> None:
        return


async def deliver(request_exi: bytes, _deadline: Deadline) -> bytes:
    return market().bundle_exi(session_id_of(request_exi))


def session_id_of(message: bytes) -> bytes:
    decoded = exi.decode(message, iso2.SCHEMA)
    assert isinstance(decoded, iso2.V2G_Message)
    return decoded.header.session_id


def make_charger(
    changes: dict[str, Any] | None = None,
    *,
    clock: Clock | None = None,
    source: BundleSource | None = None,
    station: Station | None = None,
) -> Charger:
    """Return a charger that trusts the test market; ``changes`` are dotted configuration keys."""
    pki = market().pki
    clock = clock or HandClock()
    config = override(Config(), {"network.listen": f"[{HOST}]:{TLS_PORT}"} | (changes or {}))
    return Charger(
        config=config,
        station=station
        or Station.of(
            "DE*PNC*E1",
            config.station.outlets,
            Rating(),
            "METER",
            clock,
            dc_count=config.station.dc_outlets,
            dc_rating=DcRating(**msgspec.structs.asdict(config.dc)),
        ),
        clock=clock,
        entropy=SeededEntropy(42),
        source=source or ScriptedSource(),
        trust=Trust(mo=(pki["mo_root"].certificate,), v2g=(pki["v2g_root"].certificate,)),
    )


@dataclass
class Desk:
    """A session without any I/O: requests in, answers out."""

    charger: Charger = field(default_factory=make_charger)
    secure: bool = True
    sink: ListSink = field(default_factory=ListSink)

    def __post_init__(self) -> None:
        tracer = Tracer("secc", self.sink, self.charger.clock.now)
        self.context = Iso2Context(charger=self.charger, tracer=tracer, secure=self.secure)
        self.session = Session(PROTOCOL, self.context)

    @property
    def state(self) -> Any:
        return self.session.state

    def send(
        self,
        body: XsdType | None,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        session_id: bytes | None = None,
        outcome: bytes | BundleError | None = None,
    ) -> Answer:
        """Hand a request over, signed as a whole with ``key``; an errand brings ``outcome``."""
        message = message_of(self.context.session_id if session_id is None else session_id, body, key)
        data = exi.encode(message, iso2.SCHEMA)
        received = exi.decode(data, iso2.SCHEMA)
        assert isinstance(received, XsdType)
        result = self.session.handle(received, data, self.charger.clock.monotonic())
        if isinstance(result, Errand):
            if outcome is None:
                outcome = market().bundle_exi(self.context.session_id)
            result = self.session.resume(outcome if isinstance(outcome, BundleError) else (outcome,))
        if result.payload is None:
            exi.encode(result.message, iso2.SCHEMA)  # every answer fits its schema
        return result

    def ask(self, body: XsdType, **options: Any) -> Any:
        """Like :meth:`send`, but return the response's body, which must be positive."""
        answer = self.send(body, **options)
        assert not answer.refused, answer.refused
        assert isinstance(answer.message, iso2.V2G_Message)
        return answer.message.body.body_element

    def reach(
        self,
        state: State,
        payment: iso2.PaymentOption = iso2.PaymentOption.Contract,
        *,
        dc: bool | None = None,
    ) -> "Desk":
        """Go the shortest way to a state: with AC, unless it is one of DC."""
        for name, step in steps(payment, dc=state in DC_STATES if dc is None else dc):
            if self.session.state is state:
                return self
            if name is state:
                raise AssertionError(f"passed {state} without stopping there")
            step(self)
        assert self.session.state is state
        return self

    def wait(self, seconds: float) -> None:
        assert isinstance(self.charger.clock, HandClock)
        self.charger.clock.elapsed_s += seconds


def message_of(
    session_id: bytes, body: XsdType | None, key: ec.EllipticCurvePrivateKey | None = None
) -> iso2.V2G_Message:
    """Wrap a body, signed as a whole where there is a key."""
    assert body is None or isinstance(body, iso2.BodyBase)
    signed = None
    if key is not None:
        identifier = getattr(body, "id", None)
        signed = signature.sign([(identifier, type(body).__name__, body)], key, iso2.SCHEMA)
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=session_id, signature=signed), body=iso2.Body(body_element=body)
    )


# --- requests of a well-behaved car ---------------------------------------------------------------------


def selection(
    payment: iso2.PaymentOption, *services: tuple[int, int | None]
) -> iso2.PaymentServiceSelectionReq:
    chosen = services or ((1, None),)
    return iso2.PaymentServiceSelectionReq(
        selected_payment_option=payment,
        selected_service_list=iso2.SelectedServiceList(
            selected_service=[iso2.SelectedService(service_id=s, parameter_set_id=p) for s, p in chosen]
        ),
    )


def amount(value: int, unit: iso2.UnitSymbol) -> iso2.PhysicalValue:
    return iso2.PhysicalValue(multiplier=0, unit=unit, value=value)


def ac_parameters(*, low_a: int = 6, high_a: int = 16) -> iso2.AC_EVChargeParameter:
    return iso2.AC_EVChargeParameter(
        e_amount=amount(10_000, iso2.UnitSymbol.Wh),
        ev_max_voltage=amount(400, iso2.UnitSymbol.V),
        ev_max_current=amount(high_a, iso2.UnitSymbol.A),
        ev_min_current=amount(low_a, iso2.UnitSymbol.A),
    )


def dc_parameters() -> iso2.DC_EVChargeParameter:
    return iso2.DC_EVChargeParameter(
        dc_ev_status=iso2.DC_EVStatus(
            ev_ready=True, ev_error_code=iso2.DC_EVErrorCode.NO_ERROR, ev_ress_soc=50
        ),
        ev_maximum_current_limit=amount(100, iso2.UnitSymbol.A),
        ev_maximum_voltage_limit=amount(450, iso2.UnitSymbol.V),
    )


def parameters(
    mode: iso2.EnergyTransferMode = iso2.EnergyTransferMode.AC_three_phase_core,
    limits: iso2.EVChargeParameter | None = None,
) -> iso2.ChargeParameterDiscoveryReq:
    return iso2.ChargeParameterDiscoveryReq(
        requested_energy_transfer_mode=mode, ev_charge_parameter=limits or ac_parameters()
    )


def delivery(
    progress: iso2.ChargeProgress, schedule: int = 1, profile_w: int | None = None
) -> iso2.PowerDeliveryReq:
    entry = None
    if profile_w is not None:
        entry = iso2.ProfileEntry(
            charging_profile_entry_start=0,
            charging_profile_entry_max_power=amount(profile_w, iso2.UnitSymbol.W),
        )
    return iso2.PowerDeliveryReq(
        charge_progress=progress,
        sa_schedule_tuple_id=schedule,
        charging_profile=iso2.ChargingProfile(profile_entry=[entry]) if entry else None,
    )


def payment_details() -> iso2.PaymentDetailsReq:
    return iso2.PaymentDetailsReq(emaid=EMAID, contract_signature_cert_chain=market().contract_chain())


def dc_status(code: iso2.DC_EVErrorCode = iso2.DC_EVErrorCode.NO_ERROR) -> iso2.DC_EVStatus:
    return iso2.DC_EVStatus(ev_ready=True, ev_error_code=code, ev_ress_soc=50)


def cable_check() -> iso2.CableCheckReq:
    return iso2.CableCheckReq(dc_ev_status=dc_status())


def pre_charge(target_v: int = 380) -> iso2.PreChargeReq:
    return iso2.PreChargeReq(
        dc_ev_status=dc_status(),
        ev_target_voltage=amount(target_v, iso2.UnitSymbol.V),
        ev_target_current=amount(0, iso2.UnitSymbol.A),
    )


def current_demand(
    target_a: int = 50, target_v: int = 420, *, status: iso2.DC_EVStatus | None = None, **fields: Any
) -> iso2.CurrentDemandReq:
    return iso2.CurrentDemandReq(
        dc_ev_status=status or dc_status(),
        ev_target_current=amount(target_a, iso2.UnitSymbol.A),
        ev_target_voltage=amount(target_v, iso2.UnitSymbol.V),
        charging_complete=False,
        **fields,
    )


def welding() -> iso2.WeldingDetectionReq:
    return iso2.WeldingDetectionReq(dc_ev_status=dc_status())


TERMINATE = iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate)
SETUP = iso2.SessionSetupReq(evcc_id=bytes.fromhex("0a1b2c3d4e5f"))


DC_STATES = {
    State.CABLE_CHECK,
    State.PRE_CHARGE,
    State.PRE_CHARGED,
    State.CURRENT_DEMAND,
    State.CHARGING_DC,
    State.WELDING_DETECTION,
}


def steps(payment: iso2.PaymentOption, *, dc: bool = False) -> list[tuple[State, Callable[[Desk], object]]]:
    """Return the way of a car through the states: the state, and the request that it sends there."""
    contract = payment is iso2.PaymentOption.Contract
    key = market().contract.signing_key()
    identify: list[tuple[State, Callable[[Desk], object]]] = (
        [
            (
                State.CONTRACT,
                lambda d: d.ask(market().installation_request(), key=market().car.signing_key()),
            ),
            (State.PAYMENT_DETAILS, lambda d: d.ask(payment_details())),
            (
                State.SIGNED_AUTHORIZATION,
                lambda d: d.ask(iso2.AuthorizationReq(id="id1", gen_challenge=d.context.challenge), key=key),
            ),
        ]
        if contract
        else [(State.AUTHORIZATION, lambda d: d.ask(iso2.AuthorizationReq()))]
    )
    return [
        (State.SESSION_SETUP, lambda d: d.ask(SETUP)),
        (State.SERVICE_DISCOVERY, lambda d: d.ask(iso2.ServiceDiscoveryReq())),
        (State.SERVICE_SELECTION, lambda d: d.ask(selection(payment))),
        *identify,
        *(dc_steps() if dc else ac_steps()),
    ]


def dc_steps() -> list[tuple[State, Callable[[Desk], object]]]:
    """Return the way of a car that charges with DC."""

    def check(desk: Desk) -> None:
        desk.ask(cable_check())
        desk.wait(3)
        desk.ask(cable_check())

    def charge_up(desk: Desk) -> None:
        desk.ask(pre_charge())
        desk.wait(1)

    mode = iso2.EnergyTransferMode.DC_extended
    return [
        (State.CHARGE_PARAMETERS, lambda d: d.ask(parameters(mode, dc_parameters()))),
        (State.CABLE_CHECK, check),
        (State.PRE_CHARGE, charge_up),
        (State.PRE_CHARGED, lambda d: d.ask(delivery(iso2.ChargeProgress.Start))),
        (State.CURRENT_DEMAND, lambda d: d.ask(current_demand())),
        (State.CHARGING_DC, lambda d: d.ask(delivery(iso2.ChargeProgress.Stop))),
        (State.WELDING_DETECTION, lambda d: d.ask(TERMINATE)),
    ]


def ac_steps() -> list[tuple[State, Callable[[Desk], object]]]:
    """Return the way of a car that charges with AC."""
    return [
        (State.CHARGE_PARAMETERS, lambda d: d.ask(parameters())),
        (State.POWER_DELIVERY, lambda d: d.ask(delivery(iso2.ChargeProgress.Start))),
        (State.CHARGING_STATUS, lambda d: d.ask(iso2.ChargingStatusReq())),
        (State.CHARGING, lambda d: d.ask(delivery(iso2.ChargeProgress.Stop))),
        (State.SESSION_STOP, lambda d: d.ask(TERMINATE)),
    ]


# --- a car on a network ---------------------------------------------------------------------------------


def on_mains(outlet: Outlet) -> bool:
    """Tell whether the contactor of an outlet is closed now."""
    return outlet.contactor.closed


class Car:
    """A scripted car over a message channel: sends what it is told, and gives back what came."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self.clock = clock
        self.channel = MessageChannel(stream, Tracer("evcc", NullSink(), clock.now), clock, initiator=True)
        self.session_id = bytes(8)

    async def negotiate(self, *protocols: appprotocol.AppProtocol) -> appprotocol.SupportedAppProtocolRes:
        offered = list(protocols) or [app_protocol(iso2.NAMESPACE, 2, 0)]
        received = await self._exchange(appprotocol.SupportedAppProtocolReq(app_protocol=offered))
        assert isinstance(received.message, appprotocol.SupportedAppProtocolRes)
        self.channel.use(iso2.SCHEMA)
        return received.message

    async def ask(
        self,
        body: iso2.BodyBase | None,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        session_id: bytes | None = None,
    ) -> Any:
        """Send a request, and return the response's body."""
        own = self.session_id if session_id is None else session_id
        received = await self._exchange(message_of(own, body, key))
        assert isinstance(received.message, iso2.V2G_Message)
        self.session_id = received.message.header.session_id
        self.last = received
        return received.message.body.body_element

    async def _exchange(self, message: XsdType) -> Received:
        await self.channel.send(message)
        return await self.channel.receive(Deadline.after(30, self.clock.monotonic(), "the test's patience"))

    async def close_time(self) -> float:
        """Wait until the charger closes; return how long that took."""
        started = self.clock.monotonic()
        with contextlib.suppress(Exception):
            while True:
                await self.channel.receive()
        return self.clock.monotonic() - started


def app_protocol(
    namespace: str, major: int, minor: int, schema_id: int = 1, priority: int = 1
) -> appprotocol.AppProtocol:
    return appprotocol.AppProtocol(
        protocol_namespace=namespace,
        version_number_major=major,
        version_number_minor=minor,
        schema_id=schema_id,
        priority=priority,
    )


@dataclass
class Site:
    """A charger on a simulated network, in virtual time, and the cars that come."""

    charger: Charger
    network: SimulatedNetwork
    sink: ListSink
    server: Server

    async def plain(self) -> Car:
        return Car(await self.network.connect(HOST, PLAIN_PORT), self.charger.clock)

    async def car(self) -> Car:
        stream = await self.network.connect(HOST, TLS_PORT)
        roots = ClientTls([market().pki["v2g_root"].certificate], now=self.charger.clock.now)
        return Car(await client_tls(stream, roots, clock=self.charger.clock), self.charger.clock)

    def of(self, kind: str) -> list[Any]:
        return self.sink.of(kind)


@contextlib.asynccontextmanager
async def site(
    changes: dict[str, Any] | None = None,
    *,
    source: BundleSource | None = None,
    network: SimulatedNetwork | None = None,
) -> AsyncIterator[Site]:
    """Run a charger with a TLS and a plain port until the block ends."""
    clock = LoopClock(NOW)
    plain = {"network.listen_plain": f"[{HOST}]:{PLAIN_PORT}", "network.sdp": False}
    charger = make_charger(plain | (changes or {}), clock=clock, source=source)
    network = network or SimulatedNetwork(delay_s=0.001)
    sink = ListSink()
    pki = market().pki
    server = Server(
        charger,
        (PROTOCOL,),
        network,
        Tracer("secc", sink, clock.now),
        tls=ServerTls(pki.chain("secc_leaf"), pki["secc_leaf"].signing_key()),
    )
    await server.start()
    try:
        yield Site(charger, network, sink, server)
    finally:
        await server.stop()


async def drive(car: Car, payment: iso2.PaymentOption, *, rounds: int = 3) -> None:
    """Take a car through a whole session."""
    assert (await car.negotiate()).schema_id == 1
    assert (await car.ask(SETUP)).response_code is ResponseCode.OK_NewSessionEstablished
    contract = payment is iso2.PaymentOption.Contract
    requests: list[tuple[iso2.BodyBase, ec.EllipticCurvePrivateKey | None]] = [
        (iso2.ServiceDiscoveryReq(), None),
        (selection(payment), None),
    ]
    if contract:
        requests += [(market().installation_request(), market().car.signing_key()), (payment_details(), None)]
    for body, key in requests:
        response = await car.ask(body, key=key)
        assert response.response_code is ResponseCode.OK, response
    if contract:
        body = iso2.AuthorizationReq(id="id1", gen_challenge=response.gen_challenge)
        response = await car.ask(body, key=market().contract.signing_key())
    else:
        response = await car.ask(iso2.AuthorizationReq())
    assert response.evse_processing is iso2.EVSEProcessing.Finished
    loop: list[iso2.BodyBase] = [iso2.ChargingStatusReq()] * rounds
    for body in [
        parameters(),
        delivery(iso2.ChargeProgress.Start),
        *loop,
        delivery(iso2.ChargeProgress.Stop),
        TERMINATE,
    ]:
        response = await car.ask(body)
        assert response.response_code is ResponseCode.OK, response
    assert await car.close_time() <= timing.TCP_CLOSE_S
