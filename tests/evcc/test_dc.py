import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc.battery import Battery
from evcc.dc import DcInlet, Outlet, Pack

WIDE = Outlet(1e6, 1e4, 1000)


def pack(soc: float = 50, **inlet: float) -> Pack:
    battery = Battery(60_000, 600 * soc, 11_000)
    return Pack(battery, DcInlet(**inlet))


def test_voltage_rises_with_the_state_of_charge_and_the_current() -> None:
    assert pack(0).rest_voltage_v == 340
    assert pack(100).rest_voltage_v == 410
    assert pack(50).rest_voltage_v == 375
    assert pack(50).voltage_v(100) == pytest.approx(379)
    assert pack(50).voltage_v(-100) == pytest.approx(371)
    assert pack(100, resistance_ohm=1).voltage_v(300) == 450


@pytest.mark.parametrize(
    ("outlet", "current_a"),
    [
        (WIDE, 250),
        (Outlet(37_500, 1e4, 1000), 100),
        (Outlet(1e6, 30, 1000), 30),
        (Outlet(1e6, 1e4, 300), 0),
        (Outlet(0, 1e4, 1000), 0),
    ],
)
def test_the_current_to_ask_for(outlet: Outlet, current_a: float) -> None:
    assert pack().charging_current_a(outlet) == pytest.approx(current_a)


def test_a_full_battery_takes_nothing_and_a_nearly_full_one_little() -> None:
    assert pack(100).charging_current_a(WIDE) == 0
    assert pack(95).charging_current_a(WIDE) < pack(85).charging_current_a(WIDE) < 250


def test_too_little_current_is_none() -> None:
    assert pack(min_current_a=5).charging_current_a(Outlet(1e6, 4.9, 1000)) == 0


def test_what_is_given_back() -> None:
    most = Outlet(10_000, 20, 200)
    assert pack().discharging_current_a(WIDE, most, 20) == 20
    assert pack().discharging_current_a(Outlet(3_750, 1e4, 1000), most, 20) == 10
    assert pack(20).discharging_current_a(WIDE, most, 20) == 0


def test_when_contactors_may_close() -> None:
    assert pack().fits(375 + 20)
    assert pack().fits(375 - 20)
    assert not pack().fits(375 + 20.1)
    assert not pack().fits(0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"empty_voltage_v": 420.0}, "full_voltage_v"),
        ({"target_voltage_v": 460.0}, "max_voltage_v"),
        ({"min_voltage_v": 350.0}, "min_voltage_v"),
        ({"min_current_a": 300.0}, "minimum"),
        ({}, ""),
    ],
)
def test_contradictions(values: dict[str, float], words: str) -> None:
    problem = DcInlet(**values).problem()
    assert words in problem
    assert bool(problem) == bool(values)


@given(
    soc=st.floats(0, 100),
    power=st.floats(0, 1e6),
    current=st.floats(0, 1e4),
    voltage=st.floats(0, 1000),
)
def test_the_current_never_exceeds_a_limit(soc: float, power: float, current: float, voltage: float) -> None:
    car = pack(soc)
    asked = car.charging_current_a(Outlet(power, current, voltage))
    assert 0 <= asked <= min(current, 250)
    assert asked * car.rest_voltage_v <= min(power, 100_000) + 1e-6
