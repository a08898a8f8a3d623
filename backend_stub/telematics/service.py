"""The telematics backend at work."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from backend_stub.ccp.interface import Collection
from backend_stub.certificates import der
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.events.bell import Bell
from backend_stub.events.signing import is_signed, new_secret
from backend_stub.namespaces import SPELLINGS, Edition
from backend_stub.telematics import store
from backend_stub.telematics.checking import RefusedBundleError, check
from backend_stub.telematics.interface import (
    MAX_CONTRACTS,
    CarContract,
    CarLine,
    Mailbox,
    MarketSide,
    Notice,
    Outcome,
    Position,
    Result,
)
from pki.entropy import Entropy
from v2g.identifiers import Emaid, IdentifierError, Pcid
from v2g.trace import Tracer

FRESHNESS = timedelta(minutes=5)
"""How old, or how far ahead, the moment of sending in a webhook may be."""

SUBSCRIBED = (
    EventType.OEM_CONTRACT_CREATED,
    EventType.OEM_CONTRACT_UPDATED,
    EventType.OEM_CONTRACT_DELETED,
)

_CURSOR = "read up to "
_SECRET = "webhook_secret"  # noqa: S105 - the name of a setting

_TRY_AGAIN = frozenset({Code.STORE, Code.PEER, Code.DEADLINE, Code.TOO_MANY, Code.INTERNAL})
_MAX_REASON = 500
_MAX_EVENT_ID = 36
_RESET = "factory reset"

_log = logging.getLogger(__name__)


class _Payload(msgspec.Struct):
    emaid: str
    pcid: str


class _Webhook(msgspec.Struct, rename="camel"):
    timestamp: datetime
    event_id: str
    event_type: str
    xsd_msg_def_namespace: str
    payload: dict[str, object]


class MailOffice:
    """Implements :class:`~backend_stub.telematics.interface.Telematics`.

    ``wmi`` is the beginning of the PCIDs of the maker's cars; empty: every car is one of them. An event and
    what it changes in a mailbox are one transaction, so that an event that comes again finds its outcome.
    """

    def __init__(
        self,
        database: Database,
        market: MarketSide,
        bell: Bell,
        now: Callable[[], datetime],
        entropy: Entropy,
        tracer: Tracer,
        *,
        wmi: str = "",
    ) -> None:
        self._database = database
        self._market = market
        self._bell = bell
        self._now = now
        self._entropy = entropy
        self._tracer = tracer
        self._wmi = wmi

    async def setting(self, name: str, default: Callable[[], str] | None = None) -> str:
        """Return a setting, making it by ``default`` when there is none; "" without either."""
        value = await self._database.read(lambda connection: store.setting(connection, name))
        if value is not None or default is None:
            return value or ""
        made = default()

        def work(connection: sa.Connection) -> str:
            other = store.setting(connection, name)
            if other is None:
                store.set_setting(connection, name, made)
            return other or made

        return await self._database.write(work)

    async def position(self, feed: str) -> int:
        """Return how far the log of a market has been read."""
        return int(await self.setting(_CURSOR + feed) or 0)

    async def remember(self, read: Position) -> None:
        """Remember how far a log has been read."""
        await self._database.write(lambda connection: _set_position(connection, read))

    async def webhook_secret(self) -> str:
        """Return the key of the HMAC on webhooks for this backend."""
        return await self.setting(_SECRET, lambda: new_secret(self._entropy))

    async def tidy(self) -> None:
        """Forget what is too old to matter; called at start."""
        now = self._now()
        await self._database.write(lambda connection: store.forget_old(connection, now))

    async def receive(self, body: bytes, signature: str) -> Outcome:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        if not is_signed(body, signature, await self.webhook_secret()):
            self._tracer.event("webhook.refused", reason="signature")
            raise MarketError(Code.SIGNATURE, "the webhook is not signed with the secret of this endpoint")
        try:
            webhook = msgspec.json.decode(body, type=_Webhook)
            age = self._now() - webhook.timestamp
        except (msgspec.MsgspecError, TypeError) as error:
            raise MarketError(Code.REQUEST, f"no event: {error}") from error
        if abs(age) > FRESHNESS:
            self._tracer.event("webhook.refused", reason="stale", event_id=webhook.event_id)
            raise MarketError(
                Code.REQUEST, f"sent {age.total_seconds():.0f} s ago: too old, or clocks that differ"
            )
        if webhook.event_type not in SUBSCRIBED:
            return Outcome(HTTPStatus.OK, "ignored: not an event that concerns cars")
        return await self.take(
            notice_of(webhook.event_id, webhook.event_type, webhook.xsd_msg_def_namespace, webhook.payload)
        )

    async def take(self, notice: Notice, *, read: Position | None = None) -> Outcome:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        known = await self._database.read(lambda connection: store.outcome(connection, notice.id))
        if known is not None:
            if read is not None:
                await self.remember(read)
            return known
        try:
            delivery = await self._prepare(notice)
        except RefusedBundleError as error:
            return await self._finish(notice, Outcome(error.status, str(error)[:_MAX_REASON]), read, None)
        return await self._finish(notice, Outcome(HTTPStatus.OK, "done"), read, delivery)

    async def mailbox(self, pcid: str, *, wait_s: float = 0.0, again: bool = False) -> Mailbox:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        now = self._now()
        if again:
            await self._database.write(lambda connection: store.requeue(connection, pcid, now))
        found = await self._wait_for_items(pcid, wait_s)
        if found.items:
            fetched = [item.id for item in found.items]
            now = self._now()
            await self._database.write(
                lambda connection: store.mark_delivered(connection, pcid, fetched, now)
            )
        return found

    async def settle(
        self, pcid: str, item_id: str, result: Result, reason: str = "", replaced: Sequence[str] = ()
    ) -> None:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        now = self._now()

        def work(connection: sa.Connection) -> None:
            store.settle(connection, pcid, item_id, result, reason[:_MAX_REASON], now)
            store.forget(connection, pcid, replaced, item_id)

        try:
            await self._database.write(work)
        except store.StaleItemError as error:
            raise MarketError(Code.CONFLICT, str(error)) from error
        self._tracer.event("telematics.settled", pcid=pcid, result=str(result), reason=reason)
        if result is Result.REJECTED:
            _log.warning("car %s turned item %s down: %s", pcid, item_id, reason)

    async def choose(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        # The pool first: it decides, and tells everybody, us too. Here only so that the car sees it at once.
        await self._market.set_default(pcid, emaid)
        now = self._now()
        await self._database.write(lambda connection: store.set_default(connection, pcid, emaid, now))

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        # The pools first, as with a default: their events come back here. The car is to see it at once.
        removed = await self._market.factory_reset(pcid)
        now = self._now()

        def work(connection: sa.Connection) -> Sequence[str]:
            here = [contract.emaid for contract in store.contracts(connection, pcid)]
            for emaid in here:
                store.withdraw(connection, emaid, _RESET, now)
            return here

        here = await self._database.write(work)
        self._tracer.event("telematics.reset", pcid=pcid, contracts=len(removed))
        return sorted({*removed, *here})

    async def contracts(self, pcid: str) -> Sequence[CarContract]:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        return await self._database.read(lambda connection: store.contracts(connection, pcid))

    async def cars(self, limit: int) -> Sequence[CarLine]:
        """See :class:`~backend_stub.telematics.interface.Telematics`."""
        return await self._database.read(lambda connection: store.cars(connection, limit))

    async def _wait_for_items(self, pcid: str, wait_s: float) -> Mailbox:
        left_s = wait_s
        while True:
            rung = self._bell.listen()
            found = await self._database.read(lambda connection: store.mailbox(connection, pcid))
            if found.items or left_s <= 0 or self._bell.closed:
                return found
            left_s -= await self._bell.wait(rung, left_s)

    async def _prepare(self, notice: Notice) -> store.Delivery | None:
        """Fetch and check what an event announces; None when it announces nothing to fetch.

        Raises RefusedBundleError, and MarketError where trying again may help.
        """
        if not self._is_ours(notice) or notice.type is EventType.OEM_CONTRACT_DELETED or _is_iso20(notice):
            return None
        if "contractCert" not in notice.facts:
            return None  # only the default has moved
        car = await self._market.car(notice.pcid)
        if car is None:
            raise RefusedBundleError(
                "unknown_car", f"nobody registered PCID {notice.pcid}", HTTPStatus.CONFLICT
            )
        try:
            installation = await self._market.collect(Collection(notice.emaid, notice.pcid), notice.namespace)
        except MarketError as error:
            if error.code in _TRY_AGAIN:
                raise
            raise RefusedBundleError("no_bundle", str(error), HTTPStatus.CONFLICT) from error
        roots = await self._market.v2g_roots()
        bundle = check(installation.response, notice.emaid, car, roots, self._now())
        return store.Delivery(
            emaid=bundle.emaid,
            pcid=notice.pcid,
            namespace=notice.namespace,
            document=installation.response,
            certificate=der(bundle.contract_certificate),
            valid_until=bundle.contract_certificate.not_valid_after_utc,
            v2g_root_fingerprint=installation.v2g_root_fingerprint,
        )

    async def _finish(
        self, notice: Notice, outcome: Outcome, read: Position | None, delivery: store.Delivery | None
    ) -> Outcome:
        """Change the mailbox and remember the outcome, both or neither."""
        now = self._now()

        def work(connection: sa.Connection) -> Outcome:
            became = self._apply(connection, notice, delivery, now) if outcome.taken else outcome
            store.remember(connection, notice, became, now)
            if read is not None:
                _set_position(connection, read)
            return became

        try:
            became = await self._database.write(work)
        except IntegrityError:  # it came twice at once, and the other was faster
            return await self.take(notice, read=read)
        facts = {"event_id": notice.id, "event_type": str(notice.type), "emaid": notice.emaid}
        self._tracer.event(
            "telematics.taken" if became.taken else "telematics.refused", **facts, reason=became.reason
        )
        if not became.taken:
            _log.warning("contract %s for car %s refused: %s", notice.emaid, notice.pcid, became.reason)
        return became

    def _apply(
        self, connection: sa.Connection, notice: Notice, delivery: store.Delivery | None, now: datetime
    ) -> Outcome:
        if not self._is_ours(notice):
            return Outcome(HTTPStatus.OK, "ignored: not a car of this maker")
        if _is_iso20(notice):
            return Outcome(HTTPStatus.OK, "ignored: contracts of ISO 15118-20 are installed at the charger")
        if notice.type is EventType.OEM_CONTRACT_DELETED:
            known = store.withdraw(connection, notice.emaid, str(notice.facts.get("reason", "")), now)
            return Outcome(HTTPStatus.OK, "withdrawn" if known else "ignored: no such contract here")
        became = Outcome(HTTPStatus.OK, "noted")
        if delivery is not None:
            if store.live_count(connection, notice.pcid, notice.emaid, now) >= MAX_CONTRACTS:
                return Outcome(
                    HTTPStatus.CONFLICT, f"car_full: the car has {MAX_CONTRACTS} contracts that are valid"
                )
            if store.queue(connection, delivery, now):
                became = Outcome(HTTPStatus.OK, "queued")
        if notice.facts.get("defaultContract") is True:
            store.set_default(connection, notice.pcid, notice.emaid, now)
        return became

    def _is_ours(self, notice: Notice) -> bool:
        return notice.pcid.startswith(self._wmi)


def _set_position(connection: sa.Connection, read: Position) -> None:
    store.set_setting(connection, _CURSOR + read.feed, str(read.sequence))


def _is_iso20(notice: Notice) -> bool:
    """Say whether an event is about the -20 half of a contract: the mailbox holds one document a contract, that of -2."""
    return SPELLINGS.get(notice.namespace) is Edition.ISO20


def notice_of(event_id: str, event_type: str, namespace: str, payload: dict[str, object]) -> Notice:
    """Return an event of one of the SUBSCRIBED types; raises MarketError(REQUEST) for a malformed one."""
    if len(event_id) > _MAX_EVENT_ID:
        raise MarketError(Code.REQUEST, f"eventId: longer than {_MAX_EVENT_ID} characters")
    try:
        names = msgspec.convert(payload, _Payload)
        return Notice(
            id=event_id,
            type=EventType(event_type),
            namespace=namespace[:100],
            emaid=Emaid.normalise(names.emaid),
            pcid=str(Pcid.parse(names.pcid)),
            facts=payload,
        )
    except (msgspec.ValidationError, ValueError, IdentifierError) as error:
        raise MarketError(Code.REQUEST, f"payload: {error}") from error
