"""Packets over a link: loss, queue, rate and outages against theory, and the same from the same seed."""

import math
from itertools import groupby
from statistics import fmean

import msgspec
import pytest

from v2g.net.distributions import Constant, LogNormal, Quantiles
from v2g.net.link import Link, Loss, Outage, Way
from v2g.net.medium import Medium

PACKETS = 100_000


def fates(loss: Loss, seed: int = 1) -> list[bool]:
    medium = Medium(Link(up=Way(loss=loss)), seed)
    return [medium.leaves(100, 0.0, up=True) is None for _ in range(PACKETS)]


@pytest.mark.parametrize(
    "loss",
    [
        Loss.independent(0.01),
        Loss.independent(0.3),
        Loss.bursts(0.01, 3),
        Loss.bursts(0.1, 20),
        Loss(to_bad=0.02, to_good=0.1, good=0.001, bad=0.5),
    ],
    ids=repr,
)
def test_as_much_is_lost_as_the_model_says(loss: Loss) -> None:
    lost = fates(loss)
    # Bursts make draws depend on each other: what counts is about as many chains as there are bursts.
    effective = PACKETS * min(1.0, loss.to_good + loss.to_bad) / 2
    error = math.sqrt(loss.rate * (1 - loss.rate) / effective)
    assert fmean(lost) == pytest.approx(loss.rate, abs=4 * error)


@pytest.mark.parametrize("length", [1.5, 3, 10])
def test_bursts_are_as_long_as_the_model_says(length: float) -> None:
    runs = [len(list(run)) for lost, run in groupby(fates(Loss.bursts(0.05, length))) if lost]
    deviation = length * math.sqrt(1 - 1 / length)
    assert fmean(runs) == pytest.approx(length, abs=4 * deviation / math.sqrt(len(runs)))


def test_independent_losses_do_not_come_in_bursts() -> None:
    runs = [len(list(run)) for lost, run in groupby(fates(Loss.independent(0.2))) if lost]
    assert fmean(runs) == pytest.approx(1 / 0.8, abs=0.02)


def test_a_rate_spaces_packets_and_a_full_queue_drops_them() -> None:
    medium = Medium(Link(mtu=1000, up=Way(rate_bit_s=8000.0, queue_bytes=3000)))
    assert [medium.leaves(1000, 0.0, up=True) for _ in range(5)] == [1.0, 2.0, 3.0, None, None]
    assert medium.leaves(1000, 2.5, up=True) == 4.0
    assert medium.leaves(1000, 60.0, up=True) == 61.0
    assert medium.counts(up=True).overflowed == 2
    assert medium.counts(up=True).packets == 7
    assert medium.counts(up=False).packets == 0


def test_nothing_passes_in_an_outage() -> None:
    outage = Outage(start_s=10.0, length_s=2.0, every_s=60.0)
    medium = Medium(Link(outages=(outage,)), origin=1000.0)
    for elapsed, passes in ((0, True), (9.9, True), (10, False), (11.9, False), (12, True), (71, False)):
        assert (medium.leaves(100, 1000.0 + elapsed, up=True) is not None) is passes, elapsed
    assert medium.counts(up=True).cut_off == medium.counts(up=True).missing == 3


def test_round_trips_are_drawn_for_each_connection_and_jitter_for_each_packet() -> None:
    rtt = LogNormal(median_s=0.1, sigma=0.4)
    jitter = Quantiles(((0, 0.0), (1, 0.02)))
    medium = Medium(Link(rtt=rtt, jitter=jitter), 3)
    totals = []
    for _ in range(20_000):
        path = medium.path()
        there = path.carry(100, 0.0, up=True)
        back = path.carry(100, 0.0, up=False)
        assert there is not None
        assert back is not None
        totals.append(there + back)
    mean = rtt.mean() + 2 * jitter.mean()
    variance = rtt.variance() + 2 * jitter.variance()
    assert fmean(totals) == pytest.approx(mean, abs=4 * math.sqrt(variance / 20_000))
    assert fmean((t - mean) ** 2 for t in totals) == pytest.approx(variance, rel=0.08)


def test_a_round_trip_lasts_as_long_as_its_coherence() -> None:
    path = Medium(Link(rtt=LogNormal(median_s=0.1, sigma=0.4), coherence_s=5.0)).path()
    flights = [(path.carry(100, at, up=True) or 0.0) - at for at in (0.0, 1.0, 4.9, 5.0, 9.0)]
    assert flights[0] == pytest.approx(flights[1]) == pytest.approx(flights[2])
    assert flights[3] == pytest.approx(flights[4])
    assert flights[0] != pytest.approx(flights[3])


def test_packets_keep_their_order() -> None:
    path = Medium(Link(jitter=Quantiles(((0, 0.0), (1, 1.0))))).path()
    arrivals = [path.carry(100, number / 100, up=True) or 0.0 for number in range(500)]
    assert arrivals == sorted(arrivals)


def test_the_same_seed_gives_the_same_link() -> None:
    link = Link(rtt=LogNormal(median_s=0.1, sigma=0.4), up=Way(loss=Loss.bursts(0.1, 3)))

    def run(seed: int) -> list[float | None]:
        path = Medium(link, seed).path()
        return [path.carry(100, number / 10, up=True) for number in range(200)]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_one_connection_does_not_shift_the_round_trip_of_another() -> None:
    link = Link(rtt=LogNormal(median_s=0.1, sigma=0.4))
    alone, busy = Medium(link, 9), Medium(link, 9)
    first, second = alone.path(), alone.path()
    expected = second.carry(100, 0.0, up=True)
    for _ in range(50):
        first.carry(100, 0.0, up=True)
    busy_first, busy_second = busy.path(), busy.path()
    for _ in range(7):
        busy_first.carry(100, 0.0, up=True)
    assert busy_second.carry(100, 0.0, up=True) == expected


def test_figures_may_change_while_a_link_is_used() -> None:
    medium = Medium(Link(rtt=Constant(0.2), coherence_s=1.0))
    path = medium.path()
    assert path.carry(100, 0.0, up=True) == 0.1
    medium.link = Link(rtt=Constant(2.0), coherence_s=1.0)
    assert path.carry(100, 5.0, up=True) == 6.0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"mtu": 100}, "mtu must lie between"),
        ({"up": {"rate_bit_s": 0}}, r"rate_bit_s must be greater than 0 - at `\$.up`"),
        ({"down": {"queue_bytes": 10}}, "a packet has to fit"),
        ({"down": {"queue_bytes": 600}}, "at least one packet of mtu"),
        ({"up": {"loss": {"good": 1.5}}}, "good must lie between 0 and 1"),
        ({"up": {"loss": {"to_bad": 0.1, "to_good": 0}}}, "nothing would ever leave the bad state"),
        ({"outages": [{"start_s": 1.0}]}, "missing required field `length_s`"),
        ({"outages": [{"length_s": 2.0, "every_s": 1.0}]}, "every_s must be greater than length_s"),
        ({"coherence_s": 0}, "coherence_s must be greater"),
        ({"tcp": {"initial_window": 0}}, "initial_window must be at least 1"),
        ({"tcp": {"min_rto_s": 5}}, "must hold"),
        ({"tcp": {"delayed_ack_s": 1}}, "between 0 and 0.5"),
        ({"latency": 1}, "unknown field `latency`"),
    ],
)
def test_what_is_no_link_is_refused(data: object, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(data, Link)


@pytest.mark.parametrize(("rate", "length"), [(1.0, 2), (-0.1, 2), (0.1, 0.5), (0.9, 1)])
def test_there_are_no_such_bursts(rate: float, length: float) -> None:
    with pytest.raises(ValueError, match="bursts"):
        Loss.bursts(rate, length)
