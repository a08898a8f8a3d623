import pytest
from hypothesis import given
from hypothesis import strategies as st

from secc.errors import ContactorError
from secc.meter import Meter
from secc.station import AcOutlet, Contactor, Rating, Station
from tests.secc.kit import HandClock


@given(st.lists(st.tuples(st.floats(0, 22_000), st.floats(0, 10_000))))
def test_a_meter_adds_up_what_flows(flows: list[tuple[float, float]]) -> None:
    clock = HandClock()
    meter = Meter("M", clock, reading_wh=5.0)
    last = meter.reading_wh
    for power_w, seconds in flows:
        meter.flow(power_w)
        clock.elapsed_s += seconds
        assert meter.reading_wh >= last
        last = meter.reading_wh
    assert meter.reading_wh == pytest.approx(5.0 + sum(p * s for p, s in flows) / 3600)


def test_power_stays_within_the_rating() -> None:
    rating = Rating(voltage_v=230, max_current_a=16, phases=1)
    assert rating.power_w(32, 3) == 230 * 16
    assert rating.power_w(10, 1) == 2300


def test_a_station_hands_out_each_outlet_once() -> None:
    station = Station.of("DE*PNC*E1", 2, Rating(), "M", HandClock())
    first, second = station.take(), station.take()
    assert first is not None
    assert second is not None
    assert station.take() is None
    station.give_back(second)
    assert station.take() is second
    assert [outlet.meter.meter_id for outlet in station.outlets] == ["M-1", "M-2"]


def test_a_single_outlet_has_the_ids_of_the_station() -> None:
    (outlet,) = Station.of("DE*PNC*E1", 1, Rating(), "M", HandClock()).outlets
    assert (outlet.evse_id, outlet.meter.meter_id) == ("DE*PNC*E1", "M")


def test_power_flows_only_through_a_closed_contactor() -> None:
    class Stuck(Contactor):
        def close(self) -> None:
            """Stay open."""

    outlet = AcOutlet("DE*PNC*E1", Rating(), Meter("M", HandClock()), Stuck())
    with pytest.raises(ContactorError, match="did not close"):
        outlet.energize(1000)
    assert outlet.meter.power_w == 0
