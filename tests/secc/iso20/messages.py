"""Requests of a well-behaved car of ISO 15118-20, and one valid request of each class."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from exi.schema import XsdType
from pki.keys import SigningKey
from secc import placeholders
from secc.iso20 import AC
from secc.iso20.responses import RESPONSES
from secc.protocol import Protocol
from tests.secc.iso20.market import EVCCID, market20
from v2g.messages import iso20
from v2g.messages.iso20 import ac, dc
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20 import common_types as ct
from v2g.messages.iso20.common_types import Processing
from v2g.protocols import UNSENT
from v2g.rational import rational
from v2g.security import signature
from v2g.security.signature_iso20 import suite_for

FOREIGN = b"\xee" * 8


def signed_part(body: XsdType) -> tuple[str, str, XsdType] | None:
    """Return what is signed of a request."""
    part: Any = None
    if isinstance(body, cm.AuthorizationReq):
        part, name = body.pnc_a_req_authorization_mode, "PnC_AReqAuthorizationMode"
    elif isinstance(body, cm.CertificateInstallationReq):
        part, name = body.oem_provisioning_certificate_chain, "OEMProvisioningCertificateChain"
    elif isinstance(body, cm.MeteringConfirmationReq):
        part, name = body.signed_metering_data, "SignedMeteringData"
    return None if part is None else (part.id, name, part)


def message_of(session_id: bytes, body: XsdType, key: SigningKey | None, time_stamp: int) -> ct.V2GMessage:
    """Put the header on a request, signed where there is a key."""
    part = signed_part(body)
    signed = None
    if key is not None and part is not None:
        signed = signature.sign([part], key, iso20.COMMON_MESSAGES, suite_for(key))
    assert isinstance(body, ct.V2GMessage)
    body.header = ct.MessageHeader(session_id=session_id, time_stamp=time_stamp, signature=signed)
    return body


def setup() -> cm.SessionSetupReq:
    return cm.SessionSetupReq(header=UNSENT, evcc_id=EVCCID)


def authorization_setup() -> cm.AuthorizationSetupReq:
    return cm.AuthorizationSetupReq(header=UNSENT)


def by_contract(challenge: bytes, chain: cm.ContractCertificateChain | None = None) -> cm.AuthorizationReq:
    return cm.AuthorizationReq(
        header=UNSENT,
        selected_authorization_service=cm.Authorization.PnC,
        pnc_a_req_authorization_mode=cm.PnC_AReqAuthorizationMode(
            id="id1",
            gen_challenge=challenge,
            contract_certificate_chain=chain or market20().contract_chain(),
        ),
    )


def externally() -> cm.AuthorizationReq:
    return cm.AuthorizationReq(
        header=UNSENT,
        selected_authorization_service=cm.Authorization.EIM,
        eim_a_req_authorization_mode=cm.EIM_AReqAuthorizationMode(),
    )


def discovery(*services: int) -> cm.ServiceDiscoveryReq:
    wanted = cm.ServiceIDList(service_id=list(services)) if services else None
    return cm.ServiceDiscoveryReq(header=UNSENT, supported_service_ids=wanted)


def detail(service: int) -> cm.ServiceDetailReq:
    return cm.ServiceDetailReq(header=UNSENT, service_id=service)


def selection(service: int, parameter_set: int = 1, *others: int) -> cm.ServiceSelectionReq:
    vas = [cm.SelectedService(service_id=other, parameter_set_id=1) for other in others]
    return cm.ServiceSelectionReq(
        header=UNSENT,
        selected_energy_transfer_service=cm.SelectedService(
            service_id=service, parameter_set_id=parameter_set
        ),
        selected_vas_list=cm.SelectedServiceList(selected_service=vas) if vas else None,
    )


def ac_parameters(
    most_w: float = 11_000, least_w: float = 1_400, *, both_ways: bool = False, per_phase: bool = False
) -> ac.AC_ChargeParameterDiscoveryReq:
    values = {"ev_maximum_charge_power": rational(most_w), "ev_minimum_charge_power": rational(least_w)}
    if both_ways:
        values |= {
            "ev_maximum_discharge_power": rational(most_w),
            "ev_minimum_discharge_power": rational(least_w),
        }
    if per_phase:
        values |= {f"{name}_{phase}": value for name, value in values.items() for phase in ("l2", "l3")}
    kind = ac.BPT_AC_CPDReqEnergyTransferMode if both_ways else ac.AC_CPDReqEnergyTransferMode
    return ac.AC_ChargeParameterDiscoveryReq(header=UNSENT, ac_cpd_req_energy_transfer_mode=kind(**values))


def dc_parameters(*, both_ways: bool = False, **changes: float) -> dc.DC_ChargeParameterDiscoveryReq:
    numbers: dict[str, float] = {
        "ev_maximum_charge_power": 100_000,
        "ev_minimum_charge_power": 0,
        "ev_maximum_charge_current": 250,
        "ev_minimum_charge_current": 0,
        "ev_maximum_voltage": 450,
        "ev_minimum_voltage": 200,
    }
    if both_ways:
        numbers |= {
            "ev_maximum_discharge_power": 50_000,
            "ev_minimum_discharge_power": 0,
            "ev_maximum_discharge_current": 100,
            "ev_minimum_discharge_current": 0,
        }
    kind = dc.BPT_DC_CPDReqEnergyTransferMode if both_ways else dc.DC_CPDReqEnergyTransferMode
    values: dict[str, Any] = {name: rational(value) for name, value in (numbers | changes).items()}
    return dc.DC_ChargeParameterDiscoveryReq(header=UNSENT, dc_cpd_req_energy_transfer_mode=kind(**values))


def schedule(*, dynamic: bool = False) -> cm.ScheduleExchangeReq:
    energy: dict[str, Any] = {
        f"ev_{name}_energy_request": rational(wh)
        for name, wh in {"target": 20_000, "maximum": 30_000, "minimum": 5_000}.items()
    }
    return cm.ScheduleExchangeReq(
        header=UNSENT,
        maximum_supporting_points=12,
        dynamic_se_req_control_mode=(
            cm.Dynamic_SEReqControlMode(departure_time=7200, **energy) if dynamic else None
        ),
        scheduled_se_req_control_mode=(None if dynamic else cm.Scheduled_SEReqControlMode(**energy)),
    )


def profile(
    power_w: float = 5_000,
    *,
    schedule_id: int = 1,
    tolerance: cm.PowerToleranceAcceptance | None = None,
    dynamic: bool = False,
) -> cm.EVPowerProfile:
    entries = [
        cm.PowerScheduleEntry(duration=1800, power=rational(power_w)),
        cm.PowerScheduleEntry(duration=80_000, power=rational(power_w / 2)),
    ]
    return cm.EVPowerProfile(
        time_anchor=0,
        dynamic_evppt_control_mode=cm.Dynamic_EVPPTControlMode() if dynamic else None,
        scheduled_evppt_control_mode=(
            None
            if dynamic
            else cm.Scheduled_EVPPTControlMode(
                selected_schedule_tuple_id=schedule_id, power_tolerance_acceptance=tolerance
            )
        ),
        ev_power_profile_entries=cm.EVPowerProfileEntryList(ev_power_profile_entry=entries),
    )


def delivery(
    progress: cm.ChargeProgress = cm.ChargeProgress.Start,
    given: cm.EVPowerProfile | None = None,
    processing: Processing = Processing.Finished,
) -> cm.PowerDeliveryReq:
    return cm.PowerDeliveryReq(
        header=UNSENT, ev_processing=processing, charge_progress=progress, ev_power_profile=given
    )


START, STOP = cm.ChargeProgress.Start, cm.ChargeProgress.Stop
STANDBY, RENEGOTIATE = cm.ChargeProgress.Standby, cm.ChargeProgress.ScheduleRenegotiation


def cable_check() -> dc.DC_CableCheckReq:
    return dc.DC_CableCheckReq(header=UNSENT)


def pre_charge(target_v: float = 380, processing: Processing = Processing.Ongoing) -> dc.DC_PreChargeReq:
    return dc.DC_PreChargeReq(
        header=UNSENT,
        ev_processing=processing,
        ev_present_voltage=rational(0),
        ev_target_voltage=rational(target_v),
    )


def welding(processing: Processing = Processing.Ongoing) -> dc.DC_WeldingDetectionReq:
    return dc.DC_WeldingDetectionReq(header=UNSENT, ev_processing=processing)


_ENERGY: Mapping[str, Any] = {
    "ev_target_energy_request": rational(20_000),
    "ev_maximum_energy_request": rational(30_000),
    "ev_minimum_energy_request": rational(5_000),
}


def ac_loop(
    drawn_w: float = 4_000,
    *,
    dynamic: bool = False,
    both_ways: bool = False,
    meter: bool = True,
    **limits: float,
) -> ac.AC_ChargeLoopReq:
    values: dict[str, Any] = {"ev_present_active_power": rational(drawn_w)}
    values |= {name: rational(number) for name, number in limits.items()}
    if dynamic:
        values |= _ENERGY
        values |= {
            "ev_maximum_charge_power": rational(11_000),
            "ev_minimum_charge_power": rational(0),
            "ev_present_reactive_power": rational(0),
        }
        if both_ways:
            values |= {
                "ev_maximum_discharge_power": rational(9_000),
                "ev_minimum_discharge_power": rational(0),
            }
    kinds = {
        (False, False): ac.Scheduled_AC_CLReqControlMode,
        (False, True): ac.BPT_Scheduled_AC_CLReqControlMode,
        (True, False): ac.Dynamic_AC_CLReqControlMode,
        (True, True): ac.BPT_Dynamic_AC_CLReqControlMode,
    }
    mode: ct.CLReqControlMode = kinds[dynamic, both_ways](**values)
    return ac.AC_ChargeLoopReq(header=UNSENT, meter_info_requested=meter, cl_req_control_mode=mode)


def dc_loop(
    amps: float = 100,
    volts: float = 400,
    *,
    present_v: float = 380,
    dynamic: bool = False,
    both_ways: bool = False,
    meter: bool = True,
) -> dc.DC_ChargeLoopReq:
    values: dict[str, Any] = {}
    if dynamic:
        values |= _ENERGY
        names = {
            "ev_maximum_charge_power": 100_000,
            "ev_minimum_charge_power": 0,
            "ev_maximum_charge_current": amps,
            "ev_maximum_voltage": volts,
            "ev_minimum_voltage": 200,
        }
        if both_ways:
            names |= {
                "ev_maximum_discharge_power": 50_000,
                "ev_minimum_discharge_power": 0,
                "ev_maximum_discharge_current": 100,
            }
        values |= {name: rational(number) for name, number in names.items()}
    else:
        values = {"ev_target_current": rational(amps), "ev_target_voltage": rational(volts)}
    kinds = {
        (False, False): dc.Scheduled_DC_CLReqControlMode,
        (False, True): dc.BPT_Scheduled_DC_CLReqControlMode,
        (True, False): dc.Dynamic_DC_CLReqControlMode,
        (True, True): dc.BPT_Dynamic_DC_CLReqControlMode,
    }
    mode: ct.CLReqControlMode = kinds[dynamic, both_ways](**values)
    return dc.DC_ChargeLoopReq(
        header=UNSENT,
        meter_info_requested=meter,
        ev_present_voltage=rational(present_v),
        cl_req_control_mode=mode,
    )


def confirmation(session_id: bytes, meter: ct.MeterInfo) -> cm.MeteringConfirmationReq:
    return cm.MeteringConfirmationReq(
        header=UNSENT,
        signed_metering_data=cm.SignedMeteringData(
            id="id1",
            session_id=session_id,
            meter_info=copy.deepcopy(meter),
            scheduled_smdt_control_mode=cm.Scheduled_SMDTControlMode(selected_schedule_tuple_id=1),
        ),
    )


def stop(kind: cm.ChargingSession = cm.ChargingSession.Terminate) -> cm.SessionStopReq:
    return cm.SessionStopReq(header=UNSENT, charging_session=kind)


def loop_of(protocol: Protocol) -> XsdType:
    return ac_loop() if protocol.key == AC.key else dc_loop()


def _fillers(request: type[XsdType]) -> placeholders.Fillers:
    mode: Callable[[str], XsdType] = lambda _: ac_loop().cl_req_control_mode  # noqa: E731 - typed here
    if request is dc.DC_ChargeLoopReq:
        mode = lambda _: dc_loop().cl_req_control_mode  # noqa: E731 - typed here
    return {ct.MessageHeader: lambda _: UNSENT, ct.CLReqControlMode: mode}


def example(request: type[XsdType]) -> XsdType:
    """Return a valid request of a class, a new one each time."""
    if request is cm.SessionSetupReq:
        return setup()
    return placeholders.build(request, {}, _fillers(request))


def requests_of(protocol: Protocol) -> list[type[XsdType]]:
    """Return the request classes that can come in a session, in a fixed order."""
    found = [request for request in RESPONSES if request in protocol.responses]
    return sorted(found, key=lambda request: request.__name__)
