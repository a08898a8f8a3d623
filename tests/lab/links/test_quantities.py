"""Quantities, toxics and changes as people write them."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.links import quantities
from lab.links.presets import Preset, PresetError, preset, presets
from lab.links.quantities import QuantityError, link_of, toxic
from v2g.net.distributions import Constant
from v2g.net.link import Link, Loss, Way
from v2g.net.toxics import TOXICS, Direction, Drip, Reset


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (quantities.seconds, "100ms", 0.1),
        (quantities.seconds, "1.5 s", 1.5),
        (quantities.seconds, "2min", 120.0),
        (quantities.seconds, "500us", 0.0005),
        (quantities.bit_rate, "20kbit", 20e3),
        (quantities.bit_rate, "12Mbit/s", 12e6),
        (quantities.bit_rate, "1Gbps", 1e9),
        (quantities.bit_rate, "300bit", 300.0),
        (quantities.size, "1500", 1500),
        (quantities.size, "64kB", 64_000),
        (quantities.size, "2KiB", 2048),
        (quantities.share, "1.5%", 0.015),
        (quantities.share, "0.25", 0.25),
    ],
)
def test_quantities(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (quantities.seconds, "100"),
        (quantities.seconds, "-1s"),
        (quantities.seconds, "ms"),
        (quantities.bit_rate, "20kB"),
        (quantities.size, "20kbps"),
        (quantities.size, "1.5"),
        (quantities.share, "101%"),
        (quantities.share, "nan"),
    ],
)
def test_what_is_no_quantity_is_told(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(QuantityError, match=text):
        read(text)


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_the_one_error(text: str) -> None:
    for read in (quantities.seconds, quantities.bit_rate, quantities.size, quantities.share, toxic):
        try:
            read(text)
        except QuantityError:
            continue


def test_toxics() -> None:
    assert toxic("reset,after=2kB,direction=down") == Reset(after_bytes=2000, direction=Direction.DOWN)
    assert toxic("drip,size=3,every=100ms,connection=2") == Drip(size=3, every_s=0.1, connection=2)
    for text, reason in (
        ("duplicate", "there is no toxic 'duplicate'; there are late"),
        ("reset,when=5", "no setting of reset"),
        ("reset,after", "no setting of reset"),
        ("late", "missing required field `delay_s`"),
        ("drip,size=0", "size must be at least 1"),
        ("reset,direction=left", "Invalid enum value 'left'"),
    ):
        with pytest.raises(QuantityError, match=reason):
            toxic(text)


def test_changes_go_into_tables_and_replace_distributions() -> None:
    base = Link(rtt=Constant(1.0), up=Way(rate_bit_s=5.0, loss=Loss.bursts(0.1, 2)))
    changed = link_of(base, {"up": {"loss": {"good": 0.5}}, "rtt": {"kind": "constant", "value_s": 2.0}})
    assert changed.up == Way(rate_bit_s=5.0, loss=Loss.independent(0.5))
    assert changed.rtt == Constant(2.0)
    with pytest.raises(QuantityError, match=r"link: .*unknown field `wind`"):
        link_of(base, {"up": {"wind": 1}})


# --- presets ----------------------------------------------------------------------------------------------


def test_there_is_a_preset_for_every_link_of_interest() -> None:
    wanted = {
        "office-lan", "lte-good", "lte-edge", "nb-iot", "2g-congested", "satellite-geo", "satellite-leo", "homeplug-gp",
    }  # fmt: skip
    assert set(presets()) == wanted
    with pytest.raises(PresetError, match="there is no preset 'lte'; there are office-lan"):
        preset("lte")


@pytest.mark.parametrize("name", presets())
def test_every_figure_of_a_preset_has_a_source_or_is_called_an_assumption(name: str) -> None:
    one: Preset = presets()[name]
    assert one.link.name == name
    assert one.about
    said = " ".join(source.figures for source in one.sources)
    for figure in ("rtt", "rate", "queue"):
        assert figure in said
    if one.link.up.loss.rate:
        assert "loss" in said
    assert any(not source.source.startswith("assumption") for source in one.sources)
    assert one.link.rtt.mean() > 0
    assert msgspec.convert(msgspec.to_builtins(one.link), Link) == one.link


def test_the_registry_of_toxics_is_complete() -> None:
    assert set(TOXICS) == {"late", "bandwidth", "drip", "outage", "reset", "truncate", "silence"}
