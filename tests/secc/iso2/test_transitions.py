"""Where each request leads: states only. What the responses say is in the tests of the handlers."""

import pytest

from secc.iso2.states import State
from tests.secc import kit
from tests.secc.kit import Desk, delivery, selection
from tests.secc.market import market
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, PaymentOption

CONTRACT, EXTERNAL = PaymentOption.Contract, PaymentOption.ExternalPayment


def test_the_way_of_a_car_that_installs_and_charges() -> None:
    desk = Desk()
    way = []
    for state, step in kit.steps(CONTRACT):
        assert desk.state is state
        way.append(state)
        step(desk)
    assert desk.state is None
    assert way == [
        State.SESSION_SETUP,
        State.SERVICE_DISCOVERY,
        State.SERVICE_SELECTION,
        State.CONTRACT,
        State.PAYMENT_DETAILS,
        State.SIGNED_AUTHORIZATION,
        State.CHARGE_PARAMETERS,
        State.POWER_DELIVERY,
        State.CHARGING_STATUS,
        State.CHARGING,
        State.SESSION_STOP,
    ]


def test_the_way_of_a_car_with_external_payment() -> None:
    desk = Desk(secure=False)
    for state, step in kit.steps(EXTERNAL):
        assert desk.state is state
        step(desk)
    assert desk.state is None


def test_a_car_that_has_its_contract_goes_on_without_installation() -> None:
    desk = Desk().reach(State.CONTRACT)
    desk.ask(kit.payment_details())
    assert desk.state is State.SIGNED_AUTHORIZATION


@pytest.mark.parametrize("service", [1, 2])
def test_service_details_may_be_asked_for_again_and_again(service: int) -> None:
    desk = Desk().reach(State.SERVICE_SELECTION)
    for _ in range(3):
        desk.ask(iso2.ServiceDetailReq(service_id=service))
        assert desk.state is State.SERVICE_SELECTION


def test_authorization_is_repeated_while_the_driver_is_awaited() -> None:
    desk = Desk(kit.make_charger({"external.rounds": 2})).reach(State.AUTHORIZATION, EXTERNAL)
    states = []
    for _ in range(3):
        desk.ask(iso2.AuthorizationReq())
        states.append(desk.state)
    assert states == [State.AUTHORIZATION, State.AUTHORIZATION, State.CHARGE_PARAMETERS]


def test_a_car_may_decide_not_to_charge() -> None:
    desk = Desk().reach(State.POWER_DELIVERY, EXTERNAL)
    desk.ask(delivery(ChargeProgress.Stop))
    assert desk.state is State.SESSION_STOP


def test_charging_goes_on_until_it_is_stopped() -> None:
    desk = Desk().reach(State.CHARGING_STATUS, EXTERNAL)
    for _ in range(5):
        desk.ask(iso2.ChargingStatusReq())
        assert desk.state is State.CHARGING


def test_a_receipt_comes_in_between() -> None:
    desk = Desk(kit.make_charger({"station.receipt_every": 2})).reach(State.CHARGING)
    response = desk.ask(iso2.ChargingStatusReq())
    states = [desk.state]
    receipt = iso2.MeteringReceiptReq(
        id="id1", session_id=desk.context.session_id, sa_schedule_tuple_id=1, meter_info=response.meter_info
    )
    desk.ask(receipt, key=market().contract.signing_key())
    states.append(desk.state)
    assert states == [State.METERING_RECEIPT, State.CHARGING]


STOPPABLE = [
    *((state, CONTRACT) for state, _ in kit.steps(CONTRACT) if state is not State.SESSION_SETUP),
    (State.AUTHORIZATION, EXTERNAL),
]
WHILE_POWER_FLOWS = {State.CHARGING_STATUS, State.CHARGING, State.METERING_RECEIPT}


@pytest.mark.parametrize("kind", iso2.ChargingSession)
@pytest.mark.parametrize(("state", "payment"), STOPPABLE)
def test_a_car_may_leave_unless_power_flows(
    state: State, payment: PaymentOption, kind: iso2.ChargingSession
) -> None:
    desk = Desk().reach(state, payment)
    answer = desk.send(iso2.SessionStopReq(charging_session=kind))
    assert answer.ends
    assert bool(answer.refused) == (state in WHILE_POWER_FLOWS)


def test_a_refusal_ends_the_session_in_any_state() -> None:
    for state, _ in kit.steps(CONTRACT):
        desk = Desk().reach(state)
        assert desk.send(iso2.WeldingDetectionReq(dc_ev_status=kit.dc_parameters().dc_ev_status)).ends
        assert desk.state is None


def test_selecting_the_certificate_service_changes_nothing_about_the_way() -> None:
    for services in [((1, None),), ((1, None), (2, 1)), ((1, None), (2, None))]:
        desk = Desk().reach(State.SERVICE_SELECTION)
        desk.ask(selection(CONTRACT, *services))
        assert desk.state is State.CONTRACT
