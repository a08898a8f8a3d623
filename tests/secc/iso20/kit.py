"""What the tests of ISO 15118-20 share: a charger, a source of bundles, and sessions without I/O."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import exi
from exi.schema import XsdType
from pki.keys import SigningKey
from secc.charger import Charger, Trust
from secc.errors import BundleError
from secc.iso20 import AC, DC
from secc.iso20.context import Iso20Context
from secc.iso20.states import State
from secc.protocol import Protocol
from secc.run import station_of
from secc.session import Answer, Session
from secc.sources import Bundles, BundleSource, Wanted
from secc.table import Errand
from tests.secc import kit as common
from tests.secc.iso20 import messages
from tests.secc.iso20.market import market20
from v2g.messages.iso20.common_types import Processing
from v2g.net.clock import Clock
from v2g.services import ControlMode, ServiceId
from v2g.timing import Deadline
from v2g.trace import ListSink, Tracer


@dataclass
class Source20:
    """A bundle source that waits for ``delay_s`` and delivers ``outcome``; it remembers what it was asked."""

    outcome: Bundles | BundleError = ()
    delay_s: float = 0.0
    wanted: list[Wanted] = field(default_factory=list)
    budgets_s: list[float] = field(default_factory=list)
    cancelled: int = 0

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        self.wanted.append(wanted)
        self.budgets_s.append(deadline.remaining(asyncio.get_running_loop().time()))
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.outcome, BundleError):
            raise self.outcome
        return self.outcome or market20().bundles()

    async def prepare(self, deadline: Deadline) -> None:
        return

    async def close(self) -> None:
        return


def make_charger(
    changes: dict[str, Any] | None = None, *, clock: Clock | None = None, source: BundleSource | None = None
) -> Charger:
    """Return a charger with AC and DC outlets that trusts both test markets."""
    pki = market20().pki
    charger = common.make_charger(changes, clock=clock, source=source or Source20())
    charger.station = station_of(charger.config, charger.clock)
    charger.trust20 = Trust(
        mo=(pki["mo_root"].certificate,),
        v2g=(pki["v2g_root"].certificate,),
        oem=(pki["oem_root"].certificate,),
    )
    return charger


@dataclass
class Desk:
    """A session without any I/O: requests in, answers out."""

    protocol: Protocol = AC
    charger: Charger = field(default_factory=make_charger)
    secure: bool = True
    sink: ListSink = field(default_factory=ListSink)

    def __post_init__(self) -> None:
        tracer = Tracer("secc", self.sink, self.charger.clock.now)
        context = self.protocol.context(charger=self.charger, tracer=tracer, secure=self.secure)
        assert isinstance(context, Iso20Context)
        self.context = context
        self.session = Session(self.protocol, context)

    @property
    def state(self) -> Any:
        return self.session.state

    def send(
        self,
        body: XsdType,
        *,
        key: SigningKey | None = None,
        session_id: bytes | None = None,
        outcome: Bundles | BundleError | None = None,
        still_away: bool = False,
    ) -> Answer:
        """Hand a request over, signed with ``key``; an errand brings ``outcome``, or is still away."""
        edition = self.protocol.edition
        own = self.context.session_id or bytes(8)
        now = int(self.charger.clock.now().timestamp())
        message = messages.message_of(own if session_id is None else session_id, body, key, now)
        schema = edition.schemas[edition.payload_type(message)]
        data = exi.encode(message, schema)
        received = exi.decode(data, schema)
        assert isinstance(received, XsdType)
        result = self.session.handle(received, data, self.charger.clock.monotonic())
        if isinstance(result, Errand):
            result = self.session.resume(None if still_away else outcome or market20().bundles())
        answer_schema = edition.schemas[result.payload_type]
        assert exi.decode(exi.encode(result.message, answer_schema), answer_schema) == result.message
        return result

    def ask(self, body: XsdType, **options: Any) -> Any:
        """Like :meth:`send`, but return the response, which must be positive."""
        answer = self.send(body, **options)
        assert not answer.refused, answer.refused
        return answer.message

    def reach(self, state: State, **choice: Any) -> "Desk":
        """Go the shortest way to a state."""
        for name, step in steps(self.protocol, **choice):
            if self.session.state is state:
                return self
            assert name is self.session.state, f"{self.session.state} instead of {name}"
            step(self)
        assert self.session.state is state, self.session.state
        return self

    def wait(self, seconds: float) -> None:
        assert isinstance(self.charger.clock, common.HandClock)
        self.charger.clock.elapsed_s += seconds


Step = Callable[[Desk], object]
SERVICES = {
    (AC.key, False): ServiceId.AC,
    (AC.key, True): ServiceId.AC_BPT,
    (DC.key, False): ServiceId.DC,
    (DC.key, True): ServiceId.DC_BPT,
}


def steps(
    protocol: Protocol, *, dynamic: bool = False, both_ways: bool = False, install: bool = False
) -> list[tuple[State, Step]]:
    """Return the way of a car through the states: the state, and the request that it sends there."""
    contract, car = market20().contract.signer(), market20().car.provisioning.signer()
    service = SERVICES[protocol.key, both_ways]
    mode = ControlMode.DYNAMIC if dynamic else ControlMode.SCHEDULED
    start = (
        messages.delivery(given=messages.profile(dynamic=True))
        if dynamic
        else messages.delivery(given=messages.profile())
    )

    def authorize(desk: Desk) -> object:
        return desk.ask(messages.by_contract(desk.context.challenge), key=contract)

    identify: list[tuple[State, Step]] = [(State.CONTRACT, authorize)]
    if install:
        identify = [
            (State.CONTRACT, lambda d: d.ask(market20().installation_request(), key=car)),
            (State.AUTHORIZATION, authorize),
        ]
    before = [
        (State.SESSION_SETUP, lambda d: d.ask(messages.setup())),
        (State.AUTHORIZATION_SETUP, lambda d: d.ask(messages.authorization_setup())),
        *identify,
        (State.SERVICE_DISCOVERY, lambda d: d.ask(messages.discovery())),
        (State.SERVICE_SELECTION, lambda d: d.ask(messages.selection(service, int(mode)))),
    ]
    if protocol.key == AC.key:
        return [
            *before,
            (State.CHARGE_PARAMETERS, lambda d: d.ask(messages.ac_parameters(both_ways=both_ways))),
            (State.SCHEDULE, lambda d: d.ask(messages.schedule(dynamic=dynamic))),
            (State.POWER_DELIVERY, lambda d: d.ask(start)),
            (State.CHARGE_LOOP, lambda d: d.ask(messages.delivery(messages.STOP))),
            (State.SESSION_STOP, lambda d: d.ask(messages.stop())),
        ]

    def check(desk: Desk) -> object:
        desk.ask(messages.cable_check())
        desk.wait(5)
        return desk.ask(messages.cable_check())

    def charge_up(desk: Desk) -> None:
        desk.ask(messages.pre_charge())
        desk.wait(2)

    return [
        *before,
        (State.CHARGE_PARAMETERS, lambda d: d.ask(messages.dc_parameters(both_ways=both_ways))),
        (State.SCHEDULE, lambda d: d.ask(messages.schedule(dynamic=dynamic))),
        (State.CABLE_CHECK, check),
        (State.PRE_CHARGE, charge_up),
        (State.POWER_DELIVERY, lambda d: d.ask(start)),
        (State.CHARGE_LOOP, lambda d: d.ask(messages.delivery(messages.STOP))),
        (State.WELDING_DETECTION, lambda d: d.ask(messages.welding(Processing.Finished))),
        (State.SESSION_STOP, lambda d: d.ask(messages.stop())),
    ]
