"""What ``pnclab link`` does."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from lab import wording
from lab.link_cli import figures
from lab.links import quantities
from lab.links.control import Control, ControlError, Request, Status, ask, status
from lab.links.presets import Preset, PresetError, preset, presets
from lab.links.proxy import ConnectionRecord, Proxy, ProxyError
from lab.links.quantities import QuantityError, link_of
from v2g.endpoint import Endpoint
from v2g.net.distributions import Delay
from v2g.net.link import Link, Loss, Way
from v2g.net.medium import WayCounts

EXIT_OK, EXIT_BAD_INPUT, EXIT_CANNOT_LISTEN = 0, 2, 3


def show_presets(options: argparse.Namespace) -> int:
    """Print presets with their sources."""
    known = presets()
    chosen = options.name or list(known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        return _bad_input(PresetError(unknown[0], tuple(known)))
    if options.json:
        print(msgspec.json.encode({name: known[name] for name in chosen}).decode())
        return EXIT_OK
    console = Console(highlight=False)
    console.print(_overview({name: known[name] for name in chosen}))
    for name in chosen:
        console.print(f"[bold]{name}[/]: {known[name].about}")
        for source in known[name].sources:
            console.print(f"  {source.figures}: {source.source}", style="bright_black", markup=False)
            if source.url:
                console.print(f"    {source.url}", style="bright_black", markup=False, soft_wrap=True)
    return EXIT_OK


def _overview(chosen: Mapping[str, Preset]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("link", "RTT", "95 %", "up bit/s", "down bit/s", "loss", "outages"):
        table.add_column(heading, no_wrap=True)
    for name, one in chosen.items():
        link = one.link
        table.add_row(
            name,
            *(wording.duration(link.rtt.quantile(share)) for share in (0.5, 0.95)),
            *(_rate(way.rate_bit_s).replace(" ", "").removesuffix("bit/s") for way in (link.up, link.down)),
            " / ".join(dict.fromkeys(_loss_in_words(way) for way in (link.up, link.down))),
            "; ".join(
                f"{o.length_s:g} s" + ("" if o.every_s is None else f"/{o.every_s:g} s") for o in link.outages
            )
            or wording.NOTHING,
        )
    return table


def _loss_in_words(way: Way) -> str:
    return wording.share(way.loss.rate) if way.loss.rate else wording.NOTHING


def _rate(bits: float | None) -> str:
    if bits is None:
        return "no limit"
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bits >= size:
            return f"{bits / size:g} {unit}"
    return f"{bits:g} bit/s"


def run(options: argparse.Namespace) -> int:
    """Run the proxy until SIGINT or SIGTERM."""
    try:
        listen, target = Endpoint.parse(options.listen), Endpoint.parse(options.to)
        control = None if options.control == "off" else Endpoint.parse(options.control)
        base = Link(name="custom") if options.preset is None else preset(options.preset)
        link = link_of(base, _changes(base, figures(options)))
        toxics = [quantities.toxic(text) for text in options.toxic]
    except (ValueError, PresetError, QuantityError) as error:
        return _bad_input(error)

    async def serve() -> int:
        proxy = Proxy(
            target, link, toxics=toxics, seed=options.seed, on_end=_Told(as_json=options.json).connection
        )
        async with proxy, Control(proxy) as door:
            await proxy.listen(listen)
            if control is not None:
                await door.listen(control)
            stopping = _signals()
            _say_ready(proxy, door.address, as_json=options.json)
            await stopping.wait()
        _say_end(status(proxy), as_json=options.json)
        return EXIT_OK

    try:
        return asyncio.run(serve())
    except ProxyError as error:
        _bad_input(error)
        return EXIT_CANNOT_LISTEN


def change(options: argparse.Namespace) -> int:
    """Change a running link, and print how it is now."""
    try:
        at = Endpoint.parse(options.at)
        given = figures(options)
        current = _asked(at, Request(do="status"))
        base = current.link if options.preset is None else preset(options.preset)
        toxics = [msgspec.to_builtins(quantities.toxic(text)) for text in options.toxic]
        request = Request(
            do="set",
            preset=options.preset,
            link=_changes(base, given),
            toxics=toxics if toxics or options.no_toxics else None,
        )
        now = _asked(at, request)
        if options.reset:
            now = _asked(at, Request(do="reset"))
    except (ValueError, ControlError, PresetError, QuantityError) as error:
        return _bad_input(error)
    _print_status(now, as_json=options.json)
    return EXIT_OK


def show_status(options: argparse.Namespace) -> int:
    """Print how a running link is."""
    try:
        now = _asked(Endpoint.parse(options.at), Request(do="status"))
    except (ValueError, ControlError) as error:
        return _bad_input(error)
    _print_status(now, as_json=options.json)
    return EXIT_OK


def _asked(at: Endpoint, request: Request) -> Status:
    return asyncio.run(ask(at, request))


def _changes(base: Link, given: Mapping[str, str]) -> dict[str, Any]:
    """Return figures as they stand on the command line as changes of ``base``; raises QuantityError."""
    changes: dict[str, Any] = {}
    for name, factor in (("rtt", 1), ("delay", 2)):
        if name in given:
            changes["rtt"] = _constant(factor * quantities.seconds(given[name]))
    if "jitter" in given:
        widest = quantities.seconds(given["jitter"])
        changes["jitter"] = {"kind": "quantiles", "points": [[0, 0.0], [1, widest]]}
    if "dns" in given:
        changes["dns"] = _constant(quantities.seconds(given["dns"]))
    if "mtu" in given:
        changes["mtu"] = quantities.size(given["mtu"])
    if "outage" in given:
        changes["outages"] = [_outage(given["outage"])]
    for direction, way in (("up", base.up), ("down", base.down)):
        changed: dict[str, Any] = {}
        if direction in given:
            changed["rate_bit_s"] = quantities.bit_rate(given[direction])
        if "queue" in given:
            changed["queue_bytes"] = quantities.size(given["queue"])
        if "loss" in given or "burst" in given:
            changed["loss"] = msgspec.to_builtins(_loss(way, given))
        if changed:
            changes[direction] = changed
    return changes


def _constant(seconds: float) -> dict[str, Any]:
    return {"kind": "constant", "value_s": seconds}


def _loss(way: Way, given: Mapping[str, str]) -> Loss:
    rate = quantities.share(given["loss"]) if "loss" in given else way.loss.rate
    try:
        return Loss.bursts(rate, float(given["burst"])) if "burst" in given else Loss.independent(rate)
    except ValueError as error:
        raise QuantityError(f"--loss, --burst: {error}") from error


def _outage(text: str) -> dict[str, Any]:
    times, _, every = text.partition("/")
    start, plus, length = times.partition("+")
    if not plus:
        raise QuantityError(f"--outage {text!r} is not START+LENGTH[/EVERY], such as 10s+2s/60s")
    outage = {"start_s": quantities.seconds(start), "length_s": quantities.seconds(length)}
    return outage | ({"every_s": quantities.seconds(every)} if every else {})


def _signals() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop instead
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


# --- telling ----------------------------------------------------------------------------------------------


class _Told:
    """Tells of each connection that has ended."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def connection(self, record: ConnectionRecord) -> None:
        if self._as_json:
            _line({"connection": msgspec.to_builtins(record)})
            return
        repeated = f", {record.retransmissions} sent again" if record.retransmissions else ""
        print(
            f"connection {record.number} from {record.peer}: {record.seconds:.2f} s, {record.bytes_up:,} bytes up, "
            f"{record.bytes_down:,} down{repeated}; {record.ended}",
            flush=True,
        )


def _say_ready(proxy: Proxy, control: str, *, as_json: bool) -> None:
    if as_json:
        ready = {"ready": True, "address": proxy.address, "target": str(proxy.target), "control": control}
        _line(ready | {"link": msgspec.to_builtins(proxy.link)})
        return
    print(f"{proxy.address} passes on to {proxy.target}: {_in_words(proxy.link)}")
    if control:
        print(f"control at {control}", flush=True)


def _say_end(now: Status, *, as_json: bool) -> None:
    if as_json:
        _line({"ended": msgspec.to_builtins(now)})
    else:
        _print_counts(now)


def _print_status(now: Status, *, as_json: bool) -> None:
    if as_json:
        _line(msgspec.to_builtins(now))
        return
    print(f"{now.address} → {now.target}, {wording.duration(now.elapsed_s)}: {_in_words(now.link)}")
    for toxic in now.toxics:
        print(f"  toxic {msgspec.json.encode(toxic).decode()}")
    _print_counts(now)
    for record in now.open:
        print(
            f"  connection {record.number} from {record.peer}: {record.seconds:.1f} s, "
            f"{record.bytes_up:,} bytes up, {record.bytes_down:,} down"
        )


def _print_counts(now: Status) -> None:
    totals = now.totals
    print(
        f"{totals.connections} connections, {len(now.open)} open, {totals.refused} refused, "
        f"{totals.failed} without an answer from {now.target}"
    )
    for name, counts in (("up", now.up), ("down", now.down)):
        print(f"  {name:<4} {_counts(counts)}")


def _counts(counts: WayCounts) -> str:
    return (
        f"{counts.packets:,} packets, {counts.bytes:,} bytes; {counts.lost:,} lost, "
        f"{counts.overflowed:,} dropped by a full queue, {counts.cut_off:,} in outages"
    )


def _in_words(link: Link) -> str:
    ways = ", ".join(
        f"{name} {_rate(way.rate_bit_s)}"
        + (f" with {wording.share(way.loss.rate)} loss" if way.loss.rate else "")
        for name, way in (("up", link.up), ("down", link.down))
    )
    return f"{link.name}, round trip {_spread(link.rtt)}, {ways}"


def _spread(delay: Delay) -> str:
    middle, most = delay.quantile(0.5), delay.quantile(0.95)
    return wording.duration(middle) + ("" if middle == most else f" (95 %: {wording.duration(most)})")


def _line(value: object) -> None:
    print(msgspec.json.encode(value).decode(), flush=True)


def _bad_input(error: Exception) -> int:
    print(f"pnclab link: {error}", file=sys.stderr)
    return EXIT_BAD_INPUT
