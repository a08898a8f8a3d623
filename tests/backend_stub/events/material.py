"""A log, endpoints and a dispatcher on virtual time, with a courier that answers as a test says."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from backend_stub.database import Database
from backend_stub.events import Event, EventType, outbox, record, store
from backend_stub.events.bell import Bell
from backend_stub.events.courier import Reply
from backend_stub.events.dispatcher import Dispatcher, RetryPolicy
from backend_stub.events.interface import Audience, EndpointSettings, RecordedEvent
from backend_stub.events.service import EventDesk
from backend_stub.events.signing import HEADER, is_signed
from pki.entropy import SeededEntropy
from v2g.net.clock import LoopClock
from v2g.net.virtual import run_virtual
from v2g.trace import ListSink, Tracer

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCHEMAS = (outbox.SCHEMA, store.SCHEMA)
URL = "https://hooks.example/a"

PCID = "PNC4XF0EJ21CJ6T2S"
EMAID = "DEPNC1A2B3C4D5U"

T = TypeVar("T")
Answer = Callable[[str, Mapping[str, Any]], Awaitable[int | Exception]]


def created(emaid: str = EMAID, pcid: str = PCID, at: datetime = START) -> Event:
    return Event(EventType.OEM_CONTRACT_CREATED, at, emaid, pcid, {"contractCert": "AAAA"})


@dataclass
class Call:
    """One webhook that arrived."""

    at_s: float
    url: str
    body: Mapping[str, Any]
    raw: bytes
    signature: str

    @property
    def event_id(self) -> str:
        return str(self.body["eventId"])


@dataclass
class ScriptedCourier:
    """Notes every call and answers with what ``answer`` returns: a status, or an exception to raise."""

    clock: LoopClock
    answer: Answer
    calls: list[Call] = field(default_factory=list)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        call = Call(self.clock.monotonic(), url, msgspec.json.decode(body), body, headers[HEADER])
        self.calls.append(call)
        answered = await self.answer(url, call.body)
        if isinstance(answered, Exception):
            raise answered
        return Reply(answered, "because")

    async def close(self) -> None:
        """Do nothing."""

    def to(self, url: str) -> list[Call]:
        return [call for call in self.calls if call.url == url]


@dataclass
class Post:
    """Everything of one run."""

    database: Database
    desk: EventDesk
    courier: ScriptedCourier
    dispatcher: Dispatcher
    clock: LoopClock
    sink: ListSink
    secrets: dict[str, str] = field(default_factory=dict)

    async def subscribe(
        self,
        url: str = URL,
        *types: EventType,
        audience: Audience | None = None,
    ) -> str:
        endpoint, secret = await self.desk.add(EndpointSettings(url, types), audience or Audience())
        self.secrets[url] = secret
        return endpoint.id

    async def happen(self, *events: Event) -> Sequence[RecordedEvent]:
        head = await self.desk.head()
        await self.database.write(lambda connection: record(connection, *events))
        return await self.desk.events(head, 1000)

    async def types(self) -> list[str]:
        return [str(event.type) for event in await self.desk.events(0, 1000)]

    def check_signatures(self) -> None:
        for call in self.courier.calls:
            assert is_signed(call.raw, call.signature, self.secrets[call.url])


async def always_ok(_url: str, _body: Mapping[str, Any]) -> int:
    return 200


def answering(*statuses: int | Exception) -> Answer:
    """Answer with these one after the other, and with the last one from then on."""
    left = list(statuses)

    async def answer(_url: str, _body: Mapping[str, Any]) -> int | Exception:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def on_post(
    target: str | Path,
    work: Callable[[Post], Awaitable[T]],
    answer: Answer = always_ok,
    policy: RetryPolicy | None = None,
) -> T:
    """Run ``work`` on virtual time, with a dispatcher that ``work`` may start."""

    async def run() -> T:
        clock = LoopClock(START)
        sink = ListSink()
        with closing(Database(target)) as database:
            database.create(SCHEMAS)
            bell = Bell(patience_s=600)
            database.on_commit(bell.ring)
            courier = ScriptedCourier(clock, answer)
            tracer = Tracer("backend", sink, clock.now)
            post = Post(
                database,
                EventDesk(database, bell, clock.now, SeededEntropy(1)),
                courier,
                Dispatcher(database, courier, bell, clock.now, tracer, policy),
                clock,
                sink,
            )
            return await work(post)

    return run_virtual(run())


HOUR_S = timedelta(hours=1).total_seconds()
