"""DC charging: what the charger answers, what its supply does, and the timers of cable check and pre-charge."""

import pytest

from secc.iso2.states import State
from tests.secc import kit
from tests.secc.kit import Desk, current_demand, delivery, make_charger, parameters, pre_charge
from tests.secc.market import market
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EnergyTransferMode, PaymentOption, ResponseCode
from v2g.physical import number

DC = EnergyTransferMode.DC_extended
EXTERNAL = PaymentOption.ExternalPayment


def test_the_way_of_a_dc_car() -> None:
    desk = Desk(secure=False)
    for state, step in kit.steps(EXTERNAL, dc=True):
        assert desk.state is state
        step(desk)
    assert desk.state is None


class TestChargeParameters:
    def test_both_kinds_are_offered_the_strongest_first(self) -> None:
        offered = Desk().reach(State.SERVICE_DISCOVERY).ask(iso2.ServiceDiscoveryReq())
        modes = offered.charge_service.supported_energy_transfer_mode.energy_transfer_mode
        assert modes == [
            "DC_extended",
            "DC_core",
            "DC_combo_core",
            "AC_three_phase_core",
            "AC_single_phase_core",
        ]

    def test_the_mode_decides_the_outlet(self) -> None:
        desk = Desk().reach(State.CHARGE_PARAMETERS)
        before = desk.context.plug
        response = desk.ask(parameters(DC, kit.dc_parameters()))
        assert desk.context.plug.kind == "dc"
        assert desk.charger.station.take(before.kind) is not None
        limits = response.evse_charge_parameter
        assert isinstance(limits, iso2.DC_EVSEChargeParameter)
        assert number(limits.evse_maximum_voltage_limit) == 920
        assert number(limits.evse_maximum_power_limit) == 150_000
        (schedule,) = response.sa_schedules.sa_schedule_tuple
        assert number(schedule.p_max_schedule.p_max_schedule_entry[0].p_max) == 150_000

    def test_limits_must_be_those_of_dc(self) -> None:
        answer = Desk().reach(State.CHARGE_PARAMETERS).send(parameters(DC, kit.ac_parameters()))
        assert answer.code == ResponseCode.FAILED_WrongChargeParameter

    def test_limits_that_make_no_sense(self) -> None:
        low, none, weak = kit.dc_parameters(), kit.dc_parameters(), kit.dc_parameters()
        low.ev_maximum_voltage_limit = kit.amount(100, iso2.UnitSymbol.V)
        none.ev_maximum_current_limit = kit.amount(0, iso2.UnitSymbol.A)
        weak.ev_maximum_power_limit = kit.amount(0, iso2.UnitSymbol.W)
        for limits in (low, none, weak):
            answer = Desk().reach(State.CHARGE_PARAMETERS).send(parameters(DC, limits))
            assert answer.code == ResponseCode.FAILED_WrongChargeParameter

    def test_every_dc_outlet_is_taken(self) -> None:
        desk = Desk().reach(State.CHARGE_PARAMETERS)
        station = desk.charger.station
        while (outlet := station.take()) is not None:
            assert outlet is not desk.context.plug
        assert desk.send(parameters(DC, kit.dc_parameters())).code == (
            ResponseCode.FAILED_WrongEnergyTransferMode
        )

    def test_a_schedule_that_takes_its_time(self) -> None:
        desk = Desk(make_charger({"schedule.rounds": 2})).reach(State.CHARGE_PARAMETERS, EXTERNAL)
        request = parameters(DC, kit.dc_parameters())
        answers = [desk.ask(request) for _ in range(3)]
        assert [answer.evse_processing for answer in answers] == ["Ongoing", "Ongoing", "Finished"]
        assert [answer.sa_schedules is None for answer in answers] == [True, True, False]

    def test_a_schedule_that_never_comes(self) -> None:
        desk = Desk(make_charger({"schedule.delay_s": 100.0})).reach(State.CHARGE_PARAMETERS, EXTERNAL)
        desk.ask(parameters())
        desk.wait(55)
        assert desk.send(parameters()).code == ResponseCode.FAILED
        assert desk.sink.of("timer.expired")[0]["name"] == "V2G_SECC_Ongoing_Performance_Time"


class TestCableCheck:
    def test_ongoing_until_the_isolation_is_tested(self) -> None:
        desk = Desk().reach(State.CABLE_CHECK, EXTERNAL)
        first = desk.ask(kit.cable_check())
        assert (first.evse_processing, first.dc_evse_status.evse_status_code) == (
            "Ongoing",
            "EVSE_IsolationMonitoringActive",
        )
        assert first.dc_evse_status.evse_isolation_status == "Invalid"
        desk.wait(2)
        last = desk.ask(kit.cable_check())
        assert (last.evse_processing, last.dc_evse_status.evse_isolation_status) == ("Finished", "Valid")
        assert desk.state is State.PRE_CHARGE

    def test_the_charger_gives_up_after_38_s(self) -> None:
        desk = Desk(make_charger({"dc.isolation_s": 60.0})).reach(State.CABLE_CHECK, EXTERNAL)
        desk.ask(kit.cable_check())
        desk.wait(37.9)
        desk.ask(kit.cable_check())
        desk.wait(0.1)
        assert desk.send(kit.cable_check()).code == ResponseCode.FAILED
        (expired,) = desk.sink.of("timer.expired")
        assert (expired["name"], expired["limit_s"]) == ("V2G_SECC_CableCheck_Performance_Time", 38)


class TestPreCharge:
    def test_the_voltage_rises_to_that_of_the_battery(self) -> None:
        desk = Desk().reach(State.PRE_CHARGE, EXTERNAL)
        found = [number(desk.ask(pre_charge()).evse_present_voltage)]
        for _ in range(4):
            desk.wait(0.25)
            found.append(number(desk.ask(pre_charge()).evse_present_voltage))
        assert found == [0, 125, 250, 375, 380]

    def test_the_charger_gives_up_after_5_s(self) -> None:
        desk = Desk(make_charger({"dc.ramp_v_per_s": 10.0})).reach(State.PRE_CHARGE, EXTERNAL)
        desk.ask(pre_charge())
        desk.wait(4.9)
        desk.ask(pre_charge())
        desk.wait(0.1)
        assert desk.send(pre_charge()).code == ResponseCode.FAILED
        (expired,) = desk.sink.of("timer.expired")
        assert (expired["name"], expired["limit_s"]) == ("V2G_SECC_PreCharge_Performance_Time", 5)

    @pytest.mark.parametrize("target_v", [-1, 921])
    def test_a_target_out_of_reach(self, target_v: int) -> None:
        desk = Desk().reach(State.PRE_CHARGE, EXTERNAL)
        assert desk.send(pre_charge(target_v)).code == ResponseCode.FAILED

    def test_no_power_while_the_voltage_does_not_fit(self) -> None:
        desk = Desk().reach(State.PRE_CHARGE, EXTERNAL)
        desk.ask(pre_charge())
        answer = desk.send(delivery(ChargeProgress.Start))
        assert answer.code == ResponseCode.FAILED_PowerDeliveryNotApplied


class TestCurrentDemand:
    def test_current_and_voltage_follow_the_car(self) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        desk.wait(1)
        response = desk.ask(current_demand(50, 420))
        assert (number(response.evse_present_current), number(response.evse_present_voltage)) == (50, 380)
        assert response.sa_schedule_tuple_id == 1
        assert response.evse_id == desk.context.plug.evse_id
        assert not response.receipt_required
        desk.wait(3600)
        assert desk.context.energy_wh == pytest.approx(19_000, rel=0.01)

    @pytest.mark.parametrize(
        ("target_a", "target_v", "flags"),
        [
            (100, 420, (False, False, False)),
            (100, 930, (False, True, False)),
            (350, 420, (True, False, True)),
        ],
    )
    def test_limits_that_are_reached(
        self, target_a: int, target_v: int, flags: tuple[bool, bool, bool]
    ) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        response = desk.ask(current_demand(target_a, target_v))
        assert flags == (
            response.evse_current_limit_achieved,
            response.evse_voltage_limit_achieved,
            response.evse_power_limit_achieved,
        )

    def test_the_limits_of_the_car_may_change(self) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        desk.ask(current_demand(90, ev_maximum_current_limit=kit.amount(20, iso2.UnitSymbol.A)))
        desk.wait(1)
        assert number(desk.ask(current_demand(90)).evse_present_current) == 20

    @pytest.mark.parametrize(("target_a", "target_v"), [(-1, 400), (10, -1)])
    def test_targets_below_zero(self, target_a: int, target_v: int) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        assert desk.send(current_demand(target_a, target_v)).code == ResponseCode.FAILED

    def test_a_car_in_trouble_gets_no_current(self) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        status = kit.dc_status(iso2.DC_EVErrorCode.FAILED_EVRESSMalfunction)
        desk.ask(current_demand(status=status))
        desk.wait(1)
        assert number(desk.ask(current_demand(status=status)).evse_present_current) == 0

    def test_a_stopping_charger_says_so(self) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        desk.charger.stopping = True
        status = desk.ask(current_demand()).dc_evse_status
        assert (status.evse_notification, status.evse_status_code) == ("StopCharging", "EVSE_Shutdown")

    def test_a_receipt_comes_in_between(self) -> None:
        desk = Desk(make_charger({"station.receipt_every": 2})).reach(State.CHARGING_DC)
        response = desk.ask(current_demand())
        assert (response.receipt_required, desk.state) == (True, State.METERING_RECEIPT)
        receipt = iso2.MeteringReceiptReq(
            id="id1", session_id=desk.context.session_id, meter_info=response.meter_info
        )
        confirmed = desk.ask(receipt, key=market().contract.signing_key())
        assert isinstance(confirmed.evse_status, iso2.DC_EVSEStatus)
        assert desk.state is State.CHARGING_DC


def test_the_voltage_dies_away_after_charging() -> None:
    desk = Desk().reach(State.WELDING_DETECTION, EXTERNAL)
    first = number(desk.ask(kit.welding()).evse_present_voltage)
    desk.wait(1)
    last = number(desk.ask(kit.welding()).evse_present_voltage)
    assert first > 300
    assert last < 5
    assert desk.state is State.WELDING_DETECTION


def test_a_car_may_stop_before_it_starts() -> None:
    desk = Desk().reach(State.PRE_CHARGED, EXTERNAL)
    desk.ask(delivery(ChargeProgress.Stop))
    assert desk.state is State.WELDING_DETECTION


class TestRenegotiation:
    def test_dc_goes_through_cable_check_and_pre_charge_again(self) -> None:
        desk = Desk().reach(State.CHARGING_DC, EXTERNAL)
        desk.ask(delivery(ChargeProgress.Renegotiate))
        assert desk.state == "WaitForNewParameters"
        assert not kit.on_mains(desk.context.plug)
        desk.ask(parameters(DC, kit.dc_parameters()))
        assert desk.state == "WaitForCableCheck"
        desk.wait(1)
        assert desk.ask(kit.cable_check()).evse_processing == "Ongoing"

    def test_ac_goes_on_meanwhile(self) -> None:
        desk = Desk().reach(State.CHARGING, EXTERNAL)
        desk.ask(delivery(ChargeProgress.Renegotiate))
        desk.ask(parameters())
        assert desk.state == "WaitForNewProfile"
        assert kit.on_mains(desk.context.plug)
        desk.ask(delivery(ChargeProgress.Start))
        assert desk.state == "WaitForChargingStatus"

    def test_the_energy_transfer_mode_stays(self) -> None:
        desk = Desk().reach(State.CHARGING, EXTERNAL)
        desk.ask(delivery(ChargeProgress.Renegotiate))
        answer = desk.send(parameters(DC, kit.dc_parameters()))
        assert answer.code == ResponseCode.FAILED_WrongEnergyTransferMode

    @pytest.mark.parametrize("dc", [False, True])
    def test_the_charger_may_ask_for_it(self, *, dc: bool) -> None:
        desk = Desk(make_charger({"wishes.schedule_renegotiation_after": 2}))
        desk.reach(State.CHARGING_DC if dc else State.CHARGING, EXTERNAL)
        request = current_demand() if dc else iso2.ChargingStatusReq()
        responses = [desk.ask(request) for _ in range(2)]
        asked = [(r.dc_evse_status if dc else r.ac_evse_status).evse_notification for r in responses]
        assert asked == ["ReNegotiation", "None"]


class TestPause:
    def paused(self, desk: Desk) -> bytes:
        desk.ask(iso2.SessionStopReq(charging_session=iso2.ChargingSession.Pause))
        desk.context.release()
        return desk.context.session_id

    def test_a_car_comes_back_to_what_it_had(self) -> None:
        desk = Desk().reach(State.WELDING_DETECTION, EXTERNAL)
        old = self.paused(desk)
        back = Desk(desk.charger)
        response = back.ask(kit.SETUP, session_id=old)
        assert response.response_code is ResponseCode.OK_OldSessionJoined
        assert back.context.session_id == old
        offered = back.ask(iso2.ServiceDiscoveryReq())
        assert offered.payment_option_list.payment_option == [EXTERNAL]
        assert offered.charge_service.supported_energy_transfer_mode.energy_transfer_mode == [DC]
        back.ask(kit.selection(EXTERNAL))
        back.ask(iso2.AuthorizationReq())
        schedules = back.ask(parameters(DC, kit.dc_parameters())).sa_schedules
        assert schedules.sa_schedule_tuple[0].sa_schedule_tuple_id == 1

    @pytest.mark.parametrize(
        ("changes", "evcc_id", "after_s"),
        [
            ({"pause.allow": False}, kit.SETUP.evcc_id, 0),
            ({}, b"\x01" * 6, 0),
            ({"pause.keep_s": 60.0}, kit.SETUP.evcc_id, 61),
        ],
    )
    def test_a_new_session_where_nothing_is_kept(
        self, changes: dict[str, object], evcc_id: bytes, after_s: float
    ) -> None:
        desk = Desk(make_charger(changes)).reach(State.SESSION_STOP, EXTERNAL)
        old = self.paused(desk)
        back = Desk(desk.charger)
        back.wait(after_s)
        response = back.ask(iso2.SessionSetupReq(evcc_id=evcc_id), session_id=old)
        assert response.response_code is ResponseCode.OK_NewSessionEstablished
        assert back.context.session_id != old
