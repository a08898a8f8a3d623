"""The timers of ISO 15118 as data: who must have answered by when.

One :class:`Timing` a protocol, :data:`ISO2`, :data:`DIN` and :data:`ISO20`. Each value is a :class:`Limit` that knows
the standard's name for it and where it stands, so that an expired timer can say so. Messages are looked
up by any of their names: ``"SessionSetup"``, ``"SessionSetupReq"``, ``"SessionSetupRes"``.

All durations are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MESSAGE_TIMEOUT = "V2G_EVCC_Msg_Timeout"
MESSAGE_PERFORMANCE_TIME = "V2G_SECC_Msg_Performance_Time"


@dataclass(frozen=True, slots=True)
class Limit:
    """A duration of the standard: ``name`` as the standard has it, ``clause`` where it is set."""

    name: str
    seconds: float
    clause: str

    def from_now(self, now: float) -> "Deadline":
        """Return the deadline of a timer with this limit that starts at ``now`` (monotonic)."""
        return Deadline(now + self.seconds, self.name, self.seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on the monotonic clock by which something must have happened.

    ``name`` and ``limit_s`` tell which timer it belongs to; they are what :class:`v2g.errors.V2GTimeout`
    reports when it passes.
    """

    at: float
    name: str = "deadline"
    limit_s: float = 0.0

    @classmethod
    def after(cls, seconds: float, now: float, name: str = "deadline") -> "Deadline":
        """Return the deadline ``seconds`` after ``now`` (monotonic)."""
        return cls(now + seconds, name, seconds)

    def remaining(self, now: float) -> float:
        """Return the seconds left at ``now``, 0.0 when it has passed."""
        return max(0.0, self.at - now)

    def passed(self, now: float) -> bool:
        """Tell whether nothing is left at ``now``."""
        return now >= self.at

    def minus(self, seconds: float) -> "Deadline":
        """Return an earlier deadline, which leaves ``seconds`` for what comes after it."""
        return Deadline(self.at - seconds, self.name, self.limit_s)

    def earlier_of(self, other: "Deadline | None") -> "Deadline":
        """Return whichever of the two passes first."""
        return self if other is None or self.at <= other.at else other


def base_name(message: str) -> str:
    """Return the name of a message pair: ``SessionSetup`` for SessionSetupReq and SessionSetupRes."""
    return message[:-3] if message.endswith(("Req", "Res")) else message


def _table(default: float, exceptions: Mapping[str, float], messages: tuple[str, ...]) -> Mapping[str, float]:
    return MappingProxyType({name: exceptions.get(name, default) for name in messages})


# --- ISO 15118-2 ----------------------------------------------------------------------------------

_ISO2_MESSAGES = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "ServiceDetail",
    "PaymentServiceSelection",
    "CertificateInstallation",
    "CertificateUpdate",
    "PaymentDetails",
    "Authorization",
    "ChargeParameterDiscovery",
    "PowerDelivery",
    "ChargingStatus",
    "MeteringReceipt",
    "CableCheck",
    "PreCharge",
    "CurrentDemand",
    "WeldingDetection",
    "SessionStop",
)

EVCC_MESSAGE_TIMEOUT_S: Mapping[str, float] = _table(
    2.0,
    {
        "ServiceDetail": 5.0,
        "CertificateInstallation": 5.0,
        "CertificateUpdate": 5.0,
        "PaymentDetails": 5.0,  # one conformance tester uses 2 s
        "PowerDelivery": 5.0,
        "CurrentDemand": 0.25,
    },
    _ISO2_MESSAGES,
)
"""-2: how long the EV waits for each response, then it ends the session [V2G2-436, Table 109]."""

SECC_PERFORMANCE_TIME_S: Mapping[str, float] = _table(
    1.5,
    {
        "ServiceDetail": 4.5,
        "CertificateInstallation": 4.5,
        "CertificateUpdate": 4.5,
        "PaymentDetails": 4.5,
        "PowerDelivery": 4.5,
        "CurrentDemand": 0.025,
    },
    _ISO2_MESSAGES,
)
"""-2: within which time the charger has to have answered each request [Table 109]."""

SEQUENCE_TIMEOUT_S = 60.0
"""How long the charger waits for the next request, then it ends the session [V2G2-443]."""
SEQUENCE_PERFORMANCE_TIME_S = 40.0
"""Within which time the EV has to have sent the next request."""
EVCC_ONGOING_TIMEOUT_S = 60.0
"""How long the EV repeats a request that is answered Ongoing [V2G2-712][V2G2-713]."""
SECC_ONGOING_PERFORMANCE_TIME_S = 55.0
"""How long the charger may answer Ongoing, then FAILED [V2G2-712][V2G2-713]."""
EVCC_COMMUNICATION_SETUP_TIMEOUT_S = 20.0
"""From plug-in to the response of the session set-up."""
SECC_COMMUNICATION_SETUP_PERFORMANCE_TIME_S = 18.0
"""The charger's share of that [V2G2-716]."""
EVCC_CABLE_CHECK_TIMEOUT_S = 40.0
SECC_CABLE_CHECK_PERFORMANCE_TIME_S = 38.0
EVCC_PRE_CHARGE_TIMEOUT_S = 7.0
SECC_PRE_CHARGE_PERFORMANCE_TIME_S = 5.0
SDP_RETRY_INTERVAL_S = 0.25
"""The least time between two SECC discovery requests [V2G2-159]."""
SDP_TRIES = 50
"""How often the EV sends a discovery request at most [V2G2-161]."""
TCP_CLOSE_S = 5.0
"""Within which time a connection is closed after an error or a sequence timeout."""

# --- DIN 70121 ------------------------------------------------------------------------------------

_DIN_MESSAGES = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "ServiceDetail",
    "ServicePaymentSelection",
    "PaymentDetails",
    "ContractAuthentication",
    "CertificateInstallation",
    "CertificateUpdate",
    "ChargeParameterDiscovery",
    "PowerDelivery",
    "ChargingStatus",
    "MeteringReceipt",
    "CableCheck",
    "PreCharge",
    "CurrentDemand",
    "WeldingDetection",
    "SessionStop",
)

DIN_EVCC_MESSAGE_TIMEOUT_S: Mapping[str, float] = _table(2.0, {"CurrentDemand": 0.25}, _DIN_MESSAGES)
"""DIN: how long the EV waits for each response [DIN 70121, Table 75]; those that DIN does not use as the rest."""

DIN_SECC_PERFORMANCE_TIME_S: Mapping[str, float] = _table(1.5, {"CurrentDemand": 0.025}, _DIN_MESSAGES)
"""DIN: within which time the charger has to have answered each request [DIN 70121, Table 75]."""

# --- ISO 15118-20 ---------------------------------------------------------------------------------

_ISO20_MESSAGES = (
    "SupportedAppProtocol",
    "SessionSetup",
    "AuthorizationSetup",
    "CertificateInstallation",
    "Authorization",
    "ServiceDiscovery",
    "ServiceDetail",
    "ServiceSelection",
    "AC_ChargeParameterDiscovery",
    "DC_ChargeParameterDiscovery",
    "WPT_ChargeParameterDiscovery",
    "ScheduleExchange",
    "DC_CableCheck",
    "DC_PreCharge",
    "PowerDelivery",
    "AC_ChargeLoop",
    "DC_ChargeLoop",
    "WPT_ChargeLoop",
    "DC_WeldingDetection",
    "MeteringConfirmation",
    "WPT_FinePositioningSetup",
    "WPT_FinePositioning",
    "WPT_Pairing",
    "WPT_AlignmentCheck",
    "ACDP_VehiclePositioning",
    "ACDP_Connect",
    "ACDP_SystemStatus",
    "ACDP_Disconnect",
    "VehicleCheckIn",
    "VehicleCheckOut",
    "SessionStop",
)
_CHARGE_LOOPS = ("AC_ChargeLoop", "DC_ChargeLoop", "WPT_ChargeLoop")

ISO20_EVCC_MESSAGE_TIMEOUT_S: Mapping[str, float] = _table(
    2.0,
    {"CertificateInstallation": 5.0, "ServiceDetail": 5.0} | dict.fromkeys(_CHARGE_LOOPS, 0.5),
    _ISO20_MESSAGES,
)
"""-20: how long the EV waits for each response [Table 215…218]."""

ISO20_SECC_PERFORMANCE_TIME_S: Mapping[str, float] = _table(
    1.5,
    # The charger's CertificateInstallation row is inferred from the EV's 5 s, as in -2.
    {"CertificateInstallation": 4.5, "ServiceDetail": 4.5} | dict.fromkeys(_CHARGE_LOOPS, 0.25),
    _ISO20_MESSAGES,
)
"""-20: within which time the charger has to have answered each request [Table 215…218]."""

ISO20_SEQUENCE_TIMEOUT_AFTER_CHARGE_LOOP_S = 0.5
"""-20: how long the charger waits for the request after a ChargeLoopRes."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The timers of one protocol edition."""

    protocol: str
    evcc_message_timeout_s: Mapping[str, float]
    secc_performance_time_s: Mapping[str, float]
    clause: str
    sequence_timeout: Limit
    sequence_performance_time: Limit
    evcc_ongoing_timeout: Limit
    secc_ongoing_performance_time: Limit
    evcc_communication_setup_timeout: Limit
    secc_communication_setup_performance_time: Limit
    tcp_close: Limit
    sequence_timeout_exceptions_s: Mapping[str, float]
    """Sequence timeouts that depend on the response sent last, by base name."""

    def message_timeout(self, message: str) -> Limit:
        """Return how long the EV waits for the response; KeyError names a message not in the table."""
        return Limit(MESSAGE_TIMEOUT, self.evcc_message_timeout_s[base_name(message)], self.clause)

    def performance_time(self, message: str) -> Limit:
        """Return within which time the charger answers; KeyError names a message not in the table."""
        return Limit(MESSAGE_PERFORMANCE_TIME, self.secc_performance_time_s[base_name(message)], self.clause)

    def sequence_timeout_after(self, message: str) -> Limit:
        """Return how long the charger waits for the next request after it sent this response."""
        usual = self.sequence_timeout
        seconds = self.sequence_timeout_exceptions_s.get(base_name(message), usual.seconds)
        return Limit(usual.name, seconds, usual.clause)


ISO2 = Timing(
    protocol="ISO 15118-2",
    evcc_message_timeout_s=EVCC_MESSAGE_TIMEOUT_S,
    secc_performance_time_s=SECC_PERFORMANCE_TIME_S,
    clause="[V2G2-436, Table 109]",
    sequence_timeout=Limit("V2G_SECC_Sequence_Timeout", SEQUENCE_TIMEOUT_S, "[V2G2-443]"),
    sequence_performance_time=Limit(
        "V2G_EVCC_Sequence_Performance_Time", SEQUENCE_PERFORMANCE_TIME_S, "[V2G2-443, Table 109]"
    ),
    evcc_ongoing_timeout=Limit("V2G_EVCC_Ongoing_Timeout", EVCC_ONGOING_TIMEOUT_S, "[V2G2-712][V2G2-713]"),
    secc_ongoing_performance_time=Limit(
        "V2G_SECC_Ongoing_Performance_Time", SECC_ONGOING_PERFORMANCE_TIME_S, "[V2G2-712][V2G2-713]"
    ),
    evcc_communication_setup_timeout=Limit(
        "V2G_EVCC_CommunicationSetup_Timeout", EVCC_COMMUNICATION_SETUP_TIMEOUT_S, "[V2G2-716]"
    ),
    secc_communication_setup_performance_time=Limit(
        "V2G_SECC_CommunicationSetup_Performance_Time",
        SECC_COMMUNICATION_SETUP_PERFORMANCE_TIME_S,
        "[V2G2-716]",
    ),
    tcp_close=Limit("TCP_Close", TCP_CLOSE_S, "[V2G2-034]"),
    sequence_timeout_exceptions_s=MappingProxyType({}),
)

_DIN_CLAUSE = "[DIN 70121, Table 75]"

DIN = Timing(
    protocol="DIN 70121",
    evcc_message_timeout_s=DIN_EVCC_MESSAGE_TIMEOUT_S,
    secc_performance_time_s=DIN_SECC_PERFORMANCE_TIME_S,
    clause=_DIN_CLAUSE,
    sequence_timeout=Limit("V2G_SECC_Sequence_Timeout", SEQUENCE_TIMEOUT_S, _DIN_CLAUSE),
    sequence_performance_time=Limit(
        "V2G_EVCC_Sequence_Performance_Time", SEQUENCE_PERFORMANCE_TIME_S, _DIN_CLAUSE
    ),
    evcc_ongoing_timeout=Limit("V2G_EVCC_Ongoing_Timeout", EVCC_ONGOING_TIMEOUT_S, _DIN_CLAUSE),
    secc_ongoing_performance_time=Limit(
        "V2G_SECC_Ongoing_Performance_Time", SECC_ONGOING_PERFORMANCE_TIME_S, _DIN_CLAUSE
    ),
    evcc_communication_setup_timeout=Limit(
        "V2G_EVCC_CommunicationSetup_Timeout", EVCC_COMMUNICATION_SETUP_TIMEOUT_S, _DIN_CLAUSE
    ),
    secc_communication_setup_performance_time=Limit(
        "V2G_SECC_CommunicationSetup_Performance_Time",
        SECC_COMMUNICATION_SETUP_PERFORMANCE_TIME_S,
        _DIN_CLAUSE,
    ),
    tcp_close=Limit("TCP_Close", TCP_CLOSE_S, "[DIN 70121]"),
    sequence_timeout_exceptions_s=MappingProxyType({}),
)

ISO20 = Timing(
    protocol="ISO 15118-20",
    evcc_message_timeout_s=ISO20_EVCC_MESSAGE_TIMEOUT_S,
    secc_performance_time_s=ISO20_SECC_PERFORMANCE_TIME_S,
    clause="[-20, Table 215…218]",
    sequence_timeout=Limit("V2G_SECC_Sequence_Timeout", SEQUENCE_TIMEOUT_S, "[-20, Table 215]"),
    sequence_performance_time=Limit(
        "V2G_EVCC_Sequence_Performance_Time", SEQUENCE_PERFORMANCE_TIME_S, "[-20, Table 215]"
    ),
    evcc_ongoing_timeout=Limit("V2G_EVCC_Ongoing_Timeout", EVCC_ONGOING_TIMEOUT_S, "[-20, Table 215]"),
    secc_ongoing_performance_time=Limit(
        "V2G_SECC_Ongoing_Performance_Time", SECC_ONGOING_PERFORMANCE_TIME_S, "[-20, Table 215]"
    ),
    evcc_communication_setup_timeout=Limit(
        "V2G_EVCC_CommunicationSetup_Timeout", EVCC_COMMUNICATION_SETUP_TIMEOUT_S, "[-20, Table 215]"
    ),
    secc_communication_setup_performance_time=Limit(
        "V2G_SECC_CommunicationSetup_Performance_Time",
        SECC_COMMUNICATION_SETUP_PERFORMANCE_TIME_S,
        "[-20, Table 215]",
    ),
    tcp_close=Limit("TCP_Close", TCP_CLOSE_S, "[-20]"),
    sequence_timeout_exceptions_s=MappingProxyType(
        dict.fromkeys(_CHARGE_LOOPS, ISO20_SEQUENCE_TIMEOUT_AFTER_CHARGE_LOOP_S)
    ),
)
