"""DIN 70121 sessions without I/O, and the requests of a well-behaved car."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import exi
from exi.schema import XsdType
from secc import placeholders
from secc.charger import Charger
from secc.din import PROTOCOL
from secc.din.context import DinContext
from secc.din.responses import RESPONSES
from secc.din.states import State
from secc.session import Answer, Session
from secc.table import Errand
from tests.secc.kit import HandClock, make_charger
from v2g.messages import din
from v2g.physical import physical
from v2g.trace import ListSink, Tracer


@dataclass
class Desk:
    """A session without any I/O: requests in, answers out."""

    charger: Charger = field(default_factory=make_charger)
    sink: ListSink = field(default_factory=ListSink)

    def __post_init__(self) -> None:
        tracer = Tracer("secc", self.sink, self.charger.clock.now)
        self.context = DinContext(charger=self.charger, tracer=tracer, secure=False)
        self.session = Session(PROTOCOL, self.context)

    @property
    def state(self) -> Any:
        return self.session.state

    def send(self, body: XsdType, *, session_id: bytes | None = None) -> Answer:
        """Hand a request over; the answer fits its schema."""
        own = self.context.session_id or bytes(8)
        message = PROTOCOL.edition.wrap(own if session_id is None else session_id, body, None, 0)
        data = exi.encode(message, din.SCHEMA)
        received = exi.decode(data, din.SCHEMA)
        assert isinstance(received, XsdType)
        result = self.session.handle(received, data, self.charger.clock.monotonic())
        assert not isinstance(result, Errand)
        assert exi.decode(exi.encode(result.message, din.SCHEMA), din.SCHEMA) == result.message
        return result

    def ask(self, body: XsdType) -> Any:
        """Like :meth:`send`, but return the response's body, which must be positive."""
        answer = self.send(body)
        assert not answer.refused, answer.refused
        assert isinstance(answer.message, din.V2G_Message)
        return answer.message.body.body_element

    def reach(self, state: State) -> "Desk":
        """Go the shortest way to a state."""
        for name, step in STEPS:
            if self.session.state is state:
                return self
            assert name is self.session.state
            step(self)
        assert self.session.state is state
        return self

    def wait(self, seconds: float) -> None:
        assert isinstance(self.charger.clock, HandClock)
        self.charger.clock.elapsed_s += seconds


def amount(value: float, unit: str) -> din.PhysicalValue:
    return physical(value, unit, din.PhysicalValue)


def status() -> din.DC_EVStatus:
    return din.DC_EVStatus(ev_ready=True, ev_error_code=din.DC_EVErrorCode.NO_ERROR, ev_ress_soc=50)


def selection(
    service: int = 1, payment: din.PaymentOption = din.PaymentOption.ExternalPayment
) -> din.ServicePaymentSelectionReq:
    return din.ServicePaymentSelectionReq(
        selected_payment_option=payment,
        selected_service_list=din.SelectedServiceList(
            selected_service=[din.SelectedService(service_id=service)]
        ),
    )


def limits(voltage_v: float = 450) -> din.DC_EVChargeParameter:
    return din.DC_EVChargeParameter(
        dc_ev_status=status(),
        ev_maximum_current_limit=amount(200, "A"),
        ev_maximum_voltage_limit=amount(voltage_v, "V"),
    )


def parameters(
    mode: str = "DC_extended", found: din.EVChargeParameter | None = None
) -> din.ChargeParameterDiscoveryReq:
    return din.ChargeParameterDiscoveryReq(
        ev_requested_energy_transfer_type=din.EVRequestedEnergyTransfer(mode),
        ev_charge_parameter=found or limits(),
    )


def pre_charge(target_v: float = 380) -> din.PreChargeReq:
    return din.PreChargeReq(
        dc_ev_status=status(), ev_target_voltage=amount(target_v, "V"), ev_target_current=amount(1, "A")
    )


def delivery(*, ready: bool = True, schedule: int = 1, power_w: int | None = None) -> din.PowerDeliveryReq:
    profile = None
    if power_w is not None:
        entry = din.ProfileEntry(charging_profile_entry_start=0, charging_profile_entry_max_power=power_w)
        profile = din.ChargingProfile(sa_schedule_tuple_id=schedule, profile_entry=[entry])
    return din.PowerDeliveryReq(ready_to_charge_state=ready, charging_profile=profile)


def current_demand(target_a: float = 50) -> din.CurrentDemandReq:
    return din.CurrentDemandReq(
        dc_ev_status=status(),
        ev_target_current=amount(target_a, "A"),
        charging_complete=False,
        ev_target_voltage=amount(420, "V"),
    )


SETUP = din.SessionSetupReq(evcc_id=b"\x0a\x1b\x2c\x3d\x4e\x5f")
CABLE_CHECK = din.CableCheckReq(dc_ev_status=status())
WELDING = din.WeldingDetectionReq(dc_ev_status=status())
STOP = din.SessionStop()


def _check(desk: Desk) -> None:
    desk.ask(CABLE_CHECK)
    desk.wait(3)
    desk.ask(CABLE_CHECK)


def _charge_up(desk: Desk) -> None:
    desk.ask(pre_charge())
    desk.wait(1)


STEPS: list[tuple[State, Callable[[Desk], object]]] = [
    (State.SESSION_SETUP, lambda d: d.ask(SETUP)),
    (State.SERVICE_DISCOVERY, lambda d: d.ask(din.ServiceDiscoveryReq())),
    (State.SERVICE_SELECTION, lambda d: d.ask(selection())),
    (State.AUTHENTICATION, lambda d: d.ask(din.ContractAuthenticationReq())),
    (State.CHARGE_PARAMETERS, lambda d: d.ask(parameters())),
    (State.CABLE_CHECK, _check),
    (State.PRE_CHARGE, _charge_up),
    (State.PRE_CHARGED, lambda d: d.ask(delivery())),
    (State.CURRENT_DEMAND, lambda d: d.ask(current_demand())),
    (State.CHARGING_DC, lambda d: d.ask(delivery(ready=False))),
    (State.WELDING_DETECTION, lambda d: d.ask(STOP)),
]
"""The way of a car through the states: the state, and the request that it sends there."""

_FILLERS: placeholders.Fillers = {
    din.EVChargeParameter: lambda _: limits(),
    din.DC_EVStatus: lambda _: status(),
}
EXAMPLES: Mapping[type[XsdType], XsdType] = {
    request: SETUP if request is din.SessionSetupReq else placeholders.build(request, {}, _FILLERS)
    for request in RESPONSES
}
"""One valid request of each class."""
