"""Sessions, exchanges and their parts as the traces of three processes tell them."""

from dataclasses import replace
from typing import Any

import pytest

from lab.model import CAR, CHARGER, HopTurn, Outcome, Place, Run, Turn
from lab.runs import build
from lab.trace_file import Event, Trace
from tests.lab import synthetic


def run_of(events: list[Event]) -> Run:
    return build(Trace(tuple(sorted(events, key=lambda event: event.t))))


def test_the_demo_has_two_sessions() -> None:
    run = run_of(synthetic.demo_run())
    first, second = run.sessions
    assert (first.number, first.outcome, first.installed) == (1, Outcome.OK, True)
    assert (second.number, second.outcome, second.installed) == (2, Outcome.OK, False)
    assert first.emaid == second.emaid == synthetic.EMAID
    assert first.energy_wh == 109.8
    assert len(first.exchanges) == 18
    assert run.installing is first
    assert second.installation is None


def test_exchanges_know_their_deadline_and_share() -> None:
    first = run_of(synthetic.demo_run()).sessions[0]
    exchange = first.installation
    assert exchange is not None
    assert (exchange.elapsed_s, exchange.limit_s, exchange.limit_name) == (0.031, 5, "V2G_EVCC_Msg_Timeout")
    assert exchange.share == pytest.approx(0.0062)
    assert not exchange.failed
    assert exchange.request is not None
    assert exchange.response is not None
    assert (exchange.request.size, exchange.response.size) == (1020, 4364)


def test_the_installation_is_split_along_its_way() -> None:
    exchange = run_of(synthetic.demo_run()).sessions[0].installation
    assert exchange is not None
    parts = dict(exchange.split())
    assert parts[Place.LINK] == pytest.approx(0.005)
    assert parts[Place.CHARGER] == pytest.approx(0.006)
    assert parts[Place.HTTP] == pytest.approx(0.009)
    assert parts[Place.POOL] == pytest.approx(0.011)
    assert sum(parts.values()) == pytest.approx(exchange.elapsed_s)
    assert exchange.before_s == pytest.approx(0.001, abs=1e-6)
    assert exchange.after_s == pytest.approx(0.0044, abs=1e-6)


def test_without_the_markets_trace_the_call_is_one_part() -> None:
    events = [event for event in synthetic.demo_run() if event.role != "backend"]
    exchange = run_of(events).sessions[0].installation
    assert exchange is not None
    assert [place for place, _ in exchange.split()] == [Place.LINK, Place.CHARGER, Place.HTTP]


def test_without_the_chargers_trace_there_is_no_split() -> None:
    events = [event for event in synthetic.demo_run() if event.role == CAR]
    first = run_of(events).sessions[0]
    assert first.installation is not None
    assert first.installation.split() == ()
    assert len(first.exchanges) == 18


def test_the_timeline_holds_messages_calls_and_events_in_order() -> None:
    first = run_of(synthetic.demo_run()).sessions[0]
    times = [entry.t for entry in first.timeline]
    assert times == sorted(times)
    assert sum(isinstance(entry, Turn) for entry in first.timeline) == 36
    hops = [entry for entry in first.timeline if isinstance(entry, HopTurn)]
    assert [hop.outbound for hop in hops] == [True, False]
    kinds = [event.kind for event in first.events]
    assert kinds.count("signature.verified") == 3  # charger, market, car
    assert "contract.installed" in kinds


def test_a_foreign_cars_session_is_told_by_the_charger() -> None:
    events = [event for event in synthetic.demo_run() if event.role == CHARGER]
    sessions = run_of(events).sessions
    assert [session.role for session in sessions] == [CHARGER, CHARGER]
    exchange = sessions[0].installation
    assert exchange is not None
    assert (exchange.elapsed_s, exchange.limit_s) == (0.026, 4.5)
    assert [place for place, _ in exchange.split()] == [Place.LINK, Place.CHARGER, Place.HTTP]


def test_sessions_behind_a_proxy_are_matched_by_their_id() -> None:
    def moved(event: Event) -> Event:
        if event.kind != "tcp.accepted":
            return event
        return replace(event, fields={**event.fields, "peer": "[::1]:9"})

    events = [moved(event) for event in synthetic.demo_run()]
    run = run_of(events)
    assert [session.role for session in run.sessions] == [CAR, CAR]
    assert all(exchange.served is not None for exchange in run.sessions[0].exchanges)


def test_two_cars_at_once_do_not_mix() -> None:
    one = synthetic.demo_run()
    clock = synthetic.Recorder(synthetic.Clock(synthetic.START + 0.001), {})
    clock.car, clock.connection = "car-9", 9
    synthetic.installing_session(clock)
    two = [
        replace(event, fields={**event.fields, **_moved_address(event)}) if event.role != "backend" else event
        for event in clock.events
    ]
    run = run_of([*one, *two])
    assert len(run.sessions) == 3
    for session in run.sessions:
        assert all(exchange.served is not None for exchange in session.exchanges)
        assert [exchange.failed for exchange in session.exchanges] == [False] * len(session.exchanges)


def _moved_address(event: Event) -> dict[str, Any]:
    return {"tcp.accepted": {"peer": "[::1]:7"}, "tcp.connected": {"local": "[::1]:7"}}.get(event.kind, {})


def test_a_refused_installation() -> None:
    run = run_of(synthetic.failing_run())
    session = run.sessions[0]
    assert session.outcome is Outcome.FAILED
    assert session.reason == "CertificateInstallationRes: FAILED"  # the error's sentence, not the stable word
    exchange = session.installation
    assert exchange is not None
    assert exchange.failed
    assert exchange.response is not None
    assert exchange.response.response_code == "FAILED"
    assert [event.kind for event in session.failures] == ["backend.failed", "error"]


def test_a_request_without_response_says_why() -> None:
    session = run_of(synthetic.silent_run()).sessions[0]
    last = session.exchanges[-1]
    assert last.response is None
    assert last.failed
    assert last.elapsed_s == pytest.approx(2.0)
    assert last.limit_s == 2.0
    assert last.share == pytest.approx(1.0)
    assert last.failure == "V2G_EVCC_Msg_Timeout_SessionSetup ran out after 2 s"


def test_a_trace_that_stops_in_the_middle_is_an_unfinished_session() -> None:
    events = [event for event in synthetic.demo_run() if event.role == CAR]
    cut = next(i for i, event in enumerate(events) if event.fields.get("name") == "AuthorizationReq")
    session = run_of(events[: cut + 1]).sessions[0]
    assert session.outcome is Outcome.UNFINISHED
    assert session.exchanges[-1].request is not None
    assert session.exchanges[-1].response is None


def test_processes_are_described_by_their_first_and_last_event() -> None:
    processes = {process.name: process for process in run_of(synthetic.demo_run()).processes}
    assert set(processes) == {"market", "charger", "car-1", "car-2"}
    assert processes["charger"].peak_rss_bytes == 61_000_000
    assert processes["charger"].exit_code == 0
    assert processes["car-1"].exi_engine == "python"
    assert processes["car-1"].version == "0.1.0"


def test_an_empty_trace_is_an_empty_run() -> None:
    run = build(Trace(()))
    assert (run.sessions, run.processes, run.installing) == ((), (), None)


@pytest.mark.parametrize(
    "kind", ["message.sent", "message.received", "backend.response", "session.ended", "charging"]
)
def test_events_without_fields_do_no_harm(kind: str) -> None:
    events = [
        Event(1.0, "evcc", "tcp.connected", 1),
        Event(2.0, "evcc", kind, 1),
        Event(3.0, "secc", kind, 1),
    ]
    run = run_of(events)
    assert len(run.sessions) >= 1
