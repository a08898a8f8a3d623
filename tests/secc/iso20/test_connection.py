"""Cars of -20 in virtual time: timers, TLS, negotiation, how a session ends."""

import asyncio
from typing import Any

import pytest

import exi
from secc.iso2 import PROTOCOL as ISO2
from secc.iso20 import AC, DC, WPT
from secc.protocol import Protocol
from tests.conftest import VirtualTime
from tests.secc.iso20 import messages, road
from tests.secc.iso20.market import market20
from tests.secc.iso20.messages import STOP
from tests.secc.iso20.road import Car, Site, site
from v2g.errors import ConnectionClosedError, TlsError
from v2g.messages import iso20
from v2g.messages.appprotocol import ResponseCode as Sap
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import EvseNotification, Processing, ResponseCode
from v2g.timing import TCP_CLOSE_S
from v2g.v2gtp import PayloadType, encode_frame

BOTH = pytest.mark.parametrize("protocol", [AC, DC], ids=str)


def the_end(place: Site) -> Any:
    (event,) = place.of("session.ended")
    return event


async def leave(car: Car) -> None:
    await car.ask(messages.delivery(STOP))
    if car.protocol.key == DC.key:
        await car.ask(messages.welding(Processing.Finished))
    await car.ask(messages.stop())
    await car.channel.close()


class TestSessions:
    @BOTH
    def test_a_car_charges_by_its_contract(self, virtual_time: VirtualTime, protocol: Protocol) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.car(protocol)
                await road.start_charging(car)
                for _ in range(5):
                    await asyncio.sleep(0.4)
                    response = await car.ask(messages.loop_of(protocol))
                    assert response.response_code is ResponseCode.OK
                await leave(car)
            assert the_end(place)["outcome"] == "ok"
            assert the_end(place)["energy_wh"] > 0
            assert place.of("tls.established")[0]["version"] == "TLSv1.3"
            assert place.of("contract.used")

        virtual_time(scenario())

    def test_each_message_has_the_payload_type_of_its_set(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                await road.start_charging(await place.plain(DC))
            types = {event["name"]: event["payload_type"] for event in place.of("message.sent")}
            assert types["SupportedAppProtocolRes"] == PayloadType.EXI
            assert types["ScheduleExchangeRes"] == PayloadType.ISO20_MAIN
            assert types["DC_CableCheckRes"] == PayloadType.ISO20_DC

        virtual_time(scenario())

    def test_a_paused_session_is_joined_over_a_new_connection(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.car()
                await road.start_charging(car)
                await car.ask(messages.delivery(STOP))
                await car.ask(messages.stop(cm.ChargingSession.Pause))
                await car.channel.close()
                await asyncio.sleep(3600)
                again = await place.car()
                await again.negotiate()
                response = await again.ask(messages.setup(), session_id=car.session_id)
                assert response.response_code is ResponseCode.OK_OldSessionJoined
                assert again.session_id == car.session_id
                response = await again.ask(messages.discovery())
                assert response.response_code is ResponseCode.OK
                await again.channel.close()

        virtual_time(scenario())

    def test_a_charger_that_stops_says_so_in_the_loop(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await road.start_charging(car)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(place.server.stop())
                    await asyncio.sleep(0.1)
                    response = await car.ask(messages.ac_loop())
                    assert response.evse_status.evse_notification is EvseNotification.Terminate
                    await leave(car)
            assert the_end(place)["outcome"] == "ok"

        virtual_time(scenario())


class TestTimers:
    @BOTH
    def test_in_the_charge_loop_a_car_has_half_a_second(
        self, virtual_time: VirtualTime, protocol: Protocol
    ) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain(protocol)
                await road.start_charging(car)
                outlet = next(o for o in place.charger.station.outlets if o.contactor.closed)
                assert await car.close_time() == pytest.approx(0.5, abs=0.01)
                assert not outlet.contactor.closed
            (event,) = place.of("timer.expired")
            assert (event["name"], event["limit_s"]) == ("V2G_SECC_Sequence_Timeout", 0.5)

        virtual_time(scenario())

    def test_elsewhere_a_car_has_60_seconds(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await road.start_session(car)
                await asyncio.sleep(59)
                await car.ask(messages.discovery())
                assert await car.close_time() == pytest.approx(60, abs=0.01)

        virtual_time(scenario())

    def test_after_power_delivery_it_has_60_seconds_too(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await road.start_charging(car)
                await car.ask(messages.delivery(messages.RENEGOTIATE))
                await asyncio.sleep(59)
                await car.ask(messages.schedule())
                assert await car.close_time() == pytest.approx(60, abs=0.01)

        virtual_time(scenario())

    def test_until_the_session_is_set_up_it_has_18_seconds(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await car.negotiate()
                assert await car.close_time() == pytest.approx(18, abs=0.01)

        virtual_time(scenario())

    def test_a_byte_at_a_time_buys_none(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await road.start_charging(car)
                frame = encode_frame(PayloadType.ISO20_AC, bytes(500))

                async def trickle() -> None:
                    try:
                        for index in range(len(frame)):
                            await car.channel.send_raw(frame[index : index + 1])
                            await asyncio.sleep(0.1)
                    except ConnectionClosedError:
                        return

                async with asyncio.TaskGroup() as tasks:
                    sending = tasks.create_task(trickle())
                    assert await car.close_time() == pytest.approx(0.5, abs=0.01)
                    sending.cancel()

        virtual_time(scenario())


class TestNegotiation:
    def offer(
        self, virtual_time: VirtualTime, kind: str, changes: dict[str, Any], *protocols: Protocol
    ) -> str | None:
        """Return the key of the protocol that a car and the charger agree on."""

        async def scenario() -> str | None:
            async with site(changes) as place:
                makers = {"plain": place.plain, "tls13": place.car, "tls12": place.old_car}
                car = await makers[kind]()
                response = await car.negotiate(*protocols)
                agreed = response.response_code is not Sap.Failed_NoNegotiation
                await car.channel.close()
                return car.protocol.key if agreed else None

        found = virtual_time(scenario())
        assert found is None or isinstance(found, str)
        return found

    @pytest.mark.parametrize(
        ("kind", "changes", "offered", "agreed"),
        [
            ("tls13", {}, (AC, DC, ISO2), "iso20-ac"),
            ("tls13", {}, (DC, AC, ISO2), "iso20-dc"),
            ("tls13", {}, (ISO2, AC), "iso2"),
            ("tls13", {"network.iso2_tls13": False}, (ISO2, AC), "iso20-ac"),
            ("tls13", {"network.iso2_tls13": False}, (ISO2,), None),
            ("tls12", {}, (AC, DC, ISO2), "iso2"),
            ("tls12", {}, (AC, DC), None),
            ("plain", {"network.iso20_plain": False}, (AC, ISO2), "iso2"),
            ("plain", {"network.iso20_plain": False}, (AC,), None),
            ("plain", {}, (AC, ISO2), "iso20-ac"),
            ("tls13", {"network.protocols": ["iso2"]}, (AC, ISO2), "iso2"),
            ("tls13", {"network.protocols": ["iso20-dc"]}, (AC, ISO2, DC), "iso20-dc"),
            ("tls13", {"station.dc_outlets": 0}, (DC, AC), "iso20-ac"),
            ("tls13", {"station.outlets": 0}, (AC, DC, ISO2), "iso20-dc"),
            ("tls13", {}, (WPT, AC), "iso20-ac"),
            ("tls13", {"network.protocols": ["iso20-wpt", "iso20-ac"]}, (WPT, AC), "iso20-wpt"),
        ],
    )
    def test_what_is_agreed_on(
        self,
        virtual_time: VirtualTime,
        kind: str,
        changes: dict[str, Any],
        offered: tuple[Protocol, ...],
        agreed: str | None,
    ) -> None:
        assert self.offer(virtual_time, kind, changes, *offered) == agreed

    def test_a_car_of_a_maker_that_nobody_knows_gets_no_tls(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            from v2g.net.tls import ClientTls, Iso20Client

            async with site() as place:
                pki, stranger = market20().pki, market20().contract
                client = ClientTls(
                    now=place.charger.clock.now,
                    iso20=Iso20Client(
                        [pki["v2g_root"].certificate],
                        [stranger.certificate, *pki.chain("mo_sub_ca2")],
                        stranger.signer(),
                    ),
                )
                try:
                    car = await place._tls(client, AC)
                    await car.close_time()
                except (TlsError, ConnectionClosedError):
                    pass
            assert place.of("tls.failed")
            assert not place.of("session.started")

        virtual_time(scenario())


class TestNonsense:
    @pytest.mark.parametrize("payload", [b"", b"\x80", bytes(40), b"\xff" * 300])
    @pytest.mark.parametrize("payload_type", [PayloadType.ISO20_MAIN, PayloadType.ISO20_AC])
    def test_what_cannot_be_decoded_ends_the_session(
        self, virtual_time: VirtualTime, payload: bytes, payload_type: PayloadType
    ) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await road.start_session(car)
                await car.channel.send_raw(encode_frame(payload_type, payload))
                assert await car.close_time() <= 60 + TCP_CLOSE_S
            assert the_end(place)["outcome"] == "aborted"
            assert place.of("message.rejected")

        virtual_time(scenario())

    def test_a_payload_type_of_another_service_is_passed_over(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await road.start_session(car)
                data = exi.encode(messages.cable_check(), iso20.DC)
                await car.channel.send_raw(encode_frame(PayloadType.ISO20_DC, data))
                response = await car.ask(messages.discovery())
                assert response.response_code is ResponseCode.OK
                await car.channel.close()
            assert place.of("message.rejected")[0]["field"] == "payload_type"

        virtual_time(scenario())


class TestBesideTheMainStream:
    def test_a_response_takes_the_way_of_its_request(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.car()
                await road.start_charging(car)
                await car.ask(messages.delivery(messages.RENEGOTIATE))
                for payload_type in (PayloadType.ISO20_SCHEDULE, PayloadType.ISO20_MAIN):
                    request = (
                        messages.schedule()
                        if payload_type != PayloadType.ISO20_MAIN
                        else messages.delivery(STOP)
                    )
                    message = messages.message_of(car.session_id, request, None, 0)
                    await car.channel.send(message, payload_type=payload_type)
                    received = await car.channel.receive()
                    assert received.payload_type == payload_type
                    assert str(getattr(received.message, "response_code", "")) == "OK"
                await car.channel.close()

        virtual_time(scenario())
