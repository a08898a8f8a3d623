"""Where each request leads: states only, for AC and DC, both directions, both control modes."""

import itertools

import pytest

from secc.iso20 import AC, DC
from secc.iso20.states import WHILE_POWER_FLOWS, State
from secc.protocol import Protocol
from tests.secc.iso20 import kit, messages
from tests.secc.iso20.kit import Desk, make_charger
from tests.secc.iso20.market import market20
from tests.secc.iso20.messages import RENEGOTIATE, STANDBY, START, STOP
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode

BOTH = [AC, DC]
KINDS = list(itertools.product(BOTH, [False, True], [False, True]))


@pytest.mark.parametrize(("protocol", "dynamic", "both_ways"), KINDS, ids=str)
def test_the_way_of_a_car_that_charges(protocol: Protocol, dynamic: bool, both_ways: bool) -> None:
    desk = Desk(protocol)
    for state, step in kit.steps(protocol, dynamic=dynamic, both_ways=both_ways, install=True):
        assert desk.state is state
        step(desk)
    assert desk.state is None
    assert desk.context.finished == "SessionStopReq Terminate"


@pytest.mark.parametrize("protocol", BOTH, ids=str)
def test_a_car_without_tls_is_identified_externally(protocol: Protocol) -> None:
    desk = Desk(protocol, secure=False)
    desk.ask(messages.setup())
    desk.ask(messages.authorization_setup())
    states = [desk.state]
    desk.ask(messages.externally())
    assert [*states, desk.state] == [State.AUTHORIZATION, State.SERVICE_DISCOVERY]


def test_a_vehicle_checks_in_and_out() -> None:
    desk = Desk()
    desk.ask(messages.setup())
    desk.ask(messages.example(cm.VehicleCheckInReq))
    assert desk.state is State.AUTHORIZATION_SETUP
    desk = Desk().reach(State.SESSION_STOP)
    response = desk.ask(messages.example(cm.VehicleCheckOutReq))
    assert response.evse_check_out_status is cm.EvseCheckOutStatus.Completed
    assert desk.state is State.SESSION_STOP


def test_a_vehicle_that_leaves_later_is_scheduled() -> None:
    desk = Desk().reach(State.SESSION_STOP)
    request = messages.example(cm.VehicleCheckOutReq)
    assert isinstance(request, cm.VehicleCheckOutReq)
    request.check_out_time = int(desk.charger.clock.now().timestamp()) + 60
    assert desk.ask(request).evse_check_out_status is cm.EvseCheckOutStatus.Scheduled


def test_a_car_that_is_not_ready_repeats_power_delivery() -> None:
    desk = Desk().reach(State.POWER_DELIVERY)
    for _ in range(3):
        desk.ask(messages.delivery(given=messages.profile(), processing=Processing.Ongoing))
        assert desk.state is State.POWER_DELIVERY
    assert not desk.context.plug.contactor.closed


@pytest.mark.parametrize("protocol", BOTH, ids=str)
def test_a_schedule_is_renegotiated_while_power_flows(protocol: Protocol) -> None:
    desk = Desk(protocol, make_charger({"schedule.rounds": 1}))
    states = []
    for state, step in kit.steps(protocol):
        if desk.state is State.CHARGE_LOOP:
            break
        step(desk)
        if state is State.SCHEDULE and desk.state is State.SCHEDULE:
            step(desk)
    for request in (
        messages.delivery(RENEGOTIATE),
        messages.schedule(),
        messages.schedule(),
        messages.delivery(given=messages.profile(), processing=Processing.Ongoing),
        messages.delivery(given=messages.profile()),
    ):
        desk.ask(request)
        assert desk.context.plug.contactor.closed
        states.append(desk.state)
    assert states == [
        State.NEW_SCHEDULE,
        State.NEW_SCHEDULE,
        State.NEW_PROFILE,
        State.NEW_PROFILE,
        State.CHARGE_LOOP,
    ]


@pytest.mark.parametrize("protocol", BOTH, ids=str)
def test_a_car_may_stop_instead_of_taking_the_new_schedule(protocol: Protocol) -> None:
    desk = Desk(protocol).reach(State.CHARGE_LOOP)
    desk.ask(messages.delivery(RENEGOTIATE))
    desk.ask(messages.schedule())
    desk.ask(messages.delivery(STOP))
    assert desk.state is (State.SESSION_STOP if protocol is AC else State.WELDING_DETECTION)
    assert not desk.context.plug.contactor.closed


@pytest.mark.parametrize("protocol", BOTH, ids=str)
def test_standing_by_and_going_on(protocol: Protocol) -> None:
    desk = Desk(protocol).reach(State.CHARGE_LOOP)
    desk.ask(messages.loop_of(protocol))
    desk.wait(10)
    desk.ask(messages.delivery(STANDBY))
    assert (desk.state, desk.context.standby) == (State.CHARGE_LOOP, True)
    desk.wait(10)
    assert desk.context.plug.meter.power_w == pytest.approx(0)
    desk.ask(messages.delivery(START))
    assert (desk.state, desk.context.standby) == (State.CHARGE_LOOP, False)


def test_standing_by_from_the_start() -> None:
    desk = Desk().reach(State.POWER_DELIVERY)
    desk.ask(messages.delivery(STANDBY, messages.profile()))
    assert (desk.state, desk.context.standby) == (State.CHARGE_LOOP, True)
    assert desk.ask(messages.ac_loop(0)).cl_res_control_mode.evse_target_active_power.value == 0


@pytest.mark.parametrize("protocol", BOTH, ids=str)
def test_services_are_renegotiated(protocol: Protocol) -> None:
    desk = Desk(protocol).reach(State.SESSION_STOP)
    desk.ask(messages.stop(cm.ChargingSession.ServiceRenegotiation))
    assert desk.state is State.SERVICE_DISCOVERY
    for state, step in kit.steps(protocol, dynamic=True, both_ways=True)[3:]:
        assert desk.state is state
        step(desk)
    assert desk.state is None


def states_of(protocol: Protocol) -> list[State]:
    return [state for state, _ in kit.steps(protocol) if state is not State.SESSION_SETUP]


@pytest.mark.parametrize(
    ("protocol", "state"), [(protocol, state) for protocol in BOTH for state in states_of(protocol)], ids=str
)
def test_a_car_may_leave_unless_power_flows(protocol: Protocol, state: State) -> None:
    desk = Desk(protocol).reach(state)
    answer = desk.send(messages.stop())
    assert answer.ends
    assert bool(answer.refused) == (state in WHILE_POWER_FLOWS)
    assert desk.context.release() is None
    assert not any(outlet.contactor.closed for outlet in desk.charger.station.outlets)


class TestPause:
    @pytest.mark.parametrize("protocol", BOTH, ids=str)
    @pytest.mark.parametrize("short", [False, True])
    def test_a_car_comes_back_to_its_session(self, protocol: Protocol, short: bool) -> None:
        charger = make_charger()
        first = Desk(protocol, charger).reach(State.SESSION_STOP)
        session_id, contract = first.context.session_id, first.context.contract
        assert first.send(messages.stop(cm.ChargingSession.Pause)).ends
        first.context.release()
        second = Desk(protocol, charger)
        response = second.ask(messages.setup(), session_id=session_id)
        assert response.response_code is ResponseCode.OK_OldSessionJoined
        assert response.header.session_id == session_id
        assert second.context.contract is contract
        assert second.state is State.RESUMPTION
        rest = kit.steps(protocol)
        for _, step in rest[3:] if short else rest[1:]:
            step(second)
        assert second.state is None

    @pytest.mark.parametrize("change", ["evcc_id", "session_id", "age", "protocol", "twice"])
    def test_who_does_not_belong_to_it_gets_a_new_session(self, change: str) -> None:
        charger = make_charger({"pause.keep_s": 3600})
        first = Desk(AC, charger).reach(State.SESSION_STOP)
        session_id = first.context.session_id
        first.ask(messages.stop(cm.ChargingSession.Pause))
        request = messages.setup()
        if change == "evcc_id":
            request.evcc_id = "SOMEBODY"
        elif change == "session_id":
            session_id = messages.FOREIGN
        elif change == "age":
            first.wait(3601)
        elif change == "twice":
            Desk(AC, charger).ask(messages.setup(), session_id=session_id)
        second = Desk(DC if change == "protocol" else AC, charger)
        response = second.ask(request, session_id=session_id)
        assert response.response_code is ResponseCode.OK_NewSessionEstablished
        assert response.header.session_id != session_id
        assert second.context.contract is None

    def test_not_before_the_car_is_authorised(self) -> None:
        desk = Desk().reach(State.CONTRACT)
        answer = desk.send(messages.stop(cm.ChargingSession.Pause))
        assert answer.code == ResponseCode.FAILED_PauseNotAllowed

    def test_nor_where_it_is_not_allowed(self) -> None:
        desk = Desk(AC, make_charger({"pause.allow": False})).reach(State.SESSION_STOP)
        answer = desk.send(messages.stop(cm.ChargingSession.Pause))
        assert answer.code == ResponseCode.FAILED_PauseNotAllowed


def test_installing_several_contracts() -> None:
    desk = Desk().reach(State.CONTRACT)
    key = market20().car.provisioning.signer()
    states = []
    for away in (True, True, False, False, False):
        desk.ask(market20().installation_request(3), key=key, still_away=away, outcome=market20().bundles(3))
        states.append(desk.state)
    assert states == [*[State.SAME_INSTALLATION] * 4, State.AUTHORIZATION]
