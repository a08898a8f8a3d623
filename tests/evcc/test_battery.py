import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc.battery import Battery

powers = st.floats(min_value=0, max_value=50_000)
durations = st.floats(min_value=0, max_value=20 * 3600)


def battery(energy_wh: float = 10_000) -> Battery:
    return Battery(capacity_wh=60_000, energy_wh=energy_wh, max_power_w=11_000)


def test_below_the_corner_power_is_what_is_on_offer() -> None:
    car = battery()
    assert car.power_w(3_700) == 3_700
    assert car.charge(3600, 3_700) == pytest.approx(3_700)
    assert car.energy_wh == pytest.approx(13_700)


def test_the_on_board_charger_limits_the_power() -> None:
    car = battery()
    assert car.power_w(22_000) == 11_000
    assert car.charge(1800, 22_000) == pytest.approx(5_500)


def test_the_taper_ends_with_a_trickle_at_full() -> None:
    assert battery(48_000).power_w(22_000) == pytest.approx(11_000)
    assert battery(54_000).power_w(22_000) == pytest.approx(11_000 * (1 + 0.05) / 2)
    assert battery(59_999.999).power_w(22_000) == pytest.approx(550, rel=1e-4)
    assert battery(60_000).power_w(22_000) == 0


def test_a_battery_without_taper_charges_steadily_to_full() -> None:
    car = Battery(capacity_wh=1_000, energy_wh=0, max_power_w=1_000, taper_to=1.0)
    assert car.charge(1800, 5_000) == pytest.approx(500)
    assert car.charge(7200, 5_000) == pytest.approx(500)
    assert car.full
    assert car.soc_percent == 100


def test_nothing_on_offer_changes_nothing() -> None:
    car = battery(59_000)
    assert car.charge(3600, 0) == 0
    assert car.power_w(-5) == 0


def test_energy_missing_to_a_target() -> None:
    assert battery(12_000).missing_wh(80) == pytest.approx(36_000)
    assert battery(59_000).missing_wh(80) == 0


def test_time_runs_forward() -> None:
    with pytest.raises(ValueError, match="forward"):
        battery().charge(-1, 1_000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capacity_wh", 0),
        ("capacity_wh", float("nan")),
        ("energy_wh", 60_001),
        ("energy_wh", -1),
        ("max_power_w", 0),
        ("max_power_w", float("inf")),
        ("taper_from", 1.0),
        ("taper_to", 0.0),
    ],
)
def test_impossible_batteries_are_refused(field: str, value: float) -> None:
    facts = {"capacity_wh": 60_000.0, "energy_wh": 1_000.0, "max_power_w": 11_000.0} | {field: value}
    with pytest.raises(ValueError, match=field):
        Battery(**facts)


@given(start=st.floats(min_value=0, max_value=60_000), offered=powers, first=durations, second=durations)
def test_energy_does_not_depend_on_the_steps(
    start: float, offered: float, first: float, second: float
) -> None:
    whole, cut = battery(start), battery(start)
    whole.charge(first + second, offered)
    cut.charge(first, offered)
    cut.charge(second, offered)
    assert cut.energy_wh == pytest.approx(whole.energy_wh, rel=1e-9, abs=1e-6)


@given(start=st.floats(min_value=0, max_value=60_000), offered=powers, seconds=durations)
def test_energy_stays_inside_the_battery_and_the_offer(start: float, offered: float, seconds: float) -> None:
    car = battery(start)
    taken = car.charge(seconds, offered)
    assert 0 <= taken <= min(offered, 11_000) * seconds / 3600 + 1e-6
    assert start <= car.energy_wh <= car.capacity_wh


def test_giving_back_ends_at_the_floor() -> None:
    battery = Battery(60_000, 30_000, 11_000)
    assert battery.discharge(3600, 6_000, 20) == pytest.approx(6_000)
    assert battery.soc_percent == pytest.approx(40)
    assert battery.discharge(36_000, 6_000, 20) == pytest.approx(12_000)
    assert battery.soc_percent == pytest.approx(20)
    assert battery.discharge(3600, 6_000, 20) == 0
    assert battery.discharge(3600, -5) == 0


def test_a_dc_charger_goes_round_the_on_board_charger() -> None:
    battery = Battery(60_000, 30_000, 11_000)
    assert battery.power_w(100_000) == 11_000
    assert battery.power_w(100_000, most_w=80_000) == 80_000
    assert battery.charge(360, 50_000, most_w=80_000) == pytest.approx(5_000)
    with pytest.raises(ValueError, match="forward"):
        battery.discharge(-1, 5)
