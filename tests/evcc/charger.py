"""A scripted charger: answers like a good one, except where a test says otherwise.

It has no state table and checks nothing. ``answers`` maps the name of a request to what it answers: a
function of the request that returns a body, a whole message, raw bytes, or one of the moves below. A list of
answers is used up one by one, the last one staying.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import exi
from exi.schema import XsdType
from tests.evcc.material import World
from v2g.errors import V2GError
from v2g.messages import appprotocol, iso2, xmldsig
from v2g.messages.iso2 import EVSENotification, EVSEProcessing, PaymentOption, ResponseCode, UnitSymbol
from v2g.net.channel import MessageChannel
from v2g.net.clock import Clock
from v2g.net.stream import Stream
from v2g.net.tls import ServerTls, server_tls
from v2g.trace import null_tracer
from v2g.v2gtp import PayloadType, encode_frame

SESSION_ID = bytes.fromhex("1122334455667788")
CHALLENGE = bytes(range(16))
EVSE_ID = "DE*PNC*E1"


@dataclass(frozen=True)
class Raw:
    """These bytes as they are."""

    data: bytes


@dataclass(frozen=True)
class Payload:
    """These bytes as the EXI payload of a good frame."""

    data: bytes


@dataclass(frozen=True)
class Late:
    """The usual answer, or ``answer``, after ``seconds``."""

    seconds: float
    answer: Any = None


class Silence:
    """No answer at all, the connection stays open."""


class Close:
    """The connection ends instead of an answer."""


Answer = Any
Request = Any


@dataclass
class Charger:
    """One charger; ``requests`` are what it was sent, in order."""

    world: World
    clock: Clock
    answers: dict[str, Answer] = field(default_factory=dict)
    tls: ServerTls | None = None
    requests: list[Request] = field(default_factory=list)
    headers: list[iso2.MessageHeader] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    closed_by_car: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the requests."""
        return [type(request).__name__ for request in self.requests]

    def of(self, kind: type[Any]) -> list[Any]:
        """The requests of one type."""
        return [request for request in self.requests if isinstance(request, kind)]

    def header_of(self, kind: type[Any]) -> iso2.MessageHeader:
        """The header of the last request of one type."""
        bodies = [request for request in self.requests if isinstance(request, iso2.BodyBase)]
        return [h for h, body in zip(self.headers, bodies, strict=True) if isinstance(body, kind)][-1]

    async def serve(self, stream: Stream) -> None:
        """Serve one connection until the car leaves."""
        if self.tls is not None:
            stream = await server_tls(stream, self.tls, clock=self.clock)
        channel = MessageChannel(stream, null_tracer("secc"), self.clock, initiator=False)
        try:
            while await self._answer(channel):
                pass
        except V2GError:
            self.closed_by_car = True
        finally:
            await stream.close()

    async def _answer(self, channel: MessageChannel) -> bool:
        received = await channel.receive()
        message = received.message
        if isinstance(message, iso2.V2G_Message):
            self.headers.append(message.header)
        request = message.body.body_element if isinstance(message, iso2.V2G_Message) else message
        self.requests.append(request)
        self.arrivals.append(received.arrived_at)
        return await self._send(channel, received.name, self._choose(received.name, request), request)

    def _choose(self, name: str, request: Request) -> Any:
        answer = self.answers.get(name, USUAL.get(name))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(self, request) if callable(answer) and not isinstance(answer, type) else answer

    async def _send(self, channel: MessageChannel, name: str, answer: Any, request: Request) -> bool:
        match answer:
            case Late():
                await asyncio.sleep(answer.seconds)
                usual = USUAL[name]
                later = usual(self, request) if answer.answer is None else answer.answer
                return await self._send(channel, name, later, request)
            case Raw():
                await channel.send_raw(answer.data)
            case Payload():
                await channel.send_raw(encode_frame(PayloadType.EXI, answer.data))
            case iso2.BodyBase():
                await channel.send(wrapped(answer))
            case XsdType():
                await channel.send(answer)
                if isinstance(answer, appprotocol.SupportedAppProtocolRes):
                    channel.use(iso2.SCHEMA)
            case _ if answer is Silence:
                pass
            case _ if answer is Close:
                return False
            case _:
                raise AssertionError(f"no answer to {name}: {answer!r}")
        return True


def wrapped(
    body: iso2.BodyBase, session_id: bytes = SESSION_ID, signature: xmldsig.Signature | None = None
) -> iso2.V2G_Message:
    """A whole message around a body."""
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=session_id, signature=signature),
        body=iso2.Body(body_element=body),
    )


def encoded(message: iso2.V2G_Message) -> bytes:
    """The EXI of a message."""
    return exi.encode(message, iso2.SCHEMA)


def watts(value: int) -> iso2.PhysicalValue:
    return iso2.PhysicalValue(multiplier=0, unit=UnitSymbol.W, value=value)


def amperes(value: int) -> iso2.PhysicalValue:
    return iso2.PhysicalValue(multiplier=0, unit=UnitSymbol.A, value=value)


def volts(value: int) -> iso2.PhysicalValue:
    return iso2.PhysicalValue(multiplier=0, unit=UnitSymbol.V, value=value)


def status(
    notification: EVSENotification = EVSENotification.None_, *, rcd: bool = False
) -> iso2.AC_EVSEStatus:
    return iso2.AC_EVSEStatus(notification_max_delay=0, evse_notification=notification, rcd=rcd)


def negotiated(code: str = "OK_SuccessfulNegotiation", schema_id: int | None = 1) -> Any:
    return appprotocol.SupportedAppProtocolRes(
        response_code=appprotocol.ResponseCode(code), schema_id=schema_id
    )


def session_setup(code: ResponseCode = ResponseCode.OK_NewSessionEstablished) -> iso2.SessionSetupRes:
    return iso2.SessionSetupRes(response_code=code, evse_id=EVSE_ID, evse_time_stamp=1)


CERTIFICATE_SERVICE = iso2.Service(
    service_id=2,
    service_name="Certificate",
    service_category=iso2.ServiceCategory.ContractCertificate,
    free_service=True,
)


def services(
    *,
    options: tuple[PaymentOption, ...] = (PaymentOption.Contract, PaymentOption.ExternalPayment),
    installation: bool = True,
    modes: tuple[iso2.EnergyTransferMode, ...] = tuple(iso2.EnergyTransferMode)[:2],
) -> iso2.ServiceDiscoveryRes:
    return iso2.ServiceDiscoveryRes(
        response_code=ResponseCode.OK,
        payment_option_list=iso2.PaymentOptionList(payment_option=list(options)),
        charge_service=iso2.ChargeService(
            service_id=1,
            service_category=iso2.ServiceCategory.EVCharging,
            free_service=True,
            supported_energy_transfer_mode=iso2.SupportedEnergyTransferMode(energy_transfer_mode=list(modes)),
        ),
        service_list=iso2.ServiceList(service=[CERTIFICATE_SERVICE]) if installation else None,
    )


def service_detail(*parameter_sets: int, service_id: int = 2) -> iso2.ServiceDetailRes:
    names = {1: "Installation", 2: "Update"}
    listed = [
        iso2.ParameterSet(
            parameter_set_id=number, parameter=[iso2.Parameter(name="Service", string_value=names[number])]
        )
        for number in parameter_sets
    ]
    return iso2.ServiceDetailRes(
        response_code=ResponseCode.OK,
        service_id=service_id,
        service_parameter_list=iso2.ServiceParameterList(parameter_set=listed) if listed else None,
    )


def installed(charger: Charger, request: iso2.CertificateInstallationReq) -> iso2.V2G_Message:
    """The usual bundle for whoever asks, with the key for the certificate in the request."""
    from tests.evcc.bundle import usual

    return usual(charger.world).for_request(request).message()


def authorized(processing: EVSEProcessing = EVSEProcessing.Finished) -> iso2.AuthorizationRes:
    return iso2.AuthorizationRes(response_code=ResponseCode.OK, evse_processing=processing)


def charge_parameters(
    processing: EVSEProcessing = EVSEProcessing.Finished,
    *,
    entries: tuple[tuple[int, iso2.PhysicalValue], ...] = ((0, watts(11_000)),),
    voltage: iso2.PhysicalValue | None = None,
    current: iso2.PhysicalValue | None = None,
    schedules: bool = True,
) -> iso2.ChargeParameterDiscoveryRes:
    schedule = iso2.SAScheduleTuple(
        sa_schedule_tuple_id=7,
        p_max_schedule=iso2.PMaxSchedule(
            p_max_schedule_entry=[
                iso2.PMaxScheduleEntry(time_interval=iso2.RelativeTimeInterval(start=start), p_max=p_max)
                for start, p_max in entries
            ]
        ),
    )
    return iso2.ChargeParameterDiscoveryRes(
        response_code=ResponseCode.OK,
        evse_processing=processing,
        sa_schedules=iso2.SAScheduleList(sa_schedule_tuple=[schedule]) if schedules else None,
        evse_charge_parameter=iso2.AC_EVSEChargeParameter(
            ac_evse_status=status(),
            evse_nominal_voltage=voltage or volts(230),
            evse_max_current=current or amperes(16),
        ),
    )


def power_delivery(notification: EVSENotification = EVSENotification.None_) -> iso2.PowerDeliveryRes:
    return iso2.PowerDeliveryRes(response_code=ResponseCode.OK, evse_status=status(notification))


def charging_status(
    notification: EVSENotification = EVSENotification.None_,
    *,
    rcd: bool = False,
    receipt: bool = False,
    meter: bool = True,
    max_current: iso2.PhysicalValue | None = None,
) -> iso2.ChargingStatusRes:
    return iso2.ChargingStatusRes(
        response_code=ResponseCode.OK,
        evse_id=EVSE_ID,
        sa_schedule_tuple_id=7,
        evse_max_current=max_current,
        meter_info=iso2.MeterInfo(meter_id="M1", meter_reading=1234) if meter else None,
        receipt_required=receipt,
        ac_evse_status=status(notification, rcd=rcd),
    )


def metering_receipt(notification: EVSENotification = EVSENotification.None_) -> iso2.MeteringReceiptRes:
    return iso2.MeteringReceiptRes(response_code=ResponseCode.OK, evse_status=status(notification))


def always(answer: Any) -> Callable[[Charger, Request], Any]:
    return lambda _charger, _request: answer


USUAL: Mapping[str, Callable[[Charger, Request], Any]] = {
    "SupportedAppProtocolReq": always(negotiated()),
    "SessionSetupReq": always(session_setup()),
    "ServiceDiscoveryReq": always(services()),
    "ServiceDetailReq": always(service_detail(1, 2)),
    "PaymentServiceSelectionReq": always(iso2.PaymentServiceSelectionRes(response_code=ResponseCode.OK)),
    "CertificateInstallationReq": installed,
    "PaymentDetailsReq": always(
        iso2.PaymentDetailsRes(response_code=ResponseCode.OK, gen_challenge=CHALLENGE, evse_time_stamp=1)
    ),
    "AuthorizationReq": always(authorized()),
    "ChargeParameterDiscoveryReq": always(charge_parameters()),
    "PowerDeliveryReq": always(power_delivery()),
    "ChargingStatusReq": always(charging_status()),
    "MeteringReceiptReq": always(metering_receipt()),
    "SessionStopReq": always(iso2.SessionStopRes(response_code=ResponseCode.OK)),
}
