"""The timer tables, against the figures of ISO 15118-2 and -20."""

import pytest

from v2g.messages.iso2 import body
from v2g.timing import ISO2, ISO20, Deadline, Limit, base_name


@pytest.mark.parametrize(
    ("message", "ev", "charger"),
    [
        ("SupportedAppProtocolReq", 2.0, 1.5),
        ("SessionSetupReq", 2.0, 1.5),
        ("ServiceDetailRes", 5.0, 4.5),
        ("CertificateInstallation", 5.0, 4.5),
        ("CertificateUpdateReq", 5.0, 4.5),
        ("PaymentDetailsReq", 5.0, 4.5),
        ("AuthorizationReq", 2.0, 1.5),
        ("PowerDeliveryReq", 5.0, 4.5),
        ("CurrentDemandReq", 0.25, 0.025),
    ],
)
def test_message_times_of_iso2(message: str, ev: float, charger: float) -> None:
    timeout, performance = ISO2.message_timeout(message), ISO2.performance_time(message)
    assert (timeout.seconds, timeout.name) == (ev, "V2G_EVCC_Msg_Timeout")
    assert (performance.seconds, performance.name) == (charger, "V2G_SECC_Msg_Performance_Time")


def test_every_message_of_iso2_has_its_times() -> None:
    requests = [name for name in vars(body) if name.endswith("Req")]
    assert len(requests) == 17
    for name in requests:
        assert ISO2.performance_time(name).seconds < ISO2.message_timeout(name).seconds


def test_timers_of_iso20() -> None:
    assert ISO20.message_timeout("CertificateInstallationReq").seconds == 5.0
    assert ISO20.performance_time("DC_ChargeLoopReq").seconds == 0.25
    assert ISO20.sequence_timeout_after("DC_ChargeLoopRes").seconds == 0.5
    assert ISO20.sequence_timeout_after("SessionSetupRes").seconds == 60.0


def test_the_charger_is_always_faster_than_the_ev_waits() -> None:
    for timing in (ISO2, ISO20):
        assert timing.evcc_message_timeout_s.keys() == timing.secc_performance_time_s.keys()
        assert timing.secc_ongoing_performance_time.seconds < timing.evcc_ongoing_timeout.seconds
        setup = timing.secc_communication_setup_performance_time
        assert setup.seconds < timing.evcc_communication_setup_timeout.seconds
        assert timing.sequence_performance_time.seconds < timing.sequence_timeout.seconds


def test_an_unknown_message_is_named() -> None:
    with pytest.raises(KeyError, match="Nonsense"):
        ISO2.message_timeout("NonsenseReq")


def test_both_names_of_a_pair_are_the_same() -> None:
    assert base_name("SessionSetupReq") == base_name("SessionSetupRes") == base_name("SessionSetup")


def test_a_deadline_knows_its_timer() -> None:
    deadline = Limit("T", 4.5, "").from_now(100.0)
    assert deadline == Deadline(104.5, "T", 4.5)
    assert deadline.remaining(101.0) == 3.5
    assert deadline.remaining(200.0) == 0.0
    assert not deadline.passed(104.4)
    assert deadline.passed(104.5)
    assert deadline.minus(0.5).at == 104.0
    assert deadline.earlier_of(None) is deadline
    assert deadline.earlier_of(Deadline.after(1.0, 100.0)).at == 101.0
    assert deadline.earlier_of(Deadline.after(9.0, 100.0)) is deadline
