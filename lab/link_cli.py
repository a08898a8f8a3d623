"""The command line of ``pnclab link``; what it does is in :mod:`lab.links`, loaded when it is called."""

import argparse
from typing import Any

_DESCRIPTION = """\
A link as a process: a proxy for TCP streams with the delay, jitter, loss, rate and outages of a mobile network, a
satellite or a power line. Put it before any backend, charger or car; no root is needed.
"""

_EPILOG = """\
examples:
  pnclab link presets
  pnclab link run --to 127.0.0.1:8080 --preset lte-edge --seed 7
  pnclab link set 127.0.0.1:4711 --loss 5% --toxic silence,after=2kB,direction=down
  pnclab link status 127.0.0.1:4711
"""

_RUN = """\
Listen, and pass every connection on to another address over a modelled link. One line says where; --json makes it
an object with ready, address, control. Each connection that ends is told, and the sum at the end (Ctrl-C).

A figure given beside --preset changes the preset. What is lost costs the time of TCP's retransmission. Bytes are never
duplicated or reordered: TCP hides that. UDP, and so SDP, is not passed on: give the car the proxy's address.
"""

_RUN_EPILOG = """\
examples:
  pnclab link run --to 127.0.0.1:8080 --preset nb-iot
  pnclab link run --listen [::1]:9000 --to [::1]:8080 --delay 100ms --jitter 20ms --loss 1% --down 20kbit
  pnclab link run --to 127.0.0.1:8080 --toxic drip,size=10,every=500ms,direction=down

toxics (each also takes direction=up|down|both, connection=N):
  late,delay=2s,spread=1s      outage,start=5s,length=3s,every=60s     reset,after=2kB
  bandwidth,rate=20kbit        drip,size=1,every=1s                    truncate,after=2kB    silence,after=0

exit codes: 0 ended in order, 2 wrong usage, 3 cannot listen, 130 interrupted before it listened
"""

_FIGURES = ("delay", "rtt", "jitter", "loss", "burst", "up", "down", "queue", "mtu", "dns", "outage")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``link`` with its commands. The chosen one stands in ``run``: Namespace → exit code."""
    parser = commands.add_parser(
        "link",
        help="a proxy that is a mobile link, a satellite or a power line; its presets and faults",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    shown = verbs.add_parser(
        "presets",
        help="the links there are, with their figures and where those come from",
        epilog="example: pnclab link presets --json",
    )
    shown.add_argument("name", nargs="*", metavar="NAME", help="only these (default: all)")
    shown.add_argument("--json", action="store_true", help="print one JSON object")
    shown.set_defaults(run=lambda options: _commands().show_presets(options))

    run = verbs.add_parser(
        "run",
        help="listen, and pass connections on over a link",
        description=_RUN,
        epilog=_RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--listen", default="127.0.0.1:0", metavar="ADDR", help="where to listen (default: %(default)s)"
    )
    run.add_argument("--to", required=True, metavar="ADDR", help="where connections go, as HOST:PORT")
    _add_figures(run)
    run.add_argument("--seed", default="0", metavar="TEXT", help="repeats the draws (default: %(default)s)")
    run.add_argument(
        "--control",
        default="127.0.0.1:0",
        metavar="ADDR",
        help="loopback address for `link set` and `link status`, or off (default: a free port)",
    )
    run.add_argument("--json", action="store_true", help="print JSON lines instead of text")
    run.set_defaults(run=lambda options: _commands().run(options))

    change = verbs.add_parser(
        "set",
        help="change the figures or toxics of a running link",
        description="Change a running link. What is not given stays; toxics given replace those that were there.",
        epilog="example: pnclab link set 127.0.0.1:4711 --preset satellite-geo --no-toxics",
    )
    change.add_argument("at", metavar="CONTROL", help="the control address that `link run` printed")
    _add_figures(change)
    change.add_argument("--no-toxics", action="store_true", help="take all toxics away")
    change.add_argument("--reset", action="store_true", help="reset every open connection")
    change.add_argument("--json", action="store_true", help="print the link as one JSON object")
    change.set_defaults(run=lambda options: _commands().change(options))

    status = verbs.add_parser(
        "status",
        help="figures, toxics, counts and connections of a running link",
        epilog="example: pnclab link status 127.0.0.1:4711 --json",
    )
    status.add_argument("at", metavar="CONTROL", help="the control address that `link run` printed")
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.set_defaults(run=lambda options: _commands().show_status(options))


def _add_figures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", metavar="NAME", help="a link of `pnclab link presets`")
    latency = parser.add_mutually_exclusive_group()
    latency.add_argument("--delay", metavar="TIME", help="one-way delay, such as 100ms")
    latency.add_argument("--rtt", metavar="TIME", help="round-trip time, such as 200ms")
    parser.add_argument("--jitter", metavar="TIME", help="each packet up to this much later, drawn evenly")
    parser.add_argument("--loss", metavar="SHARE", help="share of packets lost each way, such as 1%%")
    parser.add_argument("--burst", metavar="N", help="lost packets come in bursts of N on average")
    parser.add_argument("--up", metavar="RATE", help="rate towards the target, such as 20kbit")
    parser.add_argument("--down", metavar="RATE", help="rate back, such as 1Mbit")
    parser.add_argument("--queue", metavar="SIZE", help="queue before each way, such as 64kB")
    parser.add_argument("--mtu", metavar="SIZE", help="largest packet in bytes")
    parser.add_argument("--dns", metavar="TIME", help="what a name costs before each connection")
    parser.add_argument(
        "--outage",
        metavar="START+LENGTH[/EVERY]",
        help="nothing passes from START for LENGTH, again EVERY: 10s+2s/60s",
    )
    parser.add_argument(
        "--toxic", action="append", default=[], metavar="TOXIC", help="a fault of the streams; repeatable"
    )


def figures(options: argparse.Namespace) -> dict[str, str]:
    """Return the figures that were given, as text."""
    values: dict[str, Any] = vars(options)
    return {name: values[name] for name in _FIGURES if values[name] is not None}


def _commands() -> Any:
    from lab.links import commands  # noqa: PLC0415 - each command loads what it needs

    return commands
