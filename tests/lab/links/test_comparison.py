"""Real and virtual time agree: the proxy delivers no byte before the model, and the same losses happen."""

import pytest

from lab.links.comparison import compare
from v2g.net.distributions import LogNormal
from v2g.net.link import Link, Loss, Way

WAY = Way(rate_bit_s=2e6, queue_bytes=30_000, loss=Loss.bursts(0.03, 2))
LINK = Link(rtt=LogNormal(median_s=0.04, sigma=0.4), up=WAY, down=WAY)
ALMOST_S = 0.005
"""Timers of a loop in real time are rounded to a millisecond or so, several of them in a row."""


@pytest.mark.system
def test_nothing_arrives_in_real_time_before_it_does_in_virtual_time() -> None:
    pairs = compare(LINK, range(24))
    early = [pair for pair in pairs if pair.real_s < pair.virtual_s - ALMOST_S]
    # A timer that a busy machine fires late can change which packet is lost, and so save a retransmission.
    assert len(early) <= 2, early
    # What a lost SYN or a lost last segment costs is there both ways.
    slowest = max(pairs, key=lambda pair: pair.virtual_s)
    assert slowest.virtual_s > 0.3
    assert slowest.real_s > 0.3
