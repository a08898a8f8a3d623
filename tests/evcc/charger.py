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

import msgspec

import exi
from exi.schema import XsdType
from tests.evcc.material import World
from v2g.errors import V2GError
from v2g.messages import appprotocol, iso2, xmldsig
from v2g.messages.iso2 import EVSENotification, EVSEProcessing, PaymentOption, ResponseCode, UnitSymbol
from v2g.messages.iso20.common_types import V2GMessage
from v2g.net.channel import MessageChannel
from v2g.net.clock import Clock
from v2g.net.stream import Stream
from v2g.net.tls import ServerTls, server_tls
from v2g.protocols import ISO2, ISO20_AC, ISO20_DC, UNSENT, Edition, Envelope
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
class Signed:
    """This body with this signature in its header."""

    body: XsdType
    signature: xmldsig.Signature | None


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
    usual: Mapping[str, Answer] = field(default_factory=lambda: USUAL)
    edition: Edition = ISO2
    requests: list[Request] = field(default_factory=list)
    headers: list[Envelope] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    session_id: bytes = SESSION_ID
    closed_by_car: bool = False
    _payload_type: PayloadType = PayloadType.EXI

    @property
    def names(self) -> list[str]:
        """The names of the requests."""
        return [type(request).__name__ for request in self.requests]

    def of(self, kind: type[Any]) -> list[Any]:
        """The requests of one type."""
        return [request for request in self.requests if isinstance(request, kind)]

    def header_of(self, kind: type[Any]) -> Envelope:
        """The envelope of the last request of one type."""
        return [header for header in self.headers if isinstance(header.body, kind)][-1]

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
        request: Request = received.message
        if not isinstance(request, appprotocol.SupportedAppProtocolReq):
            self.headers.append(self.edition.open(request))
            request = self.headers[-1].body
        self.requests.append(request)
        self.arrivals.append(received.arrived_at)
        self._payload_type = received.payload_type
        return await self._send(channel, received.name, self._choose(received.name, request), request)

    def _choose(self, name: str, request: Request) -> Any:
        answer = self.answers.get(name, self.usual.get(name))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(self, request) if callable(answer) and not isinstance(answer, type) else answer

    async def _send(self, channel: MessageChannel, name: str, answer: Any, request: Request) -> bool:
        match answer:
            case Late():
                await asyncio.sleep(answer.seconds)
                usual = self.usual[name]
                later = usual(self, request) if answer.answer is None else answer.answer
                return await self._send(channel, name, later, request)
            case Raw():
                await channel.send_raw(answer.data)
            case Payload():
                await channel.send_raw(encode_frame(self._payload_type, answer.data))
            case Signed():
                await self._transmit(channel, self._wrapped(answer.body, answer.signature))
            case iso2.BodyBase():
                await self._transmit(channel, self._wrapped(answer))
            case V2GMessage() if answer.header is UNSENT:
                await self._transmit(channel, self._wrapped(msgspec.structs.replace(answer)))
            case appprotocol.SupportedAppProtocolRes():
                await channel.send(answer)
                self._speak(channel, answer, request)
            case XsdType():
                await self._transmit(channel, answer)
            case _ if answer is Silence:
                pass
            case _ if answer is Close:
                return False
            case _:
                raise AssertionError(f"no answer to {name}: {answer!r}")
        return True

    def _wrapped(self, body: XsdType, signature: xmldsig.Signature | None = None) -> XsdType:
        return self.edition.wrap(self.session_id, body, signature, int(self.clock.now().timestamp()))

    async def _transmit(self, channel: MessageChannel, message: XsdType) -> None:
        await channel.send(message, payload_type=self.edition.payload_type(message))

    def _speak(self, channel: MessageChannel, answer: XsdType, request: Request) -> None:
        """Put the edition in force that the answer names, if it names one that the car offered."""
        for offer in request.app_protocol:
            if offer.schema_id == getattr(answer, "schema_id", None):
                editions = {edition.namespace: edition for edition in (ISO2, ISO20_AC, ISO20_DC)}
                self.edition = editions[offer.protocol_namespace]
                channel.use(self.edition.schemas)


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
