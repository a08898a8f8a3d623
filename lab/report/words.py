"""What the report says about phases, messages and places: one sentence each, for someone new to it."""

from dataclasses import dataclass

from lab.model import Place


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a session, with its heading and what happens in it."""

    title: str
    text: str


MEET = Phase("Meet", "The car finds the charger, checks its certificate and agrees on a protocol.")
AGREE = Phase("Agree", "A session begins; the car learns what is on offer and chooses how to pay.")
INSTALL = Phase(
    "Install the contract",
    "The car asks for its contract with a signed request. The charger takes it to the market and "
    "brings the signed answer back. Only this car can open the key inside.",
)
PROVE = Phase(
    "Prove who pays", "The car shows its contract and signs the charger's challenge with the contract key."
)
PREPARE = Phase("Prepare", "Car and charger agree on limits and schedule, then the contactors close.")
CHARGE = Phase("Charge", "The car reports in, round after round, while energy flows.")
PART = Phase("Part", "Charging stops and both sides say goodbye.")

_PHASES: dict[str, Phase] = {
    "SupportedAppProtocol": MEET,
    "SessionSetup": AGREE,
    "ServiceDiscovery": AGREE,
    "ServiceDetail": AGREE,
    "PaymentServiceSelection": AGREE,
    "CertificateInstallation": INSTALL,
    "CertificateUpdate": INSTALL,
    "PaymentDetails": PROVE,
    "Authorization": PROVE,
    "ChargeParameterDiscovery": PREPARE,
    "CableCheck": PREPARE,
    "PreCharge": PREPARE,
    "PowerDelivery": PREPARE,
    "ChargingStatus": CHARGE,
    "CurrentDemand": CHARGE,
    "MeteringReceipt": CHARGE,
    "WeldingDetection": PART,
    "SessionStop": PART,
}

_MESSAGES: dict[str, str] = {
    "SupportedAppProtocolReq": "The car lists the protocols it speaks, each with a number and a priority.",
    "SupportedAppProtocolRes": "The charger picks one by its number.",
    "SessionSetupReq": "The car opens a session, or resumes one, and gives its EVCCID.",
    "SessionSetupRes": "The charger gives the session its id and says which charge point this is.",
    "ServiceDiscoveryReq": "The car asks what the charger offers.",
    "ServiceDiscoveryRes": "Payment options, the charge service, and extras such as the certificate service.",
    "ServiceDetailReq": "The car asks for the parameters of one service.",
    "ServiceDetailRes": "Parameter sets of that service; for certificates: installation and update.",
    "PaymentServiceSelectionReq": "The car chooses services and whether a contract or something outside pays.",
    "PaymentServiceSelectionRes": "The charger agrees, or not.",
    "CertificateInstallationReq": "The car's provisioning certificate and the roots it trusts, signed with the "
    "key that the car maker put into it.",
    "CertificateInstallationRes": "The contract certificate and its private key, encrypted for this car alone, "
    "signed by a certificate provisioning service. Four parts are signed.",
    "CertificateUpdateReq": "The car asks to renew the contract it holds.",
    "CertificateUpdateRes": "The renewed contract, encrypted for the old contract's key.",
    "PaymentDetailsReq": "The car shows its contract certificate and its eMAID.",
    "PaymentDetailsRes": "The charger answers with a random challenge.",
    "AuthorizationReq": "The challenge comes back, signed with the contract key.",
    "AuthorizationRes": "Finished: the car may charge. Ongoing: ask again.",
    "ChargeParameterDiscoveryReq": "What the car can take: energy, voltage, current, time of departure.",
    "ChargeParameterDiscoveryRes": "What the charger can give, and when.",
    "CableCheckReq": "The car asks for the insulation test of the cable.",
    "CableCheckRes": "How far the insulation test is.",
    "PreChargeReq": "The car asks for its own voltage on the cable.",
    "PreChargeRes": "The voltage that is there now.",
    "PowerDeliveryReq": "Start, stop or renegotiate the flow of energy.",
    "PowerDeliveryRes": "The charger did it, or says why not.",
    "ChargingStatusReq": "A sign of life from the car while it charges with AC.",
    "ChargingStatusRes": "The meter, the greatest current allowed now, and whether a receipt is wanted.",
    "CurrentDemandReq": "The car asks for a current and a voltage.",
    "CurrentDemandRes": "What the charger gives now.",
    "MeteringReceiptReq": "The car signs the meter's value.",
    "MeteringReceiptRes": "The charger takes the receipt.",
    "WeldingDetectionReq": "The car tests whether its contactors opened.",
    "WeldingDetectionRes": "The voltage that is left on the cable.",
    "SessionStopReq": "The car ends the session, or pauses it.",
    "SessionStopRes": "Goodbye.",
}

PLACES: dict[Place, tuple[str, str]] = {
    Place.LINK: ("Cable and TLS", "there and back"),
    Place.CHARGER: ("Charger", "decode, check the signature, choose, encode"),
    Place.HTTP: ("Way to the backend", "HTTP there and back"),
    Place.POOL: ("Backend", "checks the request, finds the signed bundle"),
}


def phase(exchange: str) -> Phase | None:
    """Return the phase that an exchange such as ``SessionSetup`` belongs to; None for an unknown one."""
    return _PHASES.get(_class_name(exchange))


def message(name: str) -> str:
    """Return what a message such as ``SessionSetupReq`` is for; empty for an unknown one."""
    return _MESSAGES.get(_class_name(name), "")


def _class_name(name: str) -> str:
    """Return a name as our classes spell it; on the wire supportedAppProtocol begins with a small letter."""
    return name[:1].upper() + name[1:]
