"""What the tests of ISO 15118-20 share: sessions without I/O, requests of a well-behaved car, cars on a network."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import exi
from exi.schema import XsdType
from pki.keys import SigningKey
from secc import placeholders
from secc.charger import Charger, Trust
from secc.errors import BundleError
from secc.iso20 import AC, DC
from secc.iso20.context import Iso20Context
from secc.iso20.responses import RESPONSES
from secc.iso20.states import State
from secc.protocol import Protocol
from secc.protocols import ALL
from secc.run import station_of
from secc.server import Server
from secc.session import Answer, Session
from secc.sources import Bundles, BundleSource, Wanted
from secc.table import Errand
from tests.secc import kit as common
from tests.secc.iso20.market import EVCCID, SUITE, market20
from tests.secc.kit import HOST, PLAIN_PORT, TLS_PORT, app_protocol
from tests.secc.market import NOW, market
from v2g.messages import appprotocol, iso20
from v2g.messages.iso20 import ac, dc
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20 import common_types as ct
from v2g.messages.iso20.common_types import Processing
from v2g.net.channel import MessageChannel
from v2g.net.clock import Clock, LoopClock
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, Iso20Client, Iso20Server, ServerTls, client_tls
from v2g.protocols import UNSENT
from v2g.rational import rational
from v2g.security import signature
from v2g.services import ControlMode, ServiceId
from v2g.timing import Deadline
from v2g.trace import ListSink, NullSink, Tracer

FOREIGN = b"\xee" * 8


@dataclass
class Source20:
    """A bundle source that waits for ``delay_s`` and delivers ``outcome``; it remembers what it was asked."""

    outcome: Bundles | BundleError = ()
    delay_s: float = 0.0
    wanted: list[Wanted] = field(default_factory=list)
    budgets_s: list[float] = field(default_factory=list)
    cancelled: int = 0

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        self.wanted.append(wanted)
        self.budgets_s.append(deadline.remaining(asyncio.get_running_loop().time()))
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.outcome, BundleError):
            raise self.outcome
        return self.outcome or market20().bundles()

    async def prepare(self, deadline: Deadline) -> None:
        return

    async def close(self) -> None:
        return


def make_charger(
    changes: dict[str, Any] | None = None, *, clock: Clock | None = None, source: BundleSource | None = None
) -> Charger:
    """Return a charger with AC and DC outlets that trusts both test markets."""
    pki = market20().pki
    charger = common.make_charger(changes, clock=clock, source=source or Source20())
    charger.station = station_of(charger.config, charger.clock)
    charger.trust20 = Trust(
        mo=(pki["mo_root"].certificate,),
        v2g=(pki["v2g_root"].certificate,),
        oem=(pki["oem_root"].certificate,),
    )
    return charger


def signed_part(body: XsdType) -> tuple[str, str, XsdType] | None:
    """Return what is signed of a request."""
    part: Any = None
    if isinstance(body, cm.AuthorizationReq):
        part, name = body.pnc_a_req_authorization_mode, "PnC_AReqAuthorizationMode"
    elif isinstance(body, cm.CertificateInstallationReq):
        part, name = body.oem_provisioning_certificate_chain, "OEMProvisioningCertificateChain"
    elif isinstance(body, cm.MeteringConfirmationReq):
        part, name = body.signed_metering_data, "SignedMeteringData"
    return None if part is None else (part.id, name, part)


def message_of(session_id: bytes, body: XsdType, key: SigningKey | None, time_stamp: int) -> ct.V2GMessage:
    """Put the header on a request, signed where there is a key."""
    part = signed_part(body)
    signed = None
    if key is not None and part is not None:
        signed = signature.sign([part], key, iso20.COMMON_MESSAGES, SUITE)
    assert isinstance(body, ct.V2GMessage)
    body.header = ct.MessageHeader(session_id=session_id, time_stamp=time_stamp, signature=signed)
    return body


@dataclass
class Desk:
    """A session without any I/O: requests in, answers out."""

    protocol: Protocol = AC
    charger: Charger = field(default_factory=make_charger)
    secure: bool = True
    sink: ListSink = field(default_factory=ListSink)

    def __post_init__(self) -> None:
        tracer = Tracer("secc", self.sink, self.charger.clock.now)
        context = self.protocol.context(charger=self.charger, tracer=tracer, secure=self.secure)
        assert isinstance(context, Iso20Context)
        self.context = context
        self.session = Session(self.protocol, context)

    @property
    def state(self) -> Any:
        return self.session.state

    def send(
        self,
        body: XsdType,
        *,
        key: SigningKey | None = None,
        session_id: bytes | None = None,
        outcome: Bundles | BundleError | None = None,
        still_away: bool = False,
    ) -> Answer:
        """Hand a request over, signed with ``key``; an errand brings ``outcome``, or is still away."""
        edition = self.protocol.edition
        own = self.context.session_id or bytes(8)
        now = int(self.charger.clock.now().timestamp())
        message = message_of(own if session_id is None else session_id, body, key, now)
        schema = edition.schemas[edition.payload_type(message)]
        data = exi.encode(message, schema)
        received = exi.decode(data, schema)
        assert isinstance(received, XsdType)
        result = self.session.handle(received, data, self.charger.clock.monotonic())
        if isinstance(result, Errand):
            result = self.session.resume(None if still_away else outcome or market20().bundles())
        answer_schema = edition.schemas[result.payload_type]
        assert exi.decode(exi.encode(result.message, answer_schema), answer_schema) == result.message
        return result

    def ask(self, body: XsdType, **options: Any) -> Any:
        """Like :meth:`send`, but return the response, which must be positive."""
        answer = self.send(body, **options)
        assert not answer.refused, answer.refused
        return answer.message

    def reach(self, state: State, **choice: Any) -> "Desk":
        """Go the shortest way to a state."""
        for name, step in steps(self.protocol, **choice):
            if self.session.state is state:
                return self
            assert name is self.session.state, f"{self.session.state} instead of {name}"
            step(self)
        assert self.session.state is state, self.session.state
        return self

    def wait(self, seconds: float) -> None:
        assert isinstance(self.charger.clock, common.HandClock)
        self.charger.clock.elapsed_s += seconds


# --- requests of a well-behaved car ---------------------------------------------------------------------


def setup() -> cm.SessionSetupReq:
    return cm.SessionSetupReq(header=UNSENT, evcc_id=EVCCID)


def authorization_setup() -> cm.AuthorizationSetupReq:
    return cm.AuthorizationSetupReq(header=UNSENT)


def by_contract(challenge: bytes, chain: cm.ContractCertificateChain | None = None) -> cm.AuthorizationReq:
    return cm.AuthorizationReq(
        header=UNSENT,
        selected_authorization_service=cm.Authorization.PnC,
        pnc_a_req_authorization_mode=cm.PnC_AReqAuthorizationMode(
            id="id1",
            gen_challenge=challenge,
            contract_certificate_chain=chain or market20().contract_chain(),
        ),
    )


def externally() -> cm.AuthorizationReq:
    return cm.AuthorizationReq(
        header=UNSENT,
        selected_authorization_service=cm.Authorization.EIM,
        eim_a_req_authorization_mode=cm.EIM_AReqAuthorizationMode(),
    )


def discovery(*services: int) -> cm.ServiceDiscoveryReq:
    wanted = cm.ServiceIDList(service_id=list(services)) if services else None
    return cm.ServiceDiscoveryReq(header=UNSENT, supported_service_ids=wanted)


def detail(service: int) -> cm.ServiceDetailReq:
    return cm.ServiceDetailReq(header=UNSENT, service_id=service)


def selection(service: int, parameter_set: int = 1, *others: int) -> cm.ServiceSelectionReq:
    vas = [cm.SelectedService(service_id=other, parameter_set_id=1) for other in others]
    return cm.ServiceSelectionReq(
        header=UNSENT,
        selected_energy_transfer_service=cm.SelectedService(
            service_id=service, parameter_set_id=parameter_set
        ),
        selected_vas_list=cm.SelectedServiceList(selected_service=vas) if vas else None,
    )


def ac_parameters(
    most_w: float = 11_000, least_w: float = 1_400, *, both_ways: bool = False, per_phase: bool = False
) -> ac.AC_ChargeParameterDiscoveryReq:
    values = {"ev_maximum_charge_power": rational(most_w), "ev_minimum_charge_power": rational(least_w)}
    if both_ways:
        values |= {
            "ev_maximum_discharge_power": rational(most_w),
            "ev_minimum_discharge_power": rational(least_w),
        }
    if per_phase:
        values |= {f"{name}_{phase}": value for name, value in values.items() for phase in ("l2", "l3")}
    kind = ac.BPT_AC_CPDReqEnergyTransferMode if both_ways else ac.AC_CPDReqEnergyTransferMode
    return ac.AC_ChargeParameterDiscoveryReq(header=UNSENT, ac_cpd_req_energy_transfer_mode=kind(**values))


def dc_parameters(*, both_ways: bool = False, **changes: float) -> dc.DC_ChargeParameterDiscoveryReq:
    numbers: dict[str, float] = {
        "ev_maximum_charge_power": 100_000,
        "ev_minimum_charge_power": 0,
        "ev_maximum_charge_current": 250,
        "ev_minimum_charge_current": 0,
        "ev_maximum_voltage": 450,
        "ev_minimum_voltage": 200,
    }
    if both_ways:
        numbers |= {
            "ev_maximum_discharge_power": 50_000,
            "ev_minimum_discharge_power": 0,
            "ev_maximum_discharge_current": 100,
            "ev_minimum_discharge_current": 0,
        }
    kind = dc.BPT_DC_CPDReqEnergyTransferMode if both_ways else dc.DC_CPDReqEnergyTransferMode
    values: dict[str, Any] = {name: rational(value) for name, value in (numbers | changes).items()}
    return dc.DC_ChargeParameterDiscoveryReq(header=UNSENT, dc_cpd_req_energy_transfer_mode=kind(**values))


def schedule(*, dynamic: bool = False) -> cm.ScheduleExchangeReq:
    energy: dict[str, Any] = {
        f"ev_{name}_energy_request": rational(wh)
        for name, wh in {"target": 20_000, "maximum": 30_000, "minimum": 5_000}.items()
    }
    return cm.ScheduleExchangeReq(
        header=UNSENT,
        maximum_supporting_points=12,
        dynamic_se_req_control_mode=(
            cm.Dynamic_SEReqControlMode(departure_time=7200, **energy) if dynamic else None
        ),
        scheduled_se_req_control_mode=(None if dynamic else cm.Scheduled_SEReqControlMode(**energy)),
    )


def profile(
    power_w: float = 5_000,
    *,
    schedule_id: int = 1,
    tolerance: cm.PowerToleranceAcceptance | None = None,
    dynamic: bool = False,
) -> cm.EVPowerProfile:
    entries = [
        cm.PowerScheduleEntry(duration=1800, power=rational(power_w)),
        cm.PowerScheduleEntry(duration=80_000, power=rational(power_w / 2)),
    ]
    return cm.EVPowerProfile(
        time_anchor=0,
        dynamic_evppt_control_mode=cm.Dynamic_EVPPTControlMode() if dynamic else None,
        scheduled_evppt_control_mode=(
            None
            if dynamic
            else cm.Scheduled_EVPPTControlMode(
                selected_schedule_tuple_id=schedule_id, power_tolerance_acceptance=tolerance
            )
        ),
        ev_power_profile_entries=cm.EVPowerProfileEntryList(ev_power_profile_entry=entries),
    )


def delivery(
    progress: cm.ChargeProgress = cm.ChargeProgress.Start,
    given: cm.EVPowerProfile | None = None,
    processing: Processing = Processing.Finished,
) -> cm.PowerDeliveryReq:
    return cm.PowerDeliveryReq(
        header=UNSENT, ev_processing=processing, charge_progress=progress, ev_power_profile=given
    )


START, STOP = cm.ChargeProgress.Start, cm.ChargeProgress.Stop
STANDBY, RENEGOTIATE = cm.ChargeProgress.Standby, cm.ChargeProgress.ScheduleRenegotiation


def cable_check() -> dc.DC_CableCheckReq:
    return dc.DC_CableCheckReq(header=UNSENT)


def pre_charge(target_v: float = 380, processing: Processing = Processing.Ongoing) -> dc.DC_PreChargeReq:
    return dc.DC_PreChargeReq(
        header=UNSENT,
        ev_processing=processing,
        ev_present_voltage=rational(0),
        ev_target_voltage=rational(target_v),
    )


def welding(processing: Processing = Processing.Ongoing) -> dc.DC_WeldingDetectionReq:
    return dc.DC_WeldingDetectionReq(header=UNSENT, ev_processing=processing)


_ENERGY: Mapping[str, Any] = {
    "ev_target_energy_request": rational(20_000),
    "ev_maximum_energy_request": rational(30_000),
    "ev_minimum_energy_request": rational(5_000),
}


def ac_loop(
    drawn_w: float = 4_000,
    *,
    dynamic: bool = False,
    both_ways: bool = False,
    meter: bool = True,
    **limits: float,
) -> ac.AC_ChargeLoopReq:
    values: dict[str, Any] = {"ev_present_active_power": rational(drawn_w)}
    values |= {name: rational(number) for name, number in limits.items()}
    if dynamic:
        values |= _ENERGY
        values |= {
            "ev_maximum_charge_power": rational(11_000),
            "ev_minimum_charge_power": rational(0),
            "ev_present_reactive_power": rational(0),
        }
        if both_ways:
            values |= {
                "ev_maximum_discharge_power": rational(9_000),
                "ev_minimum_discharge_power": rational(0),
            }
    kinds = {
        (False, False): ac.Scheduled_AC_CLReqControlMode,
        (False, True): ac.BPT_Scheduled_AC_CLReqControlMode,
        (True, False): ac.Dynamic_AC_CLReqControlMode,
        (True, True): ac.BPT_Dynamic_AC_CLReqControlMode,
    }
    mode: ct.CLReqControlMode = kinds[dynamic, both_ways](**values)
    return ac.AC_ChargeLoopReq(header=UNSENT, meter_info_requested=meter, cl_req_control_mode=mode)


def dc_loop(
    amps: float = 100,
    volts: float = 400,
    *,
    present_v: float = 380,
    dynamic: bool = False,
    both_ways: bool = False,
    meter: bool = True,
) -> dc.DC_ChargeLoopReq:
    values: dict[str, Any] = {}
    if dynamic:
        values |= _ENERGY
        names = {
            "ev_maximum_charge_power": 100_000,
            "ev_minimum_charge_power": 0,
            "ev_maximum_charge_current": amps,
            "ev_maximum_voltage": volts,
            "ev_minimum_voltage": 200,
        }
        if both_ways:
            names |= {
                "ev_maximum_discharge_power": 50_000,
                "ev_minimum_discharge_power": 0,
                "ev_maximum_discharge_current": 100,
            }
        values |= {name: rational(number) for name, number in names.items()}
    else:
        values = {"ev_target_current": rational(amps), "ev_target_voltage": rational(volts)}
    kinds = {
        (False, False): dc.Scheduled_DC_CLReqControlMode,
        (False, True): dc.BPT_Scheduled_DC_CLReqControlMode,
        (True, False): dc.Dynamic_DC_CLReqControlMode,
        (True, True): dc.BPT_Dynamic_DC_CLReqControlMode,
    }
    mode: ct.CLReqControlMode = kinds[dynamic, both_ways](**values)
    return dc.DC_ChargeLoopReq(
        header=UNSENT,
        meter_info_requested=meter,
        ev_present_voltage=rational(present_v),
        cl_req_control_mode=mode,
    )


def confirmation(session_id: bytes, meter: ct.MeterInfo) -> cm.MeteringConfirmationReq:
    return cm.MeteringConfirmationReq(
        header=UNSENT,
        signed_metering_data=cm.SignedMeteringData(
            id="id1",
            session_id=session_id,
            meter_info=copy.deepcopy(meter),
            scheduled_smdt_control_mode=cm.Scheduled_SMDTControlMode(selected_schedule_tuple_id=1),
        ),
    )


def stop(kind: cm.ChargingSession = cm.ChargingSession.Terminate) -> cm.SessionStopReq:
    return cm.SessionStopReq(header=UNSENT, charging_session=kind)


Step = Callable[[Desk], object]
SERVICES = {
    (AC.key, False): ServiceId.AC,
    (AC.key, True): ServiceId.AC_BPT,
    (DC.key, False): ServiceId.DC,
    (DC.key, True): ServiceId.DC_BPT,
}


def steps(
    protocol: Protocol, *, dynamic: bool = False, both_ways: bool = False, install: bool = False
) -> list[tuple[State, Step]]:
    """Return the way of a car through the states: the state, and the request that it sends there."""
    contract, car = market20().contract.signing_key(), market20().car.provisioning.signing_key()
    service = SERVICES[protocol.key, both_ways]
    mode = ControlMode.DYNAMIC if dynamic else ControlMode.SCHEDULED
    start = delivery(given=profile(dynamic=True)) if dynamic else delivery(given=profile())

    def authorize(desk: Desk) -> object:
        return desk.ask(by_contract(desk.context.challenge), key=contract)

    identify: list[tuple[State, Step]] = [(State.CONTRACT, authorize)]
    if install:
        identify = [
            (State.CONTRACT, lambda d: d.ask(market20().installation_request(), key=car)),
            (State.AUTHORIZATION, authorize),
        ]
    before = [
        (State.SESSION_SETUP, lambda d: d.ask(setup())),
        (State.AUTHORIZATION_SETUP, lambda d: d.ask(authorization_setup())),
        *identify,
        (State.SERVICE_DISCOVERY, lambda d: d.ask(discovery())),
        (State.SERVICE_SELECTION, lambda d: d.ask(selection(service, int(mode)))),
    ]
    if protocol.key == AC.key:
        return [
            *before,
            (State.CHARGE_PARAMETERS, lambda d: d.ask(ac_parameters(both_ways=both_ways))),
            (State.SCHEDULE, lambda d: d.ask(schedule(dynamic=dynamic))),
            (State.POWER_DELIVERY, lambda d: d.ask(start)),
            (State.CHARGE_LOOP, lambda d: d.ask(delivery(STOP))),
            (State.SESSION_STOP, lambda d: d.ask(stop())),
        ]

    def check(desk: Desk) -> object:
        desk.ask(cable_check())
        desk.wait(5)
        return desk.ask(cable_check())

    def charge_up(desk: Desk) -> None:
        desk.ask(pre_charge())
        desk.wait(2)

    return [
        *before,
        (State.CHARGE_PARAMETERS, lambda d: d.ask(dc_parameters(both_ways=both_ways))),
        (State.SCHEDULE, lambda d: d.ask(schedule(dynamic=dynamic))),
        (State.CABLE_CHECK, check),
        (State.PRE_CHARGE, charge_up),
        (State.POWER_DELIVERY, lambda d: d.ask(start)),
        (State.CHARGE_LOOP, lambda d: d.ask(delivery(STOP))),
        (State.WELDING_DETECTION, lambda d: d.ask(welding(Processing.Finished))),
        (State.SESSION_STOP, lambda d: d.ask(stop())),
    ]


# --- one valid request of each class, for tests that are about the class and not about what it says ------


def _fillers(request: type[XsdType]) -> placeholders.Fillers:
    mode: Callable[[str], XsdType] = lambda _: ac_loop().cl_req_control_mode  # noqa: E731 - typed here
    if request is dc.DC_ChargeLoopReq:
        mode = lambda _: dc_loop().cl_req_control_mode  # noqa: E731 - typed here
    return {ct.MessageHeader: lambda _: UNSENT, ct.CLReqControlMode: mode}


def example(request: type[XsdType]) -> XsdType:
    """Return a valid request of a class, a new one each time."""
    if request is cm.SessionSetupReq:
        return setup()
    return placeholders.build(request, {}, _fillers(request))


def requests_of(protocol: Protocol) -> list[type[XsdType]]:
    """Return the request classes that can come in a session, in a fixed order."""
    found = [request for request in RESPONSES if request in protocol.responses]
    return sorted(found, key=lambda request: request.__name__)


# --- a car on a network ---------------------------------------------------------------------------------


class Car:
    """A scripted car over a message channel: sends what it is told, and gives back what came."""

    def __init__(self, stream: Stream, clock: Clock, protocol: Protocol = AC) -> None:
        self.clock = clock
        self.protocol = protocol
        self.channel = MessageChannel(stream, Tracer("evcc", NullSink(), clock.now), clock, initiator=True)
        self.session_id = bytes(8)

    async def negotiate(self, *protocols: Protocol) -> appprotocol.SupportedAppProtocolRes:
        offered = [
            app_protocol(p.edition.namespace, p.edition.major, p.edition.minor, number, number)
            for number, p in enumerate(protocols or (self.protocol,), start=1)
        ]
        await self.channel.send(appprotocol.SupportedAppProtocolReq(app_protocol=offered))
        received = await self.channel.receive(Deadline.after(30, self.clock.monotonic()))
        assert isinstance(received.message, appprotocol.SupportedAppProtocolRes)
        if received.message.schema_id is not None:
            self.protocol = (protocols or (self.protocol,))[received.message.schema_id - 1]
            self.channel.use(self.protocol.edition.schemas)
        return received.message

    async def send(
        self, body: XsdType, *, key: SigningKey | None = None, session_id: bytes | None = None
    ) -> None:
        own = self.session_id if session_id is None else session_id
        message = message_of(own, body, key, int(self.clock.now().timestamp()))
        await self.channel.send(message, payload_type=self.protocol.edition.payload_type(message))

    async def ask(self, body: XsdType, **options: Any) -> Any:
        """Send a request, and return the response."""
        await self.send(body, **options)
        self.last = await self.channel.receive(
            Deadline.after(90, self.clock.monotonic(), "the test's patience")
        )
        assert isinstance(self.last.message, ct.V2GMessage)
        self.session_id = self.last.message.header.session_id
        return self.last.message

    async def close_time(self) -> float:
        """Wait until the charger closes; return how long that took."""
        started = self.clock.monotonic()
        with contextlib.suppress(Exception):
            while True:
                await self.channel.receive()
        return self.clock.monotonic() - started


@dataclass
class Site:
    """A charger on a simulated network, in virtual time, and the cars that come."""

    charger: Charger
    network: SimulatedNetwork
    sink: ListSink
    server: Server

    async def plain(self, protocol: Protocol = AC) -> Car:
        return Car(await self.network.connect(HOST, PLAIN_PORT), self.charger.clock, protocol)

    async def car(self, protocol: Protocol = AC) -> Car:
        """Bring a car of ISO 15118-20, over TLS 1.3 with its vehicle certificate."""
        pki, vehicle = market20().pki, market20().car
        client = ClientTls(
            now=self.charger.clock.now,
            iso20=Iso20Client(
                [pki["v2g_root"].certificate], vehicle.vehicle_chain, vehicle.vehicle.signing_key()
            ),
        )
        return await self._tls(client, protocol)

    async def old_car(self, protocol: Protocol = AC) -> Car:
        """Bring a car that knows TLS 1.2 only."""
        root = market().pki["v2g_root"].certificate
        return await self._tls(ClientTls([root], now=self.charger.clock.now), protocol)

    async def _tls(self, client: ClientTls, protocol: Protocol) -> Car:
        stream = await self.network.connect(HOST, TLS_PORT)
        secured = await client_tls(stream, client, clock=self.charger.clock)
        return Car(secured, self.charger.clock, protocol)

    def of(self, kind: str) -> list[Any]:
        return self.sink.of(kind)


@contextlib.asynccontextmanager
async def site(
    changes: dict[str, Any] | None = None, *, source: BundleSource | None = None
) -> AsyncIterator[Site]:
    """Run a charger with a TLS port for both editions and a plain one until the block ends."""
    clock = LoopClock(NOW)
    plain = {
        "network.listen_plain": f"[{HOST}]:{PLAIN_PORT}",
        "network.sdp": False,
        "network.iso20_plain": True,
    }
    charger = make_charger(plain | (changes or {}), clock=clock, source=source)
    network = SimulatedNetwork(delay_s=0.001)
    sink = ListSink()
    pki, pki20 = market().pki, market20().pki
    server = Server(
        charger,
        tuple(ALL[key] for key in charger.config.network.protocols),
        network,
        Tracer("secc", sink, clock.now),
        tls=ServerTls(
            pki.chain("secc_leaf"),
            pki["secc_leaf"].signing_key(),
            now=clock.now,
            iso20=Iso20Server(
                pki20.chain("secc_leaf"),
                pki20["secc_leaf"].signing_key(),
                [pki20["oem_root"].certificate],
            ),
        ),
    )
    await server.start()
    try:
        yield Site(charger, network, sink, server)
    finally:
        await server.stop()


async def start_session(car: Car) -> None:
    """Take a car to the end of authorisation, by its contract over TLS, else externally."""
    await car.negotiate()
    await car.ask(setup())
    offered = await car.ask(authorization_setup())
    if offered.pnc_as_res_authorization_mode is not None:
        challenge = offered.pnc_as_res_authorization_mode.gen_challenge
        response = await car.ask(by_contract(challenge), key=market20().contract.signing_key())
    else:
        response = await car.ask(externally())
    assert response.evse_processing is Processing.Finished


async def start_charging(car: Car) -> None:
    """Take a car to its first round of the charge loop."""
    await start_session(car)
    await car.ask(discovery())
    await car.ask(selection(int(SERVICES[car.protocol.key, False])))
    if car.protocol.key == AC.key:
        await car.ask(ac_parameters())
        await car.ask(schedule())
    else:
        await car.ask(dc_parameters())
        await car.ask(schedule())
        await car.ask(cable_check())
        await asyncio.sleep(3)
        await car.ask(cable_check())
        await car.ask(pre_charge())
        await asyncio.sleep(1)
    await car.ask(delivery(given=profile()))
    await car.ask(loop_of(car.protocol))


def loop_of(protocol: Protocol) -> XsdType:
    return ac_loop() if protocol.key == AC.key else dc_loop()
