"""The commands ``backend-stub events`` and ``backend-stub telematics``: their arguments, nothing heavy."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend_stub.role_cli import address

Client = Callable[[Callable[[], None]], int]
"""Runs what acts on a running market, and returns the exit code."""

_EVENTS_EXAMPLES = """\
examples:
  backend-stub events list --after 0 --limit 20
  backend-stub events follow --type oem.contract.created --json
  backend-stub events endpoints add http://127.0.0.1:9000/hooks --type root.cert.added
  backend-stub events endpoints list
  backend-stub events endpoints dead ID
"""
_TELEMATICS_EXAMPLES = """\
examples:
  backend-stub telematics cars
  backend-stub telematics show --pcid PNC4XF0EJ21CJ6T2S --json
  backend-stub telematics serve --market http://127.0.0.1:8080 --database oem.db --port 8090
      a telematics backend of its own, beside any OPCP market; `evcc ota --telematics http://127.0.0.1:8090`
"""


def add_events(parser: argparse.ArgumentParser, client: Client, common: Callable[[Any], None]) -> None:
    """Add the actions of ``events``; ``common`` adds the options that every client command has."""
    _describe(parser, "What happens in the market: list it, follow it, have it sent.", _EVENTS_EXAMPLES)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = _action(actions, "list", "list events, oldest first", _EVENTS_EXAMPLES)
    listing.add_argument("--after", type=int, default=0, help="only events with a higher number")
    listing.add_argument("--limit", type=int, default=100, help="how many at most (default: %(default)s)")
    listing.set_defaults(run=_run(client, "list_events", "after", "limit", "types"))
    following = _action(actions, "follow", "print events as they happen, until interrupted", _EVENTS_EXAMPLES)
    following.add_argument("--after", type=int, help="where to begin (default: with the next event)")
    following.set_defaults(run=_run(client, "follow_events", "after", "types"))
    for parser_of in (listing, following):
        parser_of.add_argument(
            "--type", dest="types", action="append", default=[], help="only this type; repeatable"
        )
    endpoints = _action(actions, "endpoints", "look after webhook endpoints", _EVENTS_EXAMPLES)
    verbs = endpoints.add_subparsers(required=True, metavar="ACTION")
    every = _action(verbs, "list", "list the endpoints", _EVENTS_EXAMPLES)
    every.set_defaults(run=_run(client, "list_endpoints"))
    adding = _action(verbs, "add", "have events sent to a URL; prints the secret", _EVENTS_EXAMPLES)
    adding.add_argument("target", metavar="URL", help="https, or http on this machine")
    adding.add_argument(
        "--type", dest="types", action="append", default=[], help="only this type; repeatable"
    )
    adding.add_argument("--description", default="", help="for people")
    adding.set_defaults(run=_run(client, "add_endpoint", "target", "types", "description"))
    ones = [every, adding]
    for name, text in (
        ("enable", "serve an endpoint again, from where it stopped"),
        ("disable", "serve an endpoint no longer"),
        ("remove", "remove an endpoint"),
        ("dead", "list what an endpoint never took"),
    ):
        one = _action(verbs, name, text, _EVENTS_EXAMPLES)
        one.add_argument("id", metavar="ID", help="of the endpoint")
        one.set_defaults(run=_run(client, f"{name}_endpoint", "id"))
        ones.append(one)
    for action in (listing, following, *ones):
        common(action)


def add_telematics(
    parser: argparse.ArgumentParser,
    client: Client,
    common: Callable[[Any], None],
    serve: Callable[[argparse.Namespace], int],
) -> None:
    """Add the actions of ``telematics``; ``serve`` runs the process."""
    _describe(
        parser, "The car maker's backend that brings contracts to cars over the air.", _TELEMATICS_EXAMPLES
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    cars = _action(actions, "cars", "list cars with contracts", _TELEMATICS_EXAMPLES)
    cars.add_argument("--limit", type=int, default=50, help="how many at most (default: %(default)s)")
    cars.set_defaults(run=_run(client, "list_cars", "limit"))
    show = _action(
        actions, "show", "list the contracts of a car, and how far each has come", _TELEMATICS_EXAMPLES
    )
    show.add_argument("--pcid", required=True, help="the car")
    show.set_defaults(run=_run(client, "show_car", "pcid"))
    common(cars)
    common(show)
    process = _action(
        actions, "serve", "run a telematics backend as a process of its own", _TELEMATICS_EXAMPLES
    )
    add = process.add_argument
    add("--market", required=True, metavar="URL", help="the OPCP market whose events it hears")
    add("--database", required=True, metavar="FILE|URL", help="where the mailboxes are kept")
    add("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    add("--port", type=int, default=8090, help="port to listen at, 0 for any (default: %(default)s)")
    add(
        "--mode",
        choices=("webhook", "poll", "stream"),
        default="webhook",
        help="how it hears of events (default: %(default)s)",
    )
    add("--poll-s", type=float, default=5.0, help="seconds between two questions (default: %(default)s)")
    add("--wmi", default="", help="only cars whose PCID begins so (default: all)")
    add("--public-url", default="", metavar="URL", help="where the market reaches this process")
    add("--ca", type=Path, metavar="FILE", help="roots to trust for an https market (PEM)")
    add(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="who we are, where the market is closed (default: $PNCLAB_CREDENTIALS)",
    )
    add("--trace", type=Path, metavar="FILE", help="append trace events to this JSONL file")
    add("--json", action="store_true", help="print the ready line as a JSON object")
    add("-v", "--verbose", action="store_true", help="log what helps to find a fault")
    process.set_defaults(run=serve)


def _action(actions: Any, name: str, text: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text)
    _describe(parser, text, examples)
    return parser


def _describe(parser: argparse.ArgumentParser, text: str, examples: str) -> None:
    parser.description = text
    parser.epilog = examples
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def _run(client: Client, function: str, *names: str) -> Callable[[argparse.Namespace], int]:
    """Return what runs a function of :mod:`backend_stub.path_a_commands` with these options."""

    def run(options: argparse.Namespace) -> int:
        from backend_stub import path_a_commands  # noqa: PLC0415 - nothing heavy before the command is known

        values = {name: getattr(options, name) for name in names}
        command = getattr(path_a_commands, function)
        return client(lambda: command(address(options), options.ca, as_json=options.json, **values))

    return run
