"""The message channel: deadlines, hostile bytes, ends, and what stands in the trace."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from exi import ExiError
from tests.conftest import VirtualTime
from v2g.connection import V2GConnection
from v2g.errors import ConnectionClosedError, FramingError, MessageError, V2GTimeout
from v2g.messages import iso2
from v2g.messages.appprotocol import (
    AppProtocol,
    ResponseCode,
    SupportedAppProtocolReq,
    SupportedAppProtocolRes,
)
from v2g.net.channel import IGNORED_LIMIT, MessageChannel
from v2g.net.clock import LoopClock
from v2g.net.simulated import Fate, Fault, SimulatedNetwork
from v2g.net.stream import Stream
from v2g.timing import ISO2
from v2g.trace import ListSink, Tracer
from v2g.v2gtp import PayloadType, encode_frame

START = datetime(2026, 5, 1, tzinfo=UTC)
REQUEST = SupportedAppProtocolReq(
    app_protocol=[
        AppProtocol(
            protocol_namespace="urn:iso:15118:2:2013:MsgDef",
            version_number_major=2,
            version_number_minor=0,
            schema_id=1,
            priority=1,
        )
    ]
)
RESPONSE = SupportedAppProtocolRes(response_code=ResponseCode.OK_SuccessfulNegotiation, schema_id=1)
TIMEOUT = ISO2.message_timeout("SupportedAppProtocol")
WHOLE = V2GConnection().encode(REQUEST).frame


class Pair:
    """An EV and a charger, each with its channel and its trace."""

    def __init__(self, ev: MessageChannel, charger: MessageChannel, sinks: tuple[ListSink, ListSink]) -> None:
        self.ev = ev
        self.charger = charger
        self.ev_trace, self.charger_trace = sinks
        self.loop = asyncio.get_running_loop()

    async def answer(self, delay_s: float = 0.0) -> None:
        received = await self.charger.receive()
        await asyncio.sleep(delay_s)
        await self.charger.send(RESPONSE, limit=ISO2.performance_time(received.name))


async def paired(
    body: Callable[[Pair], Awaitable[Any]], *, delay_s: float = 0.0, fault: Fault | None = None
) -> Any:
    network = SimulatedNetwork(delay_s=delay_s, fault=fault)
    accepted: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
    finished = asyncio.Event()

    async def serve(stream: Stream) -> None:
        accepted.set_result(stream)
        await finished.wait()

    listener = await network.listen("", 0, serve)
    near = await network.connect("fe80::1", listener.port)
    clock = LoopClock(START)
    sinks = ListSink(), ListSink()
    ev = MessageChannel(near, Tracer("evcc", sinks[0], clock.now), clock, initiator=True)
    charger = MessageChannel(await accepted, Tracer("secc", sinks[1], clock.now), clock, initiator=False)
    try:
        return await body(Pair(ev, charger, sinks))
    finally:
        finished.set()
        await listener.close()


def test_a_request_and_its_response_in_the_trace(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(pair.answer(0.5))
            received = await pair.ev.request(REQUEST, TIMEOUT)
        assert received.message == RESPONSE
        assert (received.name, received.elapsed_s) == ("SupportedAppProtocolRes", 0.75)
        sent, got = pair.ev_trace.records
        assert sent == {
            "t": START.timestamp(),
            "role": "evcc",
            "connection": None,
            "session": None,
            "kind": "message.sent",
            "name": "SupportedAppProtocolReq",
            "bytes": len(WHOLE),
            "payload_type": 0x8001,
            "codec_s": 0.0,
            "exi": WHOLE[8:].hex(),
        }
        assert got["kind"] == "message.received"
        assert got["response_code"] == "OK_SuccessfulNegotiation"
        assert (got["elapsed_s"], got["limit_s"], got["limit_name"]) == (0.75, 2.0, "V2G_EVCC_Msg_Timeout")
        arrived, answered = pair.charger_trace.records
        assert "elapsed_s" not in arrived
        assert (answered["elapsed_s"], answered["limit_s"]) == (0.5, 1.5)
        assert answered["limit_name"] == "V2G_SECC_Msg_Performance_Time"

    virtual_time(paired(body, delay_s=0.125))


def test_the_ev_gives_up_by_name_at_its_limit(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        began = pair.loop.time()
        with pytest.raises(V2GTimeout, match="V2G_EVCC_Msg_Timeout expired after 2 s") as caught:
            await pair.ev.request(REQUEST, TIMEOUT)
        assert pair.loop.time() - began == 2.0
        assert (caught.value.name, caught.value.limit_s) == ("V2G_EVCC_Msg_Timeout", 2.0)
        (expired,) = pair.ev_trace.of("timer.expired")
        assert (expired["name"], expired["limit_s"]) == ("V2G_EVCC_Msg_Timeout", 2.0)

    virtual_time(paired(body))


@pytest.mark.parametrize(("delay_s", "in_time"), [(1.999, True), (2.001, False)])
def test_the_limit_is_exact(delay_s: float, in_time: bool, virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(pair.answer(delay_s))
            if in_time:
                await pair.ev.request(REQUEST, TIMEOUT)
            else:
                with pytest.raises(V2GTimeout):
                    await pair.ev.request(REQUEST, TIMEOUT)

    virtual_time(paired(body))


def test_one_byte_a_second_is_bounded_by_the_deadline(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> float:
        async def drip() -> None:
            for byte in WHOLE * 10:
                await pair.ev.send_raw(bytes([byte]))
                await asyncio.sleep(1.0)

        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(drip())
            await pair.charger.receive()
            with pytest.raises(V2GTimeout):
                await pair.charger.receive(ISO2.sequence_timeout.from_now(pair.loop.time()).minus(40.0))
            dripping.cancel()
        return pair.loop.time()

    assert virtual_time(paired(body)) == pytest.approx(len(WHOLE) - 1 + 20.0)


def test_a_timeout_in_the_middle_of_a_message_loses_nothing(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        await pair.ev.send_raw(WHOLE[:11])
        for _ in range(5):
            with pytest.raises(V2GTimeout):
                await pair.charger.receive(ISO2.sequence_timeout.from_now(pair.loop.time()))
        await pair.ev.send_raw(WHOLE[11:])
        assert (await pair.charger.receive()).message == REQUEST

    virtual_time(paired(body))


def test_two_messages_in_one_write_are_two_messages(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        await pair.ev.send_raw(WHOLE + WHOLE + WHOLE[:3])
        await pair.ev.send_raw(WHOLE[3:])
        for _ in range(3):
            assert (await pair.charger.receive()).message == REQUEST

    virtual_time(paired(body))


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ("02fe80010000000180", "version"),
        ("01ff80010000000180", "inverse"),
        ("01fe12340000000180", "payload_type"),
        ("01fe80020000000180", "payload_type"),
        ("01fe800100000000", "length"),
    ],
)
def test_invalid_headers_are_ignored_and_traced(frame: str, field: str, virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        await pair.ev.send_raw(bytes.fromhex(frame) + WHOLE)
        assert (await pair.charger.receive()).message == REQUEST
        (rejected,) = pair.charger_trace.of("message.rejected")
        assert rejected["field"] == field
        assert rejected["bytes"] == len(frame) // 2

    virtual_time(paired(body))


def test_a_flood_of_invalid_frames_ends_the_patience(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        await pair.ev.send_raw(bytes.fromhex("01fe800100000000") * (IGNORED_LIMIT + 1))
        with pytest.raises(FramingError, match="51 invalid frames on one connection"):
            await pair.charger.receive()

    virtual_time(paired(body))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("01fe800100100000")])
def test_a_stream_that_cannot_be_read_on(data: bytes, virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        await pair.ev.send_raw(data + WHOLE)
        for _ in range(2):
            with pytest.raises(FramingError):
                await pair.charger.receive()
        assert len(pair.charger_trace.of("message.rejected")) == 1

    virtual_time(paired(body))


def test_an_undecodable_payload_is_told_and_the_channel_goes_on(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        nonsense = encode_frame(PayloadType.EXI, b"\x80\xff\xff")
        await pair.ev.send_raw(nonsense + WHOLE)
        with pytest.raises(MessageError) as caught:
            await pair.charger.receive()
        assert caught.value.payload == b"\x80\xff\xff"
        assert (await pair.charger.receive()).message == REQUEST
        (rejected,) = pair.charger_trace.of("message.rejected")
        assert (rejected["bytes"], rejected["exi"]) == (11, "80ffff")
        assert rejected["reason"]
        assert isinstance(rejected["bit_offset"], int)

    virtual_time(paired(body))


@pytest.mark.parametrize(("sent", "clean"), [(b"", True), (WHOLE[:5], False), (WHOLE[:-1], False)])
def test_the_end_of_the_stream(sent: bytes, clean: bool, virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        await pair.ev.send_raw(sent)
        await pair.ev.close("done")
        for _ in range(2):
            with pytest.raises(ConnectionClosedError) as caught:
                await pair.charger.receive()
            assert (caught.value.clean, caught.value.by) == (clean, "peer")
        (closed,) = pair.charger_trace.of("tcp.closed")
        assert closed["by"] == "peer"
        assert ("inside a message" in closed["reason"]) != clean
        (closed,) = pair.ev_trace.of("tcp.closed")
        assert (closed["by"], closed["reason"]) == ("us", "done")

    virtual_time(paired(body))


def test_a_reset(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        pair.ev.abort("broken")
        with pytest.raises(ConnectionClosedError):
            await pair.charger.receive()
        with pytest.raises(ConnectionClosedError):
            await pair.charger.send(RESPONSE)
        (closed,) = pair.charger_trace.of("tcp.closed")
        assert closed["by"] == "peer"

    virtual_time(paired(body))


def test_a_silent_link(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        with pytest.raises(V2GTimeout):
            await pair.ev.request(REQUEST, TIMEOUT)
        with pytest.raises(V2GTimeout):
            await pair.charger.receive(ISO2.sequence_timeout.from_now(pair.loop.time()))

    virtual_time(paired(body, fault=lambda _: Fate(drop=True)))


def test_a_message_that_breaks_its_schema_is_not_written(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        with pytest.raises(ExiError):
            await pair.ev.send(SupportedAppProtocolReq(app_protocol=[]))
        assert pair.ev.written_at is None
        await pair.ev.send(REQUEST)
        assert (await pair.charger.receive()).message == REQUEST

    virtual_time(paired(body))


def test_the_schema_changes_after_the_negotiation(virtual_time: VirtualTime) -> None:
    setup = iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=b"\0"),
        body=iso2.Body(body_element=iso2.SessionSetupReq(evcc_id=b"\x01\x02\x03\x04\x05\x06")),
    )

    async def body(pair: Pair) -> None:
        for channel in (pair.ev, pair.charger):
            channel.use(iso2.SCHEMA)
        await pair.ev.send(setup)
        received = await pair.charger.receive()
        assert (received.message, received.name) == (setup, "SessionSetupReq")

    virtual_time(paired(body))


def test_the_tracer_may_learn_the_session_later(virtual_time: VirtualTime) -> None:
    async def body(pair: Pair) -> None:
        pair.ev.tracer = pair.ev.tracer.bind(session="0a0b")
        await pair.ev.send(REQUEST)
        assert pair.ev_trace.records[-1]["session"] == "0a0b"

    virtual_time(paired(body))


class Stuck:
    """A stream to a peer that takes nothing, and of which nothing comes."""

    local = peer = "[::1]:1"
    tls = None

    async def read(self) -> bytes:
        await asyncio.get_running_loop().create_future()
        return b""

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def test_a_peer_that_does_not_read_is_bounded_too(virtual_time: VirtualTime) -> None:
    async def scenario() -> float:
        clock, sink = LoopClock(START), ListSink()
        channel = MessageChannel(Stuck(), Tracer("evcc", sink, clock.now), clock, initiator=True)
        with pytest.raises(V2GTimeout):
            await channel.request(REQUEST, TIMEOUT)
        assert [record["kind"] for record in sink.records] == ["timer.expired"]
        return clock.monotonic()

    assert virtual_time(scenario()) == 2.0


def test_a_timeout_that_is_not_ours_passes_through(virtual_time: VirtualTime) -> None:
    class Failing(Stuck):
        async def read(self) -> bytes:
            raise TimeoutError("somebody else's")

    async def scenario() -> None:
        clock = LoopClock(START)
        channel = MessageChannel(Failing(), Tracer("evcc", ListSink(), clock.now), clock, initiator=True)
        with pytest.raises(TimeoutError, match="somebody else's"):
            await channel.receive(TIMEOUT.from_now(clock.monotonic()))

    virtual_time(scenario())
