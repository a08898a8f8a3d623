"""The DC supply as a model: ramps, limits, isolation, decay, energy."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secc.dc_supply import DcRating, DcSupply, Limited
from secc.errors import ContactorError
from secc.meter import Meter
from secc.station import Contactor, DcOutlet, Kind, Rating, Station
from tests.secc.kit import HandClock

RATING = DcRating(
    max_voltage_v=500,
    max_current_a=100,
    max_power_w=40_000,
    max_discharge_current_a=50,
    max_discharge_power_w=10_000,
    ramp_v_per_s=100,
    ramp_a_per_s=10,
    isolation_s=3,
    decay_s=0.5,
)


def made(rating: DcRating = RATING) -> tuple[DcSupply, HandClock]:
    clock = HandClock()
    return DcSupply(rating, clock), clock


def test_voltage_and_current_move_at_their_rates() -> None:
    supply, clock = made()
    supply.regulate(400, 20)
    seen = []
    for _ in range(5):
        clock.elapsed_s += 1
        seen.append((supply.voltage_v, supply.current_a))
    assert seen == [(100, 10), (200, 20), (300, 20), (400, 20), (400, 20)]


def test_a_new_target_begins_where_the_old_one_had_got() -> None:
    supply, clock = made()
    supply.regulate(400, 0)
    clock.elapsed_s = 2
    supply.regulate(100, 0)
    clock.elapsed_s = 2.5
    assert supply.voltage_v == 150


@pytest.mark.parametrize(
    ("volts", "amps", "limited", "current"),
    [
        (300, 50, Limited(), 50),
        (600, 10, Limited(voltage=True), 10),
        (300, 200, Limited(current=True), 100),
        (500, 100, Limited(power=True), 80),
        (300, -20, Limited(), -20),
        (100, -70, Limited(current=True), -50),
        (400, -40, Limited(power=True), -25),
    ],
)
def test_limits_are_kept_and_told(volts: float, amps: float, limited: Limited, current: float) -> None:
    supply, clock = made()
    assert supply.regulate(volts, amps) == limited
    clock.elapsed_s = 60
    assert supply.current_a == pytest.approx(current)
    assert supply.voltage_v == min(volts, 500)


def test_without_discharge_limits_no_current_comes_back() -> None:
    supply, clock = made(DcRating())
    assert not supply.rating.bidirectional
    assert supply.regulate(400, -10) == Limited(current=True)
    clock.elapsed_s = 10
    assert supply.current_a == 0


def test_the_battery_holds_the_voltage() -> None:
    supply, clock = made()
    supply.regulate(450, 10, load_v=380)
    clock.elapsed_s = 10
    assert supply.voltage_v == 380


def test_isolation_takes_its_time_and_is_tested_anew_for_each_charge() -> None:
    supply, clock = made()
    assert not supply.isolated()
    clock.elapsed_s = 2.9
    assert not supply.isolated()
    clock.elapsed_s = 3.0
    assert supply.isolated()
    supply.off()
    assert not supply.isolated()


def test_the_voltage_dies_away() -> None:
    supply, clock = made()
    supply.precharge(400)
    clock.elapsed_s = 10
    supply.off()
    supply.off()
    clock.elapsed_s = 10.5
    assert supply.voltage_v == pytest.approx(400 / math.e)
    assert supply.power_at(10.5) == 0
    clock.elapsed_s = 15
    assert supply.voltage_v < 60
    supply.precharge(100)
    clock.elapsed_s = 20
    assert supply.voltage_v == 100


TARGETS = st.lists(
    st.tuples(st.floats(0, 600), st.floats(-80, 150), st.floats(0.01, 30)), min_size=1, max_size=6
)


@given(TARGETS)
@settings(max_examples=40, deadline=None)
def test_the_meter_counts_what_small_steps_add_up_to(targets: list[tuple[float, float, float]]) -> None:
    clock = HandClock()
    outlet = DcOutlet("DE*PNC*E1", DcSupply(RATING, clock), Meter("M", clock))
    outlet.energize()
    charged = discharged = 0.0
    for volts, amps, seconds in targets:
        outlet.regulate(volts, amps)
        steps = 500
        for _ in range(steps):
            clock.elapsed_s += seconds / steps / 2
            power = outlet.supply.power_at(clock.elapsed_s)
            clock.elapsed_s += seconds / steps / 2
            charged += max(0.0, power) * seconds / steps / 3600
            discharged += max(0.0, -power) * seconds / steps / 3600
    assert outlet.meter.reading_wh == pytest.approx(charged, rel=1e-3, abs=1e-3)
    assert outlet.meter.discharged_wh == pytest.approx(discharged, rel=1e-3, abs=1e-3)


def test_an_outlet_that_is_isolated_has_no_power() -> None:
    clock = HandClock()
    outlet = DcOutlet("DE*PNC*E1", DcSupply(RATING, clock), Meter("M", clock))
    outlet.energize()
    outlet.regulate(400, 100)
    clock.elapsed_s = 20
    assert outlet.meter.power_w == pytest.approx(40_000)
    outlet.isolate()
    before = outlet.meter.reading_wh
    clock.elapsed_s = 1000
    assert outlet.meter.reading_wh == before
    assert not outlet.contactor.closed


def test_a_welded_contactor_is_told() -> None:
    class Welded(Contactor):
        def open(self) -> None:
            """Stay closed."""

    clock = HandClock()
    outlet = DcOutlet("DE*PNC*E1", DcSupply(RATING, clock), Meter("M", clock), Welded())
    outlet.energize()
    with pytest.raises(ContactorError, match="did not open"):
        outlet.isolate()


def test_a_station_of_both_kinds() -> None:
    station = Station.of("DE*PNC*E1", 1, Rating(), "M", HandClock(), dc_count=2)
    assert [outlet.kind for outlet in station.outlets] == [Kind.AC, Kind.DC, Kind.DC]
    assert station.has(Kind.DC)
    first = station.take(Kind.DC)
    assert first is station.outlets[1]
    assert station.take() is station.outlets[0]
    assert station.take(Kind.AC) is None
