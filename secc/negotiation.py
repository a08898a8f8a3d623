"""SupportedAppProtocol: which protocol a connection speaks.

The car lists what it speaks with priorities, 1 the highest. The charger takes the one that the car
prefers most among those it speaks itself [V2G2-167][V2G2-170]: the namespace must be equal and the major
version too; another minor version is a minor deviation.

What is spoken depends on the connection: ISO 15118-20 needs TLS 1.3, DIN 70121 none at all, and the protocol an
outlet of its kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from secc.charger import Charger
from secc.protocol import Protocol
from v2g.messages.appprotocol import ResponseCode, SupportedAppProtocolReq, SupportedAppProtocolRes
from v2g.net.stream import TlsInfo

TLS13 = "TLSv1.3"


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The answer, and the protocol that it settles; None when there is none in common."""

    response: SupportedAppProtocolRes
    protocol: Protocol | None


def negotiate(request: SupportedAppProtocolReq, spoken: Sequence[Protocol]) -> Negotiated:
    """Choose among ``spoken`` by the car's priorities; of equal ones the first in the car's list wins."""
    for wanted in sorted(request.app_protocol, key=lambda entry: entry.priority):
        for protocol in spoken:
            if (
                wanted.protocol_namespace != protocol.edition.namespace
                or wanted.version_number_major != protocol.edition.major
            ):
                continue
            code = (
                ResponseCode.OK_SuccessfulNegotiation
                if wanted.version_number_minor == protocol.edition.minor
                else ResponseCode.OK_SuccessfulNegotiationWithMinorDeviation
            )
            return Negotiated(
                SupportedAppProtocolRes(response_code=code, schema_id=wanted.schema_id), protocol
            )
    return Negotiated(SupportedAppProtocolRes(response_code=ResponseCode.Failed_NoNegotiation), None)


def spoken_on(protocols: Sequence[Protocol], tls: TlsInfo | None, charger: Charger) -> list[Protocol]:
    """Return the protocols that are spoken on a connection with this TLS (None: without)."""
    return [
        protocol
        for protocol in protocols
        if (protocol.outlet is None or charger.station.has(protocol.outlet))
        and _goes_with(protocol, tls, charger)
    ]


def _goes_with(protocol: Protocol, tls: TlsInfo | None, charger: Charger) -> bool:
    """Tell whether a protocol may be spoken over this TLS; DIN 70121 knows none, and no contracts either."""
    if protocol.external:
        return tls is None and charger.config.payment.external
    return _secure_enough(tls, charger) if protocol.tls13 else _old_enough(tls, charger)


def _secure_enough(tls: TlsInfo | None, charger: Charger) -> bool:
    """Tell whether ISO 15118-20 may be spoken; without TLS only where tests are to be made so."""
    return charger.config.network.iso20_plain if tls is None else tls.version == TLS13


def _old_enough(tls: TlsInfo | None, charger: Charger) -> bool:
    """Tell whether ISO 15118-2 may be spoken."""
    return tls is None or tls.version != TLS13 or charger.config.network.iso2_tls13
