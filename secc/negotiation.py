"""SupportedAppProtocol: which protocol a connection speaks.

The car lists what it speaks with priorities, 1 the highest. The charger takes the one that the car
prefers most among those it speaks itself [V2G2-167][V2G2-170]: the namespace must be equal and the major
version too; another minor version is a minor deviation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from secc.protocol import Protocol
from v2g.messages.appprotocol import ResponseCode, SupportedAppProtocolReq, SupportedAppProtocolRes


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
