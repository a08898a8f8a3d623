"""One car's connection in virtual time: timers, bad input, how it ends."""

import asyncio
from typing import Any

import pytest

import exi
from tests.conftest import VirtualTime
from tests.secc import kit
from tests.secc.kit import SETUP, Car, Site, delivery, parameters, selection, site
from tests.secc.market import NOW
from v2g import timing
from v2g.errors import ConnectionClosedError
from v2g.messages import appprotocol, iso2
from v2g.messages.iso2 import ChargeProgress, EVSEProcessing, PaymentOption, ResponseCode
from v2g.net.clock import LoopClock
from v2g.v2gtp import PayloadType, encode_frame

SAP = exi.encode(
    appprotocol.SupportedAppProtocolReq(app_protocol=[kit.app_protocol(iso2.NAMESPACE, 2, 0)]),
    appprotocol.SCHEMA,
)
EXTERNAL = PaymentOption.ExternalPayment


def session_message(body: iso2.BodyBase, session_id: bytes = bytes(8)) -> bytes:
    return exi.encode(kit.message_of(session_id, body), iso2.SCHEMA)


def framed(payload: bytes) -> bytes:
    return encode_frame(PayloadType.EXI, payload)


def the_end(site: Site) -> Any:
    (event,) = site.of("session.ended")
    return event


async def set_up(site: Site) -> Car:
    car = await site.plain()
    await car.negotiate()
    await car.ask(SETUP)
    return car


async def charging(site: Site) -> Car:
    car = await set_up(site)
    for body in (
        iso2.ServiceDiscoveryReq(),
        selection(EXTERNAL),
        iso2.AuthorizationReq(),
        parameters(),
        delivery(ChargeProgress.Start),
        iso2.ChargingStatusReq(),
    ):
        await car.ask(body)
    return car


async def trickle(car: Car, data: bytes) -> None:
    """Send a byte a second until the charger has had enough."""
    try:
        for index in range(len(data)):
            await car.channel.send_raw(data[index : index + 1])
            await asyncio.sleep(1)
    except ConnectionClosedError:
        return


class TestTimers:
    def test_a_car_that_says_nothing_has_18_seconds(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                assert await car.close_time() == pytest.approx(18, abs=0.01)
            (event,) = place.of("timer.expired")
            assert event["name"] == "V2G_SECC_CommunicationSetup_Performance_Time"
            assert the_end(place)["outcome"] == "aborted"

        virtual_time(scenario())

    def test_the_18_seconds_include_everything_before_the_session(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await asyncio.sleep(10)
                await car.negotiate()
                assert await car.close_time() == pytest.approx(8, abs=0.01)

        virtual_time(scenario())

    def test_after_each_response_a_car_has_60_seconds(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                await asyncio.sleep(59)
                await car.ask(iso2.ServiceDiscoveryReq())
                assert await car.close_time() == pytest.approx(60, abs=0.01)
            (event,) = place.of("timer.expired")
            assert (event["name"], event["limit_s"]) == ("V2G_SECC_Sequence_Timeout", 60)
            assert "V2G_SECC_Sequence_Timeout" in the_end(place)["reason"]

        virtual_time(scenario())

    def test_a_car_that_falls_silent_while_charging_is_cut_off(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await charging(place)
                outlet = place.charger.station.outlets[0]
                assert kit.on_mains(outlet)
                assert await car.close_time() == pytest.approx(60, abs=0.01)
                assert not kit.on_mains(outlet)
            energy_wh = the_end(place)["energy_wh"]
            assert energy_wh == pytest.approx(11_040 / 60, rel=0.01)

        virtual_time(scenario())

    @pytest.mark.parametrize("established", [False, True])
    def test_a_byte_a_second_buys_no_time(self, virtual_time: VirtualTime, established: bool) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place) if established else await place.plain()
                data = framed(bytes(500))
                async with asyncio.TaskGroup() as tasks:
                    sending = tasks.create_task(trickle(car, data))
                    elapsed_s = await car.close_time()
                    sending.cancel()
                assert elapsed_s == pytest.approx(60 if established else 18, abs=1.1)

        virtual_time(scenario())

    def test_waiting_for_the_driver_ends_after_55_seconds(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"external.rounds": 10_000}) as place:
                car = await set_up(place)
                await car.ask(iso2.ServiceDiscoveryReq())
                await car.ask(selection(EXTERNAL))
                started = place.charger.clock.monotonic()
                while True:
                    response = await car.ask(iso2.AuthorizationReq())
                    if response.response_code is not ResponseCode.OK:
                        break
                    assert response.evse_processing is not EVSEProcessing.Finished
                    await asyncio.sleep(1)
                assert response.response_code is ResponseCode.FAILED
                elapsed_s = place.charger.clock.monotonic() - started
                assert elapsed_s == pytest.approx(timing.SECC_ONGOING_PERFORMANCE_TIME_S, abs=1.1)

        virtual_time(scenario())

    def test_an_answer_that_took_too_long_is_noted(self, virtual_time: VirtualTime) -> None:
        class SlowClock(LoopClock):
            late_s = 0.0

            def monotonic(self) -> float:
                return super().monotonic() + self.late_s

        async def scenario() -> None:
            async with site() as place:
                clock = SlowClock(NOW)
                place.charger.clock = clock

                class SlowEntropy:
                    def bytes(self, count: int) -> bytes:
                        clock.late_s += 1.6
                        return b"\x01" * count

                place.charger.entropy = SlowEntropy()  # type: ignore[assignment]
                car = await set_up(place)
                await car.channel.close()
            (event,) = place.of("timer.expired")
            assert (event["name"], event["limit_s"]) == ("V2G_SECC_Msg_Performance_Time", 1.5)

        virtual_time(scenario())


class TestBadInput:
    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param(b"\x00", id="not EXI"),
            pytest.param(SAP[:-3], id="truncated"),
            pytest.param(bytes(range(256)), id="junk"),
            pytest.param(session_message(SETUP), id="session message"),
        ],
    )
    def test_what_is_no_negotiation_ends_the_connection(
        self, virtual_time: VirtualTime, payload: bytes
    ) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await car.channel.send_raw(framed(payload))
                assert await car.close_time() < timing.TCP_CLOSE_S
            assert the_end(place)["outcome"] == "aborted"

        virtual_time(scenario())

    def test_what_cannot_be_decoded_ends_the_session_without_an_answer(
        self, virtual_time: VirtualTime
    ) -> None:
        good = session_message(iso2.ChargingStatusReq())
        payloads = [good[:-1], SAP, b"\x80", b"\xff" * 40, session_message(SETUP)[:-2]]

        async def scenario(payload: bytes) -> None:
            async with site() as place:
                car = await charging(place)
                await car.channel.send_raw(framed(payload))
                with pytest.raises(ConnectionClosedError):
                    await car.channel.receive()
                assert not kit.on_mains(place.charger.station.outlets[0])
            (event,) = place.of("message.rejected")
            assert event["reason"]
            assert isinstance(event["bit_offset"], int)
            assert event["path"] is not None
            assert the_end(place)["outcome"] == "aborted"

        for payload in payloads:
            virtual_time(scenario(payload))

    def test_a_document_with_another_root_ends_the_session(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                await car.channel.send_raw(framed(exi.encode(iso2.ServiceDiscoveryReq(), iso2.SCHEMA)))
                with pytest.raises(ConnectionClosedError):
                    await car.channel.receive()
            (event,) = place.of("message.rejected")
            assert event["path"] == "/ServiceDiscoveryReq"

        virtual_time(scenario())

    def test_frames_with_a_wrong_header_are_ignored(self, virtual_time: VirtualTime) -> None:
        request = session_message(iso2.ServiceDiscoveryReq())

        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                for wrong in (
                    b"\x02" + framed(request)[1:],
                    b"\x01\x01" + framed(request)[2:],
                    encode_frame(PayloadType.ISO20_MAIN, request),
                    encode_frame(PayloadType.SDP_REQUEST, b"\x00\x00"),
                    b"\x01\xfe\x12\x34\x00\x00\x00\x01\x00",
                    framed(b""),
                ):
                    await car.channel.send_raw(wrong)
                response = await car.ask(iso2.ServiceDiscoveryReq())
                assert response.response_code is ResponseCode.OK
                await car.channel.close()
            assert len(place.of("message.rejected")) == 6

        virtual_time(scenario())

    @pytest.mark.parametrize(
        "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x01\xfe\x80\x01\xff\xff\xff\xff", bytes(64)]
    )
    def test_what_is_no_v2gtp_ends_the_connection(self, virtual_time: VirtualTime, data: bytes) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                await car.channel.send_raw(data)
                assert await car.close_time() < timing.TCP_CLOSE_S
            assert place.of("message.rejected")
            assert the_end(place)["outcome"] == "aborted"

        virtual_time(scenario())

    def test_a_message_over_the_limit_is_not_waited_for(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"network.max_message_bytes": 2048}) as place:
                car = await set_up(place)
                await car.channel.send_raw(framed(bytes(2049))[:20])
                assert await car.close_time() < timing.TCP_CLOSE_S

        virtual_time(scenario())

    def test_messages_may_come_in_any_pieces(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                place.network.chunk_size = 1
                await kit.drive(await place.plain(), EXTERNAL)
            assert the_end(place)["outcome"] == "ok"

        virtual_time(scenario())

    def test_a_response_in_place_of_a_request_ends_the_connection(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                with pytest.raises(ConnectionClosedError):
                    await car.ask(iso2.SessionStopRes(response_code=ResponseCode.OK))
                other = await place.plain()
                response = appprotocol.SupportedAppProtocolRes(
                    response_code=appprotocol.ResponseCode.Failed_NoNegotiation
                )
                await other.channel.send(response)
                with pytest.raises(ConnectionClosedError):
                    await other.channel.receive()

        virtual_time(scenario())


class TestEnd:
    def test_a_refused_car_is_answered_and_then_disconnected(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                response = await car.ask(iso2.ChargingStatusReq())
                assert response.response_code is ResponseCode.FAILED_SequenceError
                linger_s = place.charger.config.network.linger_s
                assert await car.close_time() == pytest.approx(linger_s, abs=0.01)
            end = the_end(place)
            assert end["outcome"] == "failed"
            assert "FAILED_SequenceError" in end["reason"]

        virtual_time(scenario())

    def test_an_unknown_session_is_answered_and_then_disconnected(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                response = await car.ask(iso2.ServiceDiscoveryReq(), session_id=b"\xff" * 8)
                assert response.response_code is ResponseCode.FAILED_UnknownSession
                assert await car.close_time() <= timing.TCP_CLOSE_S

        virtual_time(scenario())

    def test_no_common_protocol(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                response = await car.negotiate(kit.app_protocol("urn:din:70121:2012:MsgDef", 2, 0))
                assert response.response_code is appprotocol.ResponseCode.Failed_NoNegotiation
                assert response.schema_id is None
                assert await car.close_time() <= timing.TCP_CLOSE_S
            assert the_end(place)["outcome"] == "failed"

        virtual_time(scenario())

    def test_what_comes_after_the_last_response_counts_for_nothing(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await set_up(place)
                await car.ask(kit.TERMINATE)
                await car.channel.send(kit.message_of(car.session_id, SETUP))
                await car.channel.send_raw(framed(b"\x00"))
                with pytest.raises(ConnectionClosedError):
                    await car.channel.receive()
            assert the_end(place)["outcome"] == "ok"

        virtual_time(scenario())

    def test_a_car_that_leaves_while_charging_is_off_the_mains_at_once(
        self, virtual_time: VirtualTime
    ) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await charging(place)
                outlet = place.charger.station.outlets[0]
                assert kit.on_mains(outlet)
                car.channel.abort("gone")
                await asyncio.sleep(0.01)
                assert not kit.on_mains(outlet)
            assert the_end(place)["outcome"] == "aborted"

        virtual_time(scenario())

    def test_the_contactor_opens_before_the_car_may_dawdle(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await charging(place)
                await car.ask(iso2.ServiceDiscoveryReq())
                assert not kit.on_mains(place.charger.station.outlets[0])
                await car.channel.close()

        virtual_time(scenario())

    def test_a_defect_of_the_charger_hurts_one_car_only(
        self, virtual_time: VirtualTime, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def scenario() -> None:
            async with site() as place:
                healthy = await charging(place)
                entropy, place.charger.entropy = place.charger.entropy, None  # type: ignore[assignment]
                with pytest.raises(ConnectionClosedError):
                    await set_up(place)
                place.charger.entropy = entropy
                response = await healthy.ask(iso2.ChargingStatusReq())
                assert response.response_code is ResponseCode.OK
                await healthy.channel.close()
            (event,) = place.of("error")
            assert event["type"] == "AttributeError"
            assert place.of("session.ended")[0]["reason"] == "internal error"

        virtual_time(scenario())
        assert "handler failed" in caplog.text


def test_the_trace_tells_the_session(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with site() as place:
            await kit.drive(await place.plain(), EXTERNAL)
        kinds = [record["kind"] for record in place.sink.records]
        assert kinds[:2] == ["tcp.accepted", "session.started"]
        assert kinds[-2:] == ["session.ended", "tcp.closed"]
        assert {record["connection"] for record in place.sink.records} == {1}
        changes = [(event["from"], event["to"]) for event in place.of("state.changed")]
        assert changes[0] == ("WaitForSessionSetup", "WaitForServiceDiscovery")
        assert changes[-1] == ("WaitForSessionStop", "Ended")
        assert [a[1] for a in changes[:-1]] == [b[0] for b in changes[1:]]
        sent = place.of("message.sent")
        assert all(event["limit_name"] == "V2G_SECC_Msg_Performance_Time" for event in sent)
        assert {event["session"] for event in sent[1:]} == {place.of("session.ended")[0]["session"]}

    virtual_time(scenario())
