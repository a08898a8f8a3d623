"""The commands that look at events, webhook endpoints and mailboxes of a running market."""

# ruff: noqa: N815 - fields are spelled as on the wire

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from backend_stub.client import MarketClient, UsageError
from v2g.identifiers import IdentifierError, Pcid

_ENDPOINTS = "/v1/webhook/endpoints"
_MINIMUM_WIDTH = 120
_SHOWN = ("emaid", "pcid", "commonName", "reason")


class _Events(msgspec.Struct):
    events: list[dict[str, Any]]
    next: int


class _DeadLetters(msgspec.Struct):
    deadLetters: list[dict[str, Any]]


class _Cars(msgspec.Struct):
    vehicles: list[dict[str, Any]]


class _Car(msgspec.Struct):
    pcid: str
    contracts: list[dict[str, Any]]


def list_events(
    url: str,
    ca: Path | None,
    *,
    after: int,
    limit: int,
    types: Sequence[str],
    as_json: bool,
) -> None:
    """Print events, oldest first."""
    with MarketClient(url, ca) as market:
        found = market.get("/v1/events", _Events, after=after, limit=limit, eventType=list(types))
    if as_json:
        print(json.dumps(msgspec.to_builtins(found)))
        return
    for event in found.events:
        print(_sentence(event["sequence"], event))
    print(f"{len(found.events)} events; for what comes then: --after {found.next}")


def follow_events(
    url: str,
    ca: Path | None,
    *,
    after: int | None,
    types: Sequence[str],
    as_json: bool,
) -> None:
    """Print events as they happen, one a line, until interrupted."""
    query: dict[str, Any] = {"eventType": list(types)}
    if after is not None:
        query["after"] = after
    with MarketClient(url, ca) as market:
        for number, event in _events_in(market.lines("/v1/events/stream", **query)):
            line = json.dumps({"sequence": number, **event}) if as_json else _sentence(number, event)
            print(line, flush=True)


def list_endpoints(url: str, ca: Path | None, *, as_json: bool) -> None:
    """Print the webhook endpoints."""
    with MarketClient(url, ca) as market:
        found = market.get(_ENDPOINTS, list[dict[str, Any]])
    _print(found, as_json, "Endpoints", ("id", "status", "url", "position", "failedAttempts", "reason"))


def add_endpoint(
    url: str,
    ca: Path | None,
    *,
    target: str,
    types: Sequence[str],
    description: str,
    as_json: bool,
) -> None:
    """Subscribe a URL and print the endpoint with its secret."""
    body = {"url": target, "enabledEvents": list(types), "description": description}
    with MarketClient(url, ca) as market:
        made = market.post(_ENDPOINTS, body, dict[str, Any])
    if as_json:
        print(json.dumps(made))
    else:
        print(f"endpoint {made['id']} for {made['url']}\nsecret {made['secret']} (shown only now)")


def enable_endpoint(url: str, ca: Path | None, *, id: str, as_json: bool) -> None:  # noqa: A002 - the option
    """Serve an endpoint again."""
    _set_status(url, ca, id, "enabled", as_json=as_json)


def disable_endpoint(url: str, ca: Path | None, *, id: str, as_json: bool) -> None:  # noqa: A002 - the option
    """Serve an endpoint no longer."""
    _set_status(url, ca, id, "disabled", as_json=as_json)


def remove_endpoint(url: str, ca: Path | None, *, id: str, as_json: bool) -> None:  # noqa: A002 - the option
    """Remove an endpoint."""
    with MarketClient(url, ca) as market:
        market.delete(f"{_ENDPOINTS}/{id}")
    print(json.dumps({"removed": id}) if as_json else f"removed endpoint {id}")


def dead_endpoint(url: str, ca: Path | None, *, id: str, as_json: bool) -> None:  # noqa: A002 - the option
    """Print what an endpoint never took."""
    with MarketClient(url, ca) as market:
        found = market.get(f"{_ENDPOINTS}/{id}/deadLetters", _DeadLetters).deadLetters
    if as_json:
        print(json.dumps(found))
        return
    for letter in found:
        print(f"{_sentence(letter['event']['sequence'], letter['event'])}: {letter['reason']}")
    print(f"{len(found)} dead letters")


def list_cars(url: str, ca: Path | None, *, limit: int, as_json: bool) -> None:
    """Print the cars that have contracts."""
    with MarketClient(url, ca) as market:
        found = market.get("/telematics/v1/vehicles", _Cars, limit=limit)
    _print(found.vehicles, as_json, "Cars", ("pcid", "contracts", "waiting"))


def show_car(url: str, ca: Path | None, *, pcid: str, as_json: bool) -> None:
    """Print the contracts of a car."""
    try:
        name = str(Pcid.parse(pcid))
    except IdentifierError as error:
        raise UsageError(f"--pcid: {error}") from error
    with MarketClient(url, ca) as market:
        car = market.get(f"/telematics/v1/contracts/{name}", _Car)
    columns = ("emaid", "state", "defaultContract", "validTo", "reason")
    _print(car.contracts, as_json, f"Contracts of {car.pcid}", columns)


def _set_status(url: str, ca: Path | None, endpoint_id: str, status: str, *, as_json: bool) -> None:
    path = f"{_ENDPOINTS}/{endpoint_id}"
    with MarketClient(url, ca) as market:
        endpoint = market.get(path, dict[str, Any])
        changed = market.put(path, {**endpoint, "status": status}, dict[str, Any])
    print(json.dumps(changed) if as_json else f"endpoint {endpoint_id} is {changed['status']}")


def _events_in(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and content of each event of a text/event-stream."""
    number = 0
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            yield number, json.loads(value)


def _sentence(number: int, event: Mapping[str, Any]) -> str:
    payload = event["payload"]
    facts = "  ".join(str(payload[name]) for name in _SHOWN if payload.get(name))
    return f"{number:>6}  {event['timestamp'][:19]}  {event['eventType']:<34}  {facts}".rstrip()


def _print(rows: Sequence[Mapping[str, Any]], as_json: bool, title: str, columns: Sequence[str]) -> None:
    if as_json:
        print(json.dumps(list(rows)))
        return
    table = Table(title=f"{title} ({len(rows)})", title_justify="left")
    for name in columns:
        table.add_column(name, no_wrap=name != "reason")
    for row in rows:
        table.add_row(*(str(row[name]) for name in columns))
    console = Console()
    console.width = max(console.width, _MINIMUM_WIDTH)  # a pipe has none, and a cut identifier is of no use
    console.print(table)
