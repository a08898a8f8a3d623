"""Limits, schedules, power delivery and the charge loop: what the responses say, and what flows."""

from typing import Any

import pytest

from exi.schema import XsdType
from secc.errors import ContactorError
from secc.iso20 import AC, DC
from secc.iso20.ac import PATIENCE_ROUNDS
from secc.iso20.states import State
from secc.protocol import Protocol
from tests.secc.iso20 import messages
from tests.secc.iso20.kit import Desk, make_charger
from tests.secc.iso20.market import market20
from tests.secc.iso20.messages import RENEGOTIATE, STANDBY, START, STOP
from v2g.messages.iso20 import ac, dc
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import EvseNotification, Processing, ResponseCode
from v2g.rational import number_of, rational

WRONG = ResponseCode.FAILED_WrongChargeParameter


class TestLimits:
    def test_ac(self) -> None:
        response = Desk().reach(State.CHARGE_PARAMETERS).ask(messages.ac_parameters())
        mode = response.ac_cpd_res_energy_transfer_mode
        assert type(mode) is ac.AC_CPDResEnergyTransferMode
        assert number_of(mode.evse_maximum_charge_power) == pytest.approx(22_080, rel=1e-3)
        assert mode.evse_maximum_charge_power_l2 is None
        assert number_of(mode.evse_nominal_frequency) == 50

    def test_ac_by_phases_and_both_ways(self) -> None:
        desk = Desk().reach(State.CHARGE_PARAMETERS, both_ways=True)
        request = messages.ac_parameters(3_600, 0, both_ways=True, per_phase=True)
        mode = desk.ask(request).ac_cpd_res_energy_transfer_mode
        assert type(mode) is ac.BPT_AC_CPDResEnergyTransferMode
        assert mode.evse_maximum_charge_power_l3 == rational(7360)
        assert mode.evse_maximum_discharge_power_l2 == rational(7360)
        assert (desk.context.max_charge_w, desk.context.max_discharge_w) == (10_800, 10_800)

    def test_dc(self) -> None:
        response = Desk(DC).reach(State.CHARGE_PARAMETERS).ask(messages.dc_parameters())
        mode = response.dc_cpd_res_energy_transfer_mode
        assert type(mode) is dc.DC_CPDResEnergyTransferMode
        assert number_of(mode.evse_maximum_charge_power) == 150_000
        assert number_of(mode.evse_maximum_voltage) == 920

    def test_dc_both_ways(self) -> None:
        desk = Desk(DC).reach(State.CHARGE_PARAMETERS, both_ways=True)
        mode = desk.ask(messages.dc_parameters(both_ways=True)).dc_cpd_res_energy_transfer_mode
        assert type(mode) is dc.BPT_DC_CPDResEnergyTransferMode
        assert number_of(mode.evse_maximum_discharge_current) == 300

    @pytest.mark.parametrize(
        ("protocol", "request_"),
        [
            (AC, messages.ac_parameters(both_ways=True)),
            (AC, messages.ac_parameters(1_000, 2_000)),
            (AC, messages.ac_parameters(0, 0)),
            (AC, messages.ac_parameters(50_000, 30_000)),
            (DC, messages.dc_parameters(both_ways=True)),
            (DC, messages.dc_parameters(ev_maximum_voltage=100, ev_minimum_voltage=50)),
            (DC, messages.dc_parameters(ev_minimum_voltage=1_000, ev_maximum_voltage=1_200)),
            (DC, messages.dc_parameters(ev_minimum_voltage=500)),
            (DC, messages.dc_parameters(ev_maximum_charge_current=-1)),
            (DC, messages.dc_parameters(ev_minimum_charge_current=301, ev_maximum_charge_current=400)),
            (DC, messages.dc_parameters(ev_minimum_charge_power=200_000, ev_maximum_charge_power=300_000)),
        ],
    )
    def test_limits_that_do_not_fit(self, protocol: Protocol, request_: XsdType) -> None:
        answer = Desk(protocol).reach(State.CHARGE_PARAMETERS).send(request_)
        assert (answer.code, answer.ends) == (WRONG, True)

    def test_a_bidirectional_car_that_cannot_give_as_little_as_there_is_room_for(self) -> None:
        desk = Desk().reach(State.CHARGE_PARAMETERS, both_ways=True)
        request = messages.ac_parameters(both_ways=True)
        mode = request.ac_cpd_req_energy_transfer_mode
        assert isinstance(mode, ac.BPT_AC_CPDReqEnergyTransferMode)
        mode.ev_minimum_discharge_power = mode.ev_maximum_discharge_power = rational(30_000)
        answer = desk.send(request)
        assert (answer.code, answer.ends) == (WRONG, True)


class TestSchedule:
    def test_a_schedule_with_prices(self) -> None:
        response = Desk().reach(State.SCHEDULE).ask(messages.schedule())
        assert response.evse_processing is Processing.Finished
        (found,) = response.scheduled_se_res_control_mode.schedule_tuple
        charging = found.charging_schedule
        (entry,) = charging.power_schedule.power_schedule_entries.power_schedule_entry
        assert number_of(entry.power) == pytest.approx(22_080, rel=1e-3)
        prices = charging.absolute_price_schedule
        assert (prices.currency, prices.language) == ("EUR", "eng")
        (stack,) = prices.price_rule_stacks.price_rule_stack
        assert number_of(stack.price_rule[0].energy_fee) == 0.49
        assert found.discharging_schedule is None

    def test_a_bidirectional_one_has_a_schedule_for_each_way(self) -> None:
        response = Desk(DC).reach(State.SCHEDULE, both_ways=True).ask(messages.schedule())
        (found,) = response.scheduled_se_res_control_mode.schedule_tuple
        assert found.discharging_schedule is not None

    def test_without_prices(self) -> None:
        desk = Desk(AC, make_charger({"schedule.price_per_kwh": 0.0})).reach(State.SCHEDULE)
        (found,) = desk.ask(messages.schedule()).scheduled_se_res_control_mode.schedule_tuple
        assert found.charging_schedule.absolute_price_schedule is None

    def test_dynamic_control(self) -> None:
        response = Desk().reach(State.SCHEDULE, dynamic=True).ask(messages.schedule(dynamic=True))
        assert response.scheduled_se_res_control_mode is None
        assert response.dynamic_se_res_control_mode.departure_time == 7200

    @pytest.mark.parametrize("dynamic", [False, True])
    def test_another_control_mode_than_selected(self, dynamic: bool) -> None:
        answer = Desk().reach(State.SCHEDULE, dynamic=dynamic).send(messages.schedule(dynamic=not dynamic))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)

    def test_a_schedule_that_takes_time(self) -> None:
        desk = Desk(AC, make_charger({"schedule.rounds": 1, "schedule.delay_s": 5})).reach(State.SCHEDULE)
        seen = []
        for _ in range(3):
            seen.append(desk.ask(messages.schedule()).evse_processing)
            desk.wait(3)
        assert seen == [Processing.Ongoing, Processing.Ongoing, Processing.Finished]

    def test_a_schedule_that_never_comes(self) -> None:
        desk = Desk(AC, make_charger({"schedule.delay_s": 1000})).reach(State.SCHEDULE)
        desk.ask(messages.schedule())
        desk.wait(55)
        answer = desk.send(messages.schedule())
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)
        assert desk.sink.of("timer.expired")[0]["name"] == "V2G_SECC_Ongoing_Performance_Time"


class TestPowerDelivery:
    @pytest.mark.parametrize("protocol", [AC, DC], ids=str)
    def test_a_car_may_decide_not_to_charge(self, protocol: Protocol) -> None:
        desk = Desk(protocol).reach(State.POWER_DELIVERY)
        desk.ask(messages.delivery(STOP))
        assert desk.state is (State.SESSION_STOP if protocol is AC else State.WELDING_DETECTION)

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            (None, ResponseCode.FAILED_EVPowerProfileInvalid),
            (messages.profile(dynamic=True), ResponseCode.FAILED_EVPowerProfileInvalid),
            (messages.profile(30_000), ResponseCode.FAILED_EVPowerProfileInvalid),
            (messages.profile(schedule_id=2), ResponseCode.FAILED_ScheduleSelectionInvalid),
        ],
    )
    def test_a_profile_that_does_not_fit(self, given: cm.EVPowerProfile | None, code: ResponseCode) -> None:
        desk = Desk().reach(State.POWER_DELIVERY)
        answer = desk.send(messages.delivery(given=given))
        assert (answer.code, answer.ends) == (code, True)
        assert not desk.context.plug.contactor.closed

    def test_with_dynamic_control_a_profile_is_optional(self) -> None:
        desk = Desk().reach(State.POWER_DELIVERY, dynamic=True)
        desk.ask(messages.delivery())
        assert desk.state is State.CHARGE_LOOP
        desk = Desk().reach(State.POWER_DELIVERY, dynamic=True)
        answer = desk.send(messages.delivery(given=messages.profile()))
        assert answer.code == ResponseCode.FAILED_EVPowerProfileInvalid

    @pytest.mark.parametrize(
        ("accepted", "code"),
        [
            (None, ResponseCode.OK),
            (
                cm.PowerToleranceAcceptance.PowerToleranceConfirmed,
                ResponseCode.OK_PowerToleranceConfirmed,
            ),
            (
                cm.PowerToleranceAcceptance.PowerToleranceNotConfirmed,
                ResponseCode.WARNING_PowerToleranceNotConfirmed,
            ),
        ],
    )
    def test_tolerance(self, accepted: cm.PowerToleranceAcceptance | None, code: ResponseCode) -> None:
        desk = Desk(AC, make_charger({"schedule.power_tolerance_w": 500})).reach(State.POWER_DELIVERY)
        response = desk.ask(messages.delivery(given=messages.profile(tolerance=accepted)))
        assert response.response_code is code
        assert desk.state is State.CHARGE_LOOP

    def test_the_contactor_does_not_close(self) -> None:
        desk = Desk().reach(State.POWER_DELIVERY)

        def stay_open() -> None:
            raise ContactorError("it stays open")

        desk.context.plug.connect = stay_open  # type: ignore[method-assign]
        answer = desk.send(messages.delivery(given=messages.profile()))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_ContactorError, True)

    def test_the_contactor_does_not_open(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP)

        def stay_closed() -> None:
            raise ContactorError("it stays closed")

        desk.context.plug.isolate = stay_closed  # type: ignore[method-assign]
        assert desk.send(messages.delivery(STOP)).code == ResponseCode.FAILED_ContactorError

    def test_standing_by_where_it_is_not_allowed(self) -> None:
        charger = make_charger({"schedule.standby": False})
        desk = Desk(AC, charger).reach(State.POWER_DELIVERY)
        for state in (State.POWER_DELIVERY, State.CHARGE_LOOP):
            assert desk.state is state
            answer = desk.send(messages.delivery(STANDBY))
            assert (answer.code, answer.ends) == (ResponseCode.WARNING_StandbyNotAllowed, False)
            assert desk.state is state
            if state is State.POWER_DELIVERY:
                desk.ask(messages.delivery(given=messages.profile()))

    def test_renegotiation_where_it_is_not_allowed(self) -> None:
        charger = make_charger({"schedule.renegotiation": False})
        desk = Desk(AC, charger).reach(State.CHARGE_LOOP)
        answer = desk.send(messages.delivery(RENEGOTIATE))
        assert (answer.code, answer.ends) == (ResponseCode.WARNING_ScheduleRenegotiationFailed, False)
        assert desk.state is State.CHARGE_LOOP
        desk.ask(messages.delivery(STOP))
        answer = desk.send(messages.stop(cm.ChargingSession.ServiceRenegotiation))
        assert answer.code == ResponseCode.FAILED_NoServiceRenegotiationSupported

    def test_renegotiation_of_nothing(self) -> None:
        answer = Desk().reach(State.POWER_DELIVERY).send(messages.delivery(RENEGOTIATE))
        assert answer.code == ResponseCode.FAILED_ScheduleRenegotiation
        answer = (
            Desk().reach(State.SERVICE_SELECTION).send(messages.stop(cm.ChargingSession.ServiceRenegotiation))
        )
        assert answer.code == ResponseCode.FAILED_NoServiceRenegotiationSupported

    def test_a_new_schedule_is_answered_with_a_profile(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP)
        desk.ask(messages.delivery(RENEGOTIATE))
        desk.ask(messages.schedule())
        answer = desk.send(messages.delivery(STANDBY))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_ScheduleRenegotiation, True)

    def test_a_second_start(self) -> None:
        answer = Desk().reach(State.CHARGE_LOOP).send(messages.delivery(START, messages.profile()))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)


class TestCableCheckAndPreCharge:
    def test_the_cable_check_takes_its_time(self) -> None:
        desk = Desk(DC).reach(State.CABLE_CHECK)
        seen = []
        for _ in range(3):
            seen.append(desk.ask(messages.cable_check()).evse_processing)
            desk.wait(1)
        assert seen == [Processing.Ongoing, Processing.Ongoing, Processing.Finished]

    def test_a_cable_check_that_does_not_end(self) -> None:
        desk = Desk(DC, make_charger({"dc.isolation_s": 100})).reach(State.CABLE_CHECK)
        desk.ask(messages.cable_check())
        desk.wait(38)
        answer = desk.send(messages.cable_check())
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)

    def test_the_voltage_comes_up(self) -> None:
        desk = Desk(DC).reach(State.PRE_CHARGE)
        seen = []
        for _ in range(4):
            seen.append(number_of(desk.ask(messages.pre_charge(380)).evse_present_voltage))
            desk.wait(0.3)
        assert seen == [0, 150, 300, 380]
        assert desk.state is State.POWER_DELIVERY
        assert not desk.context.plug.contactor.closed

    @pytest.mark.parametrize("target_v", [-1, 921])
    def test_a_voltage_that_there_is_not(self, target_v: float) -> None:
        answer = Desk(DC).reach(State.PRE_CHARGE).send(messages.pre_charge(target_v))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)

    def test_the_voltage_dies_away(self) -> None:
        desk = Desk(DC).reach(State.CHARGE_LOOP)
        desk.ask(messages.dc_loop())
        desk.ask(messages.delivery(STOP))
        seen = []
        for _ in range(3):
            seen.append(number_of(desk.ask(messages.welding()).evse_present_voltage))
            desk.wait(0.4)
        assert seen[0] > 350
        assert seen[0] > seen[1] > seen[2]
        assert seen[2] < 60
        assert desk.state is State.WELDING_DETECTION


class TestAcLoop:
    def test_what_the_car_draws_is_metered(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP)
        desk.ask(messages.ac_loop(4_000))
        desk.wait(900)
        response = desk.ask(messages.ac_loop(4_000))
        assert response.meter_info.charged_energy_reading_wh == 1000
        assert response.meter_info.bpt_discharged_energy_reading_wh is None
        assert number_of(response.cl_res_control_mode.evse_target_active_power) == 5_000
        assert desk.context.energy_wh == pytest.approx(1000)
        desk.wait(1000)
        response = desk.ask(messages.ac_loop(2_000, meter=False))
        assert response.meter_info is None
        assert number_of(response.cl_res_control_mode.evse_target_active_power) == 2_500

    def test_a_car_that_draws_too_much_is_warned_and_then_failed(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP)
        for _ in range(PATIENCE_ROUNDS):
            response = desk.ask(messages.ac_loop(7_000))
            assert response.response_code is ResponseCode.WARNING_EVPowerProfileViolation
        answer = desk.send(messages.ac_loop(7_000))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_EVPowerProfileViolation, True)

    def test_a_car_that_behaves_again_is_forgiven(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP)
        for _ in range(3):
            for _ in range(PATIENCE_ROUNDS):
                desk.ask(messages.ac_loop(7_000))
            assert desk.ask(messages.ac_loop(4_000)).response_code is ResponseCode.OK

    @pytest.mark.parametrize(
        "request_",
        [messages.ac_loop(dynamic=True), messages.ac_loop(both_ways=True)],
        ids=["dynamic", "both ways"],
    )
    def test_another_control_mode_than_selected(self, request_: XsdType) -> None:
        answer = Desk().reach(State.CHARGE_LOOP).send(request_)
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)

    def test_with_dynamic_control_the_charger_decides(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP, dynamic=True)
        mode = desk.ask(messages.ac_loop(0, dynamic=True)).cl_res_control_mode
        assert isinstance(mode, ac.Dynamic_AC_CLResControlMode)
        assert number_of(mode.evse_target_active_power) == 11_000

    def test_energy_is_taken_out_of_a_bidirectional_car(self) -> None:
        charger = make_charger({"schedule.discharge_w": 20_000})
        desk = Desk(AC, charger).reach(State.CHARGE_LOOP, dynamic=True, both_ways=True)
        mode = desk.ask(messages.ac_loop(0, dynamic=True, both_ways=True)).cl_res_control_mode
        assert number_of(mode.evse_target_active_power) == -9_000
        desk.ask(messages.ac_loop(-9_000, dynamic=True, both_ways=True))
        desk.wait(3600)
        info = desk.ask(messages.ac_loop(0, dynamic=True, both_ways=True)).meter_info
        assert (info.charged_energy_reading_wh, info.bpt_discharged_energy_reading_wh) == (0, 9_000)

    def test_targets_by_phase_for_a_car_that_reports_phases(self) -> None:
        desk = Desk().reach(State.CHARGE_PARAMETERS)
        desk.ask(messages.ac_parameters(3_600, 0, per_phase=True))
        desk.ask(messages.schedule())
        desk.ask(messages.delivery(given=messages.profile(6_000)))
        mode = desk.ask(messages.ac_loop(4_000)).cl_res_control_mode
        assert number_of(mode.evse_target_active_power_l3) == 2_000


class TestDcLoop:
    def test_the_car_gets_what_it_asks_for(self) -> None:
        desk = Desk(DC).reach(State.CHARGE_LOOP)
        desk.context.profile = ()
        desk.ask(messages.dc_loop(100, 400, present_v=380))
        desk.wait(10)
        response = desk.ask(messages.dc_loop(100, 400, present_v=380))
        assert number_of(response.evse_present_current) == 100
        assert number_of(response.evse_present_voltage) == 380
        limits = (
            response.evse_power_limit_achieved,
            response.evse_current_limit_achieved,
            response.evse_voltage_limit_achieved,
        )
        assert limits == (False, False, False)
        desk.wait(3600)
        info = desk.ask(messages.dc_loop()).meter_info
        assert info.charged_energy_reading_wh == pytest.approx(38_000, rel=0.01)

    def test_the_profile_limits_the_power(self) -> None:
        desk = Desk(DC).reach(State.CHARGE_LOOP)
        desk.ask(messages.dc_loop(100, 400, present_v=400))
        desk.wait(10)
        response = desk.ask(messages.dc_loop(100, 400, present_v=400))
        assert response.evse_power_limit_achieved
        assert number_of(response.evse_present_current) == 12.5

    def test_current_and_voltage_limits_are_told(self) -> None:
        desk = Desk(DC).reach(State.CHARGE_LOOP)
        desk.context.profile, desk.context.max_charge_a, desk.context.max_charge_w = (), 1e6, 1e9
        response = desk.ask(messages.dc_loop(350, 1_000, present_v=300))
        assert response.evse_current_limit_achieved
        assert response.evse_voltage_limit_achieved

    def test_dynamic_control(self) -> None:
        desk = Desk(DC).reach(State.CHARGE_LOOP, dynamic=True)
        desk.ask(messages.dc_loop(200, 450, dynamic=True))
        desk.wait(10)
        response = desk.ask(messages.dc_loop(200, 450, dynamic=True))
        assert isinstance(response.cl_res_control_mode, dc.Dynamic_DC_CLResControlMode)
        assert number_of(response.evse_present_current) == 200

    @pytest.mark.parametrize("dynamic", [False, True])
    def test_energy_is_taken_out_of_a_bidirectional_car(self, dynamic: bool) -> None:
        charger = make_charger({"schedule.discharge_w": 19_000 if dynamic else 0})
        desk = Desk(DC, charger).reach(State.CHARGE_LOOP, dynamic=dynamic, both_ways=True)
        request: dict[str, Any] = {"dynamic": dynamic, "both_ways": True, "present_v": 380}
        desk.ask(messages.dc_loop(200 if dynamic else -50, 400, **request))
        desk.wait(3600)
        response = desk.ask(messages.dc_loop(200 if dynamic else -50, 400, **request))
        assert number_of(response.evse_present_current) == -50
        assert response.meter_info.bpt_discharged_energy_reading_wh == pytest.approx(19_000, rel=0.01)
        assert response.meter_info.charged_energy_reading_wh == 0

    def test_another_control_mode_than_selected(self) -> None:
        answer = Desk(DC).reach(State.CHARGE_LOOP).send(messages.dc_loop(dynamic=True))
        assert (answer.code, answer.ends) == (ResponseCode.FAILED, True)


class TestWishes:
    def statuses(self, desk: Desk, rounds: int) -> list[EvseNotification | None]:
        found = []
        for _ in range(rounds):
            status = desk.ask(messages.loop_of(desk.protocol)).evse_status
            found.append(None if status is None else status.evse_notification)
        return found

    @pytest.mark.parametrize("protocol", [AC, DC], ids=str)
    @pytest.mark.parametrize(
        ("key", "wish"),
        [
            ("pause_after", EvseNotification.Pause),
            ("schedule_renegotiation_after", EvseNotification.ScheduleRenegotiation),
            ("service_renegotiation_after", EvseNotification.ServiceRenegotiation),
        ],
    )
    def test_a_wish_is_told_once(self, protocol: Protocol, key: str, wish: EvseNotification) -> None:
        desk = Desk(protocol, make_charger({f"wishes.{key}": 2})).reach(State.CHARGE_LOOP)
        assert self.statuses(desk, 4) == [None, wish, None, None]

    def test_a_charger_that_stops_says_so_every_time(self) -> None:
        desk = Desk().reach(State.CHARGE_LOOP)
        desk.charger.stopping = True
        assert self.statuses(desk, 2) == [EvseNotification.Terminate] * 2

    def test_receipts_are_asked_for(self) -> None:
        desk = Desk(AC, make_charger({"station.receipt_every": 2})).reach(State.CHARGE_LOOP)
        wanted = EvseNotification.MeteringConfirmation
        assert self.statuses(desk, 4) == [None, wanted, None, wanted]


class TestMeteringConfirmation:
    def ready(self) -> tuple[Desk, cm.MeteringConfirmationReq]:
        desk = Desk().reach(State.CHARGE_LOOP)
        info = desk.ask(messages.ac_loop()).meter_info
        return desk, messages.confirmation(desk.context.session_id, info)

    def test_a_good_one(self) -> None:
        desk, request = self.ready()
        desk.ask(request, key=market20().contract.signer())
        assert desk.state is State.CHARGE_LOOP

    @pytest.mark.parametrize("fault", ["unsigned", "key", "session", "meter", "no contract"])
    def test_a_wrong_one(self, fault: str) -> None:
        desk, request = self.ready()
        key = market20().contracts[1 if fault == "key" else 0].signer()
        if fault == "session":
            request.signed_metering_data.session_id = messages.FOREIGN
        elif fault == "meter":
            request.signed_metering_data.meter_info.charged_energy_reading_wh += 1
        elif fault == "no contract":
            desk.context.contract = None
        answer = desk.send(request, key=None if fault == "unsigned" else key)
        assert (answer.code, answer.ends) == (ResponseCode.FAILED_MeteringSignatureNotValid, True)
