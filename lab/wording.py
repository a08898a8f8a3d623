"""Figures in words: one way to write milliseconds, bytes, shares and deadlines, for table, report and demo."""

import math

# Below half of its deadline an exchange is fine, up to nine tenths it deserves a look.
LOOK_AT = 0.5
ALMOST_LATE = 0.9
# Shares spread over four decades, so bars are drawn on a logarithmic scale from 0.01 % to 100 %.
SMALLEST_SHARE = 1e-4

NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def milliseconds(seconds: float | None) -> str:
    """Return a duration in milliseconds with three digits that matter: 0.42, 3.1, 31.0, 4,420."""
    if seconds is None:
        return NOTHING
    value = seconds * 1000
    if value < 0.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """Return a duration with its unit, in the unit that fits."""
    if seconds is None:
        return NOTHING
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{milliseconds(seconds)} ms"
    if seconds < 120:
        return f"{seconds:.2f} s".replace(".00 s", " s")
    return f"{seconds / 60:.1f} min"


def limit(seconds: float | None) -> str:
    """Return a deadline: 5 s, 1.5 s, 250 ms, or a dash."""
    if seconds is None:
        return NOTHING
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def share(value: float | None) -> str:
    """Return a used share of a deadline as a percentage with two digits that matter."""
    if value is None:
        return NOTHING
    percent = value * 100
    if percent < 0.01:
        return "<0.01 %"
    if percent < 1:
        return f"{percent:.2f} %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:,.0f} %"


def size(count: int | None) -> str:
    """Return a number of bytes with thousands separated."""
    return NOTHING if count is None else f"{count:,}"


def memory(count: int | None) -> str:
    """Return a number of bytes as megabytes (10^6)."""
    return NOTHING if count is None else f"{count / 1e6:.0f} MB"


def energy(watt_hours: float | None) -> str:
    """Return an energy in Wh or kWh."""
    if watt_hours is None:
        return NOTHING
    if watt_hours < 1000:
        return f"{watt_hours:.0f} Wh" if watt_hours >= 10 else f"{watt_hours:.1f} Wh"
    return f"{watt_hours / 1000:.2f} kWh"


def log_position(value: float, smallest: float = SMALLEST_SHARE) -> float:
    """Return where ``value`` of 0…1 lies on a logarithmic scale that begins at ``smallest``, as 0…1."""
    if value <= smallest:
        return 0.0
    return min(1.0, 1 - math.log10(min(value, 1.0)) / math.log10(smallest))
