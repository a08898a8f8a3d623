"""The charger as a whole: many cars, hostile clients, discovery, and its own end."""

import asyncio
import contextlib
from ipaddress import IPv6Address

import pytest

from secc.errors import StartError
from secc.iso2 import PROTOCOL
from secc.iso2.states import State
from secc.server import Server
from tests.conftest import VirtualTime
from tests.secc import kit
from tests.secc.kit import HOST, PLAIN_PORT, TLS_PORT, Car, site
from tests.secc.market import NOW, market
from v2g.endpoint import Endpoint
from v2g.errors import ConnectionClosedError
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, PaymentOption, ResponseCode
from v2g.net.clock import LoopClock, SystemClock
from v2g.net.interfaces import Interface
from v2g.net.network import TcpNetwork
from v2g.net.sdp import discover
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, ServerTls, client_tls
from v2g.sdp import Security
from v2g.trace import ListSink, NullSink, Tracer

CONTRACT, EXTERNAL = PaymentOption.Contract, PaymentOption.ExternalPayment


async def until_closed(stream: Stream) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    with contextlib.suppress(ConnectionClosedError):
        while await stream.read():
            pass
    await stream.close()
    return loop.time() - started


class TestSessions:
    def test_a_car_installs_its_contract_and_charges_with_it(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            source = kit.ScriptedSource()
            async with site(source=source) as place:
                await kit.drive(await place.car(), CONTRACT)
            assert len(source.requests) == 1
            assert [event["outcome"] for event in place.of("session.ended")] == ["ok"]
            assert place.of("tls.established")[0]["version"] == "TLSv1.2"

        virtual_time(scenario())

    def test_a_car_without_tls_charges_with_external_payment(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                await kit.drive(await place.plain(), EXTERNAL)
            assert [event["outcome"] for event in place.of("session.ended")] == ["ok"]

        virtual_time(scenario())

    def test_many_cars_at_once_keep_out_of_each_others_way(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"station.outlets": 20}) as place, asyncio.TaskGroup() as tasks:
                for number in range(20):
                    car = await (place.car() if number % 2 else place.plain())
                    tasks.create_task(kit.drive(car, CONTRACT if number % 2 else EXTERNAL, rounds=number + 1))
            ended = place.of("session.ended")
            assert [event["outcome"] for event in ended] == ["ok"] * 20
            assert len({event["session"] for event in ended}) == 20

        virtual_time(scenario())

    def test_cars_in_turn_use_the_same_outlet(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"station.outlets": 1}) as place:
                for _ in range(5):
                    await kit.drive(await place.plain(), EXTERNAL)
            assert [event["outcome"] for event in place.of("session.ended")] == ["ok"] * 5

        virtual_time(scenario())

    def test_no_contract_over_plain_tcp(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                car = await place.plain()
                await car.negotiate()
                await car.ask(kit.SETUP)
                response = await car.ask(iso2.ServiceDiscoveryReq())
                assert response.payment_option_list.payment_option == [EXTERNAL]
                response = await car.ask(kit.selection(CONTRACT))
                assert response.response_code is ResponseCode.FAILED_PaymentSelectionInvalid

        virtual_time(scenario())


class TestHostileClients:
    def test_a_client_that_stalls_in_the_handshake(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                async with asyncio.TaskGroup() as tasks:
                    stalled = await place.network.connect(HOST, TLS_PORT)
                    waiting = tasks.create_task(until_closed(stalled))
                    await kit.drive(await place.car(), CONTRACT)
                    assert not waiting.done()
                assert waiting.result() == pytest.approx(10, abs=0.1)
            (event,) = place.of("tls.failed")
            assert "10 s" in event["reason"]
            assert event["connection"] == 1
            assert [e["outcome"] for e in place.of("session.ended")] == ["ok"]

        virtual_time(scenario())

    def test_a_client_that_trickles_into_the_handshake(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                stream = await place.network.connect(HOST, TLS_PORT)
                hello = b"\x16\x03\x01\x01\x00" + bytes(300)

                async def trickle() -> None:
                    for index in range(len(hello)):
                        await stream.write(hello[index : index + 1])
                        await asyncio.sleep(1)

                async with asyncio.TaskGroup() as tasks:
                    sending = tasks.create_task(trickle())
                    assert await until_closed(stream) == pytest.approx(10, abs=1.1)
                    sending.cancel()

        virtual_time(scenario())

    @pytest.mark.parametrize(
        "junk", [b"\x01\xfe\x80\x01\x00\x00\x00\x10", bytes(100), b"GET / HTTP/1.1\r\n\r\n"]
    )
    def test_junk_instead_of_a_handshake(self, virtual_time: VirtualTime, junk: bytes) -> None:
        async def scenario() -> None:
            async with site() as place:
                stream = await place.network.connect(HOST, TLS_PORT)
                await stream.write(junk)
                assert await until_closed(stream) < 5
                await kit.drive(await place.car(), CONTRACT)
            assert len(place.of("tls.failed")) == 1

        virtual_time(scenario())

    def test_a_client_that_leaves_during_the_handshake(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                stream = await place.network.connect(HOST, TLS_PORT)
                stream.abort()
                await asyncio.sleep(1)
                assert len(place.of("tls.failed")) == 1

        virtual_time(scenario())

    def test_a_client_too_many_is_turned_away(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"network.max_connections": 2}) as place:
                idle = [await place.plain() for _ in range(2)]
                refused = await place.plain()
                assert await refused.close_time() < 1
                for car in idle:
                    await car.channel.close()
                await asyncio.sleep(1)
                await kit.drive(await place.plain(), EXTERNAL)

        virtual_time(scenario())

    def test_cars_in_trouble_do_not_disturb_one_that_charges(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place, asyncio.TaskGroup() as tasks:
                good = tasks.create_task(kit.drive(await place.car(), CONTRACT, rounds=200))
                for port in (TLS_PORT, PLAIN_PORT):
                    for junk in (b"", b"\xff" * 100, b"\x01\xfe\x80\x01\x00\x00\x00\x04abcd"):
                        stream = await place.network.connect(HOST, port)
                        await stream.write(junk)
                        tasks.create_task(until_closed(stream))
                await good
            assert [e["outcome"] for e in place.of("session.ended")].count("ok") == 1

        virtual_time(scenario())


class TestStopping:
    def test_an_idle_charger_stops_at_once(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                started = place.charger.clock.monotonic()
                await place.server.stop()
                assert place.charger.clock.monotonic() - started < 0.01

        virtual_time(scenario())

    def test_a_car_that_charges_is_asked_to_stop_and_may_do_so(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"network.shutdown_grace_s": 10, "network.linger_s": 0}) as place:
                car = await place.plain()
                await car.negotiate()
                for body in _to_the_charge_loop():
                    await car.ask(body)
                async with asyncio.TaskGroup() as tasks:
                    stopping = tasks.create_task(place.server.stop())
                    await asyncio.sleep(1)
                    response = await car.ask(iso2.ChargingStatusReq())
                    notice = response.ac_evse_status.evse_notification
                    assert notice is iso2.EVSENotification.StopCharging
                    await car.ask(kit.delivery(ChargeProgress.Stop))
                    await car.ask(kit.TERMINATE)
                    await car.channel.close()
                    await stopping
                assert place.charger.clock.monotonic() < 2
            assert [event["outcome"] for event in place.of("session.ended")] == ["ok"]

        virtual_time(scenario())

    def test_a_car_that_does_not_is_cut_off(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site({"network.shutdown_grace_s": 3}) as place:
                car = await place.plain()
                await car.negotiate()
                for body in _to_the_charge_loop():
                    await car.ask(body)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(place.server.stop())
                    assert await car.close_time() == pytest.approx(3, abs=0.01)
                assert not kit.on_mains(place.charger.station.outlets[0])
            (ended,) = place.of("session.ended")
            assert ended["outcome"] == "aborted"
            assert "shutting down" in ended["reason"]

        virtual_time(scenario())

    def test_nobody_new_is_served_meanwhile(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                first = await place.plain()
                await first.negotiate()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(place.server.stop())
                    await asyncio.sleep(0.1)
                    late = await place.plain()
                    assert await late.close_time() < 0.1
                    await first.channel.close()

        virtual_time(scenario())


def _to_the_charge_loop() -> list[iso2.BodyBase]:
    return [
        kit.SETUP,
        iso2.ServiceDiscoveryReq(),
        kit.selection(EXTERNAL),
        iso2.AuthorizationReq(),
        kit.parameters(),
        kit.delivery(ChargeProgress.Start),
        iso2.ChargingStatusReq(),
    ]


class TestDiscovery:
    def serve(
        self, virtual_time: VirtualTime, wanted: Security, expected: Security, **changes: object
    ) -> None:
        async def scenario() -> None:
            network = SimulatedNetwork(delay_s=0.001)
            clock = LoopClock(NOW)
            keys = {"network.listen": "", **{f"network.{name}": value for name, value in changes.items()}}
            charger = kit.make_charger(keys, clock=clock)
            tls = charger.config.network.tls
            pki = market().pki
            server = Server(
                charger,
                (PROTOCOL,),
                network,
                Tracer("secc", ListSink(), clock.now),
                tls=ServerTls(pki.chain("secc_leaf"), pki["secc_leaf"].signing_key()) if tls else None,
                interface=Interface("sim0", 1, (IPv6Address("fe80::5"),)),
            )
            await server.start()
            tracer = Tracer("evcc", NullSink(), clock.now)
            found = await discover(network, "sim0", wanted, tracer=tracer, clock=clock)
            assert found.security is expected
            assert found.address == IPv6Address("fe80::5")
            stream: Stream = await network.connect(found.host("sim0"), found.port)
            if expected is Security.TLS:
                roots = ClientTls([pki["v2g_root"].certificate], now=clock.now)
                stream = await client_tls(stream, roots, clock=clock)
            car = Car(stream, clock)
            assert (await car.negotiate()).schema_id == 1
            await car.channel.close()
            await server.stop()

        virtual_time(scenario())

    def test_tls_for_whoever_asks(self, virtual_time: VirtualTime) -> None:
        self.serve(virtual_time, Security.TLS, Security.TLS)

    def test_plain_for_whoever_asks(self, virtual_time: VirtualTime) -> None:
        self.serve(virtual_time, Security.NONE, Security.NONE)

    def test_tls_where_there_is_nothing_else(self, virtual_time: VirtualTime) -> None:
        self.serve(virtual_time, Security.NONE, Security.TLS, plain=False)

    def test_plain_where_there_is_nothing_else(self, virtual_time: VirtualTime) -> None:
        self.serve(virtual_time, Security.TLS, Security.NONE, tls=False)


class TestStart:
    def test_an_address_in_use_is_told(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            async with site() as place:
                second = Server(
                    kit.make_charger({"network.sdp": False}),
                    (PROTOCOL,),
                    place.network,
                    Tracer("secc", NullSink(), place.charger.clock.now),
                )
                with pytest.raises(StartError, match="address already in use"):
                    await second.start()

        virtual_time(scenario())

    def test_an_interface_without_link_local_address_is_told(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            server = Server(
                kit.make_charger({"network.listen": ""}),
                (PROTOCOL,),
                SimulatedNetwork(),
                Tracer("secc", NullSink(), LoopClock(NOW).now),
                interface=Interface("sim0", 1, ()),
            )
            with pytest.raises(StartError, match="link-local"):
                await server.start()

        virtual_time(scenario())

    def test_an_interface_that_discovery_cannot_use_is_told(self, virtual_time: VirtualTime) -> None:
        async def scenario() -> None:
            network = SimulatedNetwork()
            server = Server(
                kit.make_charger(),
                (PROTOCOL,),
                network,
                Tracer("secc", NullSink(), LoopClock(NOW).now),
                interface=Interface("eth7", 1, (IPv6Address("fe80::5"),)),
            )
            with pytest.raises(StartError, match="eth7"):
                await server.start()
            await network.listen(HOST, TLS_PORT, until_closed)  # type: ignore[arg-type]  # the port is free again

        virtual_time(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_whole_session_over_real_sockets_and_tls(host: str) -> None:
    """The same charger on the operating system's network, with its clock."""
    clock = SystemClock()
    network = TcpNetwork()
    pki = market().pki
    changes = {"network.listen": str(Endpoint(host, 0)), "network.sdp": False, "network.linger_s": 0}
    charger = kit.make_charger(changes, clock=LoopClock(NOW))
    sink = ListSink()
    server = Server(
        charger,
        (PROTOCOL,),
        network,
        Tracer("secc", sink, clock.now),
        tls=ServerTls(pki.chain("secc_leaf"), pki["secc_leaf"].signing_key()),
    )
    await server.start()
    (door,) = server.doors
    stream = await network.connect(host, door.listener.port)
    car = Car(
        await client_tls(stream, ClientTls([pki["v2g_root"].certificate], now=charger.clock.now)), clock
    )
    await kit.drive(car, CONTRACT)
    await car.channel.close()
    await server.stop()
    (ended,) = sink.of("session.ended")
    assert ended["outcome"] == "ok"
    assert sink.of("state.changed")[-1]["from"] == State.SESSION_STOP
