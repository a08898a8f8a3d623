"""TCP over a link: handshake, windows, timers and recovery at the moments that the RFCs give."""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import VirtualTime
from v2g.net.distributions import Constant
from v2g.net.flow import Flow
from v2g.net.link import HEADER_BYTES, Link, Loss, Outage, Tcp, Way
from v2g.net.medium import Medium
from v2g.net.virtual import run_virtual

RTT = 0.1
MSS = Link().mss


@dataclass
class Listener:
    """Notes what happens at one end, and when."""

    on_open: Callable[[], object] = lambda: None
    log: list[tuple[float, str, Any]] = field(default_factory=list)
    total: int = 0

    def opened(self) -> None:
        self._note("opened")
        self.on_open()

    def arrived(self, count: int) -> None:
        self.total += count
        self._note("arrived", self.total)

    def ended(self) -> None:
        self._note("ended")

    def lost(self, reason: str) -> None:
        self._note("lost", reason)

    def _note(self, what: str, value: Any = None) -> None:
        self.log.append((round(asyncio.get_running_loop().time(), 6), what, value))

    def at(self, what: str) -> list[float]:
        return [at for at, kind, _ in self.log if kind == what]


class Losing(Medium):
    """Loses the packets of the numbers given for each way, counted from 1, and notes when each is sent."""

    def __init__(self, link: Link, up: Iterable[int] = (), down: Iterable[int] = ()) -> None:
        super().__init__(link)
        self.victims = {True: set(up), False: set(down)}
        self.sent: dict[bool, list[tuple[float, int]]] = {True: [], False: []}

    def leaves(self, size: int, now: float, *, up: bool) -> float | None:
        self.sent[up].append((round(now, 6), size))
        left = super().leaves(size, now, up=up)
        return None if len(self.sent[up]) in self.victims[up] else left

    def times(self, *, up: bool, data: bool = False) -> list[float]:
        return [at for at, size in self.sent[up] if not data or size > HEADER_BYTES + 8]


@dataclass
class Result:
    near: Listener
    far: Listener
    flow: Flow
    medium: Losing


def send(
    size: int,
    *,
    link: Link | None = None,
    up: Iterable[int] = (),
    down: Iterable[int] = (),
    finish: bool = False,
    accepts: bool = True,
    seconds: float = 3000.0,
) -> Result:
    """Connect, and write ``size`` bytes as soon as the connection stands."""

    async def scenario() -> Result:
        medium = Losing(link or Link(rtt=Constant(RTT)), up, down)
        flow = Flow(medium.path(), asyncio.get_running_loop(), accepts=lambda: accepts)

        def begin() -> None:
            flow.near.write(size)
            if finish:
                flow.near.finish()

        near, far = Listener(begin), Listener()
        flow.near.ear, flow.far.ear = near, far
        flow.open()
        await asyncio.sleep(seconds)
        return Result(near, far, flow, medium)

    result: Result = run_virtual(scenario())
    return result


def test_a_handshake_takes_a_round_trip_and_data_half_of_one() -> None:
    result = send(100)
    assert result.near.at("opened") == [0.1]
    assert result.far.log == [(0.15, "opened", None), (0.15, "arrived", 100)]
    assert result.flow.near.unacknowledged == 0
    assert result.flow.near.retransmissions == 0


@pytest.mark.parametrize(("lost", "opened"), [(1, 1.1), (2, 3.1), (3, 7.1), (4, 15.1)])
def test_a_lost_syn_is_sent_again_after_1_2_4_seconds(lost: int, opened: float) -> None:
    result = send(10, up=range(1, lost + 1))
    assert result.near.at("opened") == [opened]
    assert result.medium.times(up=True)[: lost + 1] == [float(2**n - 1) for n in range(lost + 1)]


def test_a_lost_syn_ack_costs_a_second_too() -> None:
    assert send(10, down=[1]).near.at("opened") == [1.1]


def test_a_handshake_is_given_up_in_the_end() -> None:
    result = send(10, up=range(1, 100))
    assert result.near.log == [(127.0, "lost", "timed out")]
    assert result.flow.syns == 7
    assert not result.far.log


def test_nobody_listens() -> None:
    result = send(10, accepts=False)
    assert result.near.log == [(0.1, "lost", "refused")]


def test_data_completes_a_handshake_whose_last_acknowledgement_is_lost() -> None:
    result = send(100, up=[2])
    assert result.far.log == [(0.15, "opened", None), (0.15, "arrived", 100)]
    # Nothing of the handshake is repeated.
    assert len(result.medium.times(up=False)) == 2


def test_without_data_the_syn_ack_is_repeated() -> None:
    result = send(0, up=[2])
    assert result.far.at("opened") == [1.15]


def test_ten_segments_leave_at_once_and_the_window_doubles_each_round_trip() -> None:
    result = send(60 * MSS)
    times = result.medium.times(up=True, data=True)
    assert [times.count(at) for at in (0.1, 0.2, 0.3)] == [10, 20, 30]
    assert result.far.at("arrived")[-1] == 0.35


def test_after_a_lost_syn_one_segment_leaves_at_first() -> None:
    result = send(20 * MSS, up=[1])
    times = result.medium.times(up=True, data=True)
    assert times.count(1.1) == 1


def test_the_last_segment_lost_costs_the_timeout() -> None:
    # Packets up: 1 SYN, 2 the ACK of the handshake, 3 the data.
    result = send(100, up=[3])
    # Smoothed round trip 100 ms and four times a variation of 50 ms.
    assert result.medium.times(up=True, data=True) == [0.1, pytest.approx(0.4)]
    assert result.far.at("arrived") == [pytest.approx(0.45)]


def test_the_timeout_doubles() -> None:
    result = send(100, up=[3, 4, 5])
    times = result.medium.times(up=True, data=True)
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([0.3, 0.6, 1.2])
    assert result.flow.near.retransmissions == 3


def test_after_a_repeated_syn_data_begins_with_three_seconds() -> None:
    result = send(100, up=[1, 4])
    times = result.medium.times(up=True, data=True)
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([3.0])


def test_three_segments_beyond_a_hole_repeat_it_within_a_round_trip() -> None:
    result = send(10 * MSS, up=[5])  # the third of ten
    assert result.flow.near.retransmissions == 1
    assert result.far.at("arrived")[-1] == pytest.approx(0.25)


def test_two_segments_beyond_a_hole_are_too_few() -> None:
    result = send(3 * MSS, up=[3])
    assert result.far.at("arrived")[-1] == pytest.approx(0.45)


def test_a_loss_halves_the_window() -> None:
    lossless, lossy = send(200 * MSS), send(200 * MSS, up=[5])
    assert lossy.far.at("arrived")[-1] > lossless.far.at("arrived")[-1] + RTT


def test_every_second_segment_is_acknowledged_and_a_single_one_after_40_ms() -> None:
    result = send(5 * MSS)
    acknowledgements = result.medium.times(up=False)[1:]
    assert acknowledgements == [0.15, 0.15, pytest.approx(0.19)]


def test_the_end_comes_after_everything_written() -> None:
    result = send(25 * MSS + 1, up=[4, 9], finish=True)
    kinds = [kind for _, kind, _ in result.far.log]
    assert kinds[-1] == "ended"
    assert result.far.total == 25 * MSS + 1


def test_an_idle_connection_begins_with_a_small_window_again(virtual_time: VirtualTime) -> None:
    async def scenario() -> list[int]:
        medium = Losing(Link(rtt=Constant(RTT)))
        flow = Flow(medium.path(), asyncio.get_running_loop())
        flow.near.ear, flow.far.ear = Listener(lambda: flow.near.write(60 * MSS)), Listener()
        flow.open()
        await asyncio.sleep(0.45)
        bursts = []
        for pause_s in (0.0, 60.0):
            await asyncio.sleep(pause_s)
            now = asyncio.get_running_loop().time()
            flow.near.write(60 * MSS)
            bursts.append(medium.times(up=True, data=True).count(round(now, 6)))
            await asyncio.sleep(0.15)
        return bursts

    warm, cold = virtual_time(scenario())
    assert cold == 10 < warm


def test_a_reset_is_seen_half_a_round_trip_later(virtual_time: VirtualTime) -> None:
    async def scenario() -> Listener:
        flow = Flow(Medium(Link(rtt=Constant(RTT))).path(), asyncio.get_running_loop())
        near, far = Listener(lambda: flow.near.write(10)), Listener()
        flow.near.ear, flow.far.ear = near, far
        flow.open()
        await asyncio.sleep(1.0)
        flow.near.reset()
        await asyncio.sleep(1.0)
        return far

    assert virtual_time(scenario()).log[-1] == (1.05, "lost", "reset")


def test_whoever_writes_to_a_dead_connection_learns_it(virtual_time: VirtualTime) -> None:
    async def scenario() -> Listener:
        medium = Losing(Link(rtt=Constant(RTT)))
        flow = Flow(medium.path(), asyncio.get_running_loop())
        flow.near.ear, flow.far.ear = Listener(lambda: flow.near.write(10)), Listener()
        flow.open()
        await asyncio.sleep(1.0)
        medium.victims[True].add(len(medium.sent[True]) + 1)
        flow.near.reset()  # the packet is lost
        await asyncio.sleep(1.0)
        assert isinstance(flow.far.ear, Listener)
        assert not flow.far.ear.at("lost")
        flow.far.write(5)
        await asyncio.sleep(1.0)
        return flow.far.ear

    assert virtual_time(scenario()).at("lost") == [2.1]


def test_a_dead_link_is_given_up() -> None:
    link = Link(
        rtt=Constant(RTT), outages=(Outage(start_s=0.12, length_s=1e6),), tcp=Tcp(retries=3, max_rto_s=10.0)
    )
    # 0.3 s, then 0.6, 1.2 and 2.4: the third repetition is the last.
    at, kind, reason = send(100, link=link).near.log[-1]
    assert (kind, reason) == ("lost", "timed out")
    assert at == pytest.approx(0.1 + 0.3 + 0.6 + 1.2 + 2.4)


def test_a_rate_is_what_long_transfers_get() -> None:
    size = 400 * MSS
    link = Link(rtt=Constant(RTT), up=Way(rate_bit_s=1e6))
    took = send(size, link=link).far.at("arrived")[-1]
    assert took == pytest.approx(0.15 + size / MSS * 1500 * 8 / 1e6, rel=0.03)


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 60_000),
    rate=st.floats(0, 0.3),
    length=st.floats(1.5, 6),
    seed=st.integers(0, 1000),
    queue=st.sampled_from([None, 1500, 6000]),
)
def test_whatever_is_lost_everything_arrives_once_and_in_order(
    size: int, rate: float, length: float, seed: int, queue: int | None
) -> None:
    async def scenario() -> tuple[Listener, Listener]:
        way = Way(rate_bit_s=1e6, queue_bytes=queue, loss=Loss.bursts(rate, length))
        tcp = Tcp(syn_retries=20, retries=60, max_rto_s=2.0)
        medium = Medium(Link(rtt=Constant(0.05), up=way, down=way, tcp=tcp), seed)
        flow = Flow(medium.path(), asyncio.get_running_loop())

        def begin(half: Any) -> Callable[[], None]:
            def write() -> None:
                half.write(size)
                half.finish()

            return write

        ends = Listener(begin(flow.near)), Listener(begin(flow.far))
        flow.near.ear, flow.far.ear = ends
        flow.open()
        await asyncio.sleep(3000.0)
        assert flow.near.unacknowledged == flow.far.unacknowledged == 0
        return ends

    for end in run_virtual(scenario()):
        assert end.total == size
        assert end.log[-1][1] == "ended"
        totals = [value for _, kind, value in end.log if kind == "arrived"]
        assert totals == sorted(totals)
