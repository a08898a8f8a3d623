import pytest

from evcc.iso20 import schedules
from evcc.iso20.schedules import Schedule
from evcc.staircase import Staircase
from tests.evcc import charger20 as c20
from v2g.messages.iso20 import common_messages as cm
from v2g.rational import number_of, rational


def schedule(*steps: tuple[float, float], start: float = 1000, back: float | None = None) -> Schedule:
    return Schedule(
        tuple_id=5,
        charging=Staircase.of(start, steps),
        discharging=None if back is None else Staircase.of(start, [(3600.0, back)]),
        tolerance=False,
        energy_wh=0,
        cost=None,
    )


def entries(profile: cm.EVPowerProfile) -> list[tuple[int, float]]:
    found = profile.ev_power_profile_entries.ev_power_profile_entry
    return [(entry.duration, number_of(entry.power)) for entry in found]


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        (1000, [(600, 5000), (600, 9000)]),
        (1300, [(300, 5000), (600, 9000)]),
        (1700, [(500, 9000)]),
        (900, [(700, 5000), (600, 9000)]),
        (9999, [(1, 9000)]),
    ],
)
def test_a_profile_begins_now_and_ends_with_the_schedule(
    anchor: int, expected: list[tuple[int, float]]
) -> None:
    made = schedules.profile(schedule((600, 5000), (600, 20_000)), 9000, anchor=anchor)
    assert made.time_anchor == anchor
    assert entries(made) == expected


def test_a_profile_that_gives_back() -> None:
    made = schedules.profile(schedule((600, 5000), back=4000), 9000, anchor=1000, discharge_w=3000)
    assert entries(made) == [(3600, -3000)]


def test_schedules_as_they_are_read() -> None:
    offered = cm.Scheduled_SEResControlMode(
        schedule_tuple=[
            c20.schedule_tuple(1, (3600, 4000), (3600, 8000), anchor=0, back_w=500),
            c20.schedule_tuple(2, (36_000, 1000), anchor=0),
        ]
    )
    offered.schedule_tuple[1].charging_schedule.power_schedule.power_tolerance = rational(5)
    first, second = schedules.read(offered, 9_000, 6_000)
    assert (first.energy_wh, second.energy_wh) == (9_000, 9_000)
    assert first.discharging is not None
    assert first.discharging.at(0) == 500
    assert (first.tolerance, second.tolerance) == (False, True)
    assert schedules.choose([first, second]) is first
    assert schedules.choose([second, first]) is second


def test_the_power_of_all_phases_counts() -> None:
    tuple_ = c20.schedule_tuple(1, (3600, 3000), anchor=0)
    (entry,) = tuple_.charging_schedule.power_schedule.power_schedule_entries.power_schedule_entry
    entry.power_l2 = entry.power_l3 = rational(1000)
    (found,) = schedules.read(cm.Scheduled_SEResControlMode(schedule_tuple=[tuple_]), 10_000, 9_000)
    assert found.charging.at(0) == 5000
