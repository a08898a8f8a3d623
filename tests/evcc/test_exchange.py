import pytest

from evcc import config
from evcc.errors import ResponseTimeoutError
from evcc.exchange import Exchange
from tests.evcc.charger import SESSION_ID, Charger
from tests.evcc.charger20 import USUAL20
from tests.evcc.material import NOW, World
from tests.evcc.material20 import World20
from v2g.messages import appprotocol, iso2
from v2g.messages.iso20 import dc
from v2g.messages.iso20.common_messages import SessionSetupReq, SessionSetupRes
from v2g.net.channel import MessageChannel
from v2g.net.clock import LoopClock
from v2g.net.simulated import SimulatedNetwork
from v2g.net.virtual import run_virtual
from v2g.protocols import ISO2, ISO20_DC, UNSENT
from v2g.rational import rational
from v2g.timing import Deadline
from v2g.trace import ListSink, Tracer

OFFER = appprotocol.AppProtocol(
    protocol_namespace=iso2.NAMESPACE,
    version_number_major=2,
    version_number_minor=0,
    schema_id=1,
    priority=1,
)


class SkippingClock(LoopClock):
    """A clock that can be put forward, for a car that was busy with something else."""

    skipped_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped_s


async def converse(world: World, trace: ListSink, pause_s: float, *, settled: bool = True) -> None:
    """Set up a session and ask for the services after ``pause_s`` seconds of our own making."""
    clock, network = SkippingClock(NOW), SimulatedNetwork()
    charger = Charger(world, clock)
    listener = await network.listen("fe80::1", 61341, charger.serve)
    try:
        stream = await network.connect("fe80::1", 61341)
        channel = MessageChannel(stream, Tracer("evcc", trace, clock.now), clock, initiator=True)
        setup = Deadline.after(20.0, clock.monotonic(), "V2G_EVCC_CommunicationSetup_Timeout")
        exchange = Exchange(channel, clock, config.load(None, {}), setup)
        await exchange.negotiate(appprotocol.SupportedAppProtocolReq(app_protocol=[OFFER]))
        exchange.speak(ISO2)
        await exchange.open(iso2.SessionSetupReq(evcc_id=bytes(6)), iso2.SessionSetupRes)
        if settled:
            exchange.settled(channel.tracer)
        clock.skipped_s += pause_s
        await exchange.ask(iso2.ServiceDiscoveryReq(), iso2.ServiceDiscoveryRes)
        assert exchange.messages == 3
        assert exchange.session_id == SESSION_ID
    finally:
        await listener.close()


def test_a_pause_within_the_sequence_performance_time(world: World) -> None:
    run_virtual(converse(world, ListSink(), 39.9))


def test_a_car_that_takes_too_long_itself(world: World) -> None:
    trace = ListSink()
    with pytest.raises(ResponseTimeoutError) as caught:
        run_virtual(converse(world, trace, 40.1))
    assert (caught.value.name, caught.value.limit_s) == ("V2G_EVCC_Sequence_Performance_Time", 40)
    assert caught.value.message == "ServiceDiscoveryReq"
    (expired,) = trace.of("timer.expired")
    assert expired["name"] == "V2G_EVCC_Sequence_Performance_Time"


def test_a_deadline_that_has_passed_sends_nothing(world: World) -> None:
    trace = ListSink()
    with pytest.raises(ResponseTimeoutError, match="V2G_EVCC_CommunicationSetup_Timeout expired after 20 s"):
        run_virtual(converse(world, trace, 21.0, settled=False))
    assert [event["name"] for event in trace.of("message.sent")][-1] == "SessionSetupReq"


async def loop_after(pause_s: float, trace: ListSink) -> None:
    """Be slow between two rounds of a -20 charge loop."""
    world = World20()
    clock, network = SkippingClock(NOW), SimulatedNetwork()
    charger = Charger(world, clock, usual=USUAL20, edition=ISO20_DC)
    listener = await network.listen("fe80::1", 61341, charger.serve)
    try:
        stream = await network.connect("fe80::1", 61341)
        channel = MessageChannel(stream, Tracer("evcc", trace, clock.now), clock, initiator=True)
        exchange = Exchange(channel, clock, config.load(None, {}), Deadline.after(20.0, clock.monotonic()))
        await exchange.negotiate(
            appprotocol.SupportedAppProtocolReq(
                app_protocol=[
                    appprotocol.AppProtocol(
                        protocol_namespace=ISO20_DC.namespace,
                        version_number_major=1,
                        version_number_minor=0,
                        schema_id=1,
                        priority=1,
                    )
                ]
            )
        )
        exchange.speak(ISO20_DC)
        await exchange.open(SessionSetupReq(header=UNSENT, evcc_id="ME"), SessionSetupRes)
        exchange.settled(channel.tracer)
        mode = dc.Scheduled_DC_CLReqControlMode(
            ev_target_current=rational(1), ev_target_voltage=rational(400)
        )
        request = dc.DC_ChargeLoopReq(
            header=UNSENT,
            meter_info_requested=False,
            ev_present_voltage=rational(400),
            cl_req_control_mode=mode,
        )
        clock.skipped_s += 30.0
        await exchange.ask(request, dc.DC_ChargeLoopRes)
        clock.skipped_s += pause_s
        await exchange.ask(request, dc.DC_ChargeLoopRes)
    finally:
        await listener.close()


def test_in_the_charge_loop_the_car_is_quicker() -> None:
    """The charger waits half a second after a ChargeLoopRes: later, the car need not try."""
    run_virtual(loop_after(0.49, ListSink()))
    with pytest.raises(ResponseTimeoutError) as caught:
        run_virtual(loop_after(0.51, ListSink()))
    assert (caught.value.name, caught.value.limit_s) == ("V2G_EVCC_Sequence_Performance_Time", 0.5)
