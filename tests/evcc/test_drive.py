"""Up to the first message: discovery, connection, TLS, and the charger's certificate."""

from functools import cache
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from evcc.config import Payment
from pki import profiles
from pki.defects import DEFECTS, Bench, Defect
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from tests.evcc import charger as c
from tests.evcc import scenario
from tests.evcc.conftest import Drive
from tests.evcc.material import ISSUED, NOW, World
from v2g.net.sdp import Answer
from v2g.net.simulated import Fate, Piece
from v2g.net.tls import ServerTls
from v2g.sdp import SdpRequest, SdpResponse, Security
from v2g.trace import ListSink

ADDRESS = IPv6Address("fe80::1")
DISCOVER = {"network.connect": "", "network.interface": "sim0"}


def answer(security: Security | None = None) -> Answer:
    def respond(request: SdpRequest, _peer: str) -> SdpResponse | None:
        return SdpResponse(ADDRESS, 61341, request.security if security is None else security)

    return respond


@pytest.mark.parametrize("secured", [True, False])
def test_discovery(drive: Drive, secured: bool) -> None:
    payment = Payment.CONTRACT if secured else Payment.EXTERNAL
    run = drive(overrides=DISCOVER, discovery=answer(), secured=secured, payment=payment)
    assert run.report.outcome == "ok"
    assert run.report.charger == "[fe80::1%sim0]:61341"
    assert run.report.durations.discovery_s is not None
    (sent,) = run.events("sdp.sent")
    assert sent["security"] == ("TLS" if secured else "NONE")


def test_nobody_answers_the_discovery(drive: Drive) -> None:
    run = drive(overrides=DISCOVER)
    assert (run.report.reason, run.report.exit_code) == ("no_charger", 3)
    assert len(run.events("sdp.sent")) == 50
    assert run.took_s == pytest.approx(12.5)


def test_discovery_is_part_of_the_set_up(drive: Drive) -> None:
    run = drive(overrides=DISCOVER | {"timers.communication_setup_s": 3.0})
    assert run.report.reason == "timeout.V2G_EVCC_CommunicationSetup_Timeout.SDPResponse"
    assert run.took_s == pytest.approx(3)


def test_an_interface_that_is_none(drive: Drive) -> None:
    run = drive(overrides=DISCOVER | {"network.interface": "nowhere7"})
    assert (run.report.reason, run.report.exit_code) == ("no_interface", 3)
    assert "nowhere7" in run.report.detail


def test_a_plain_connection_instead_of_tls(drive: Drive) -> None:
    run = drive(overrides=DISCOVER, discovery=answer(Security.NONE), secured=True)
    assert (run.report.reason, run.report.exit_code) == ("tls_not_offered", 5)
    assert run.charger.requests == []
    assert run.events("tcp.connected") == []


def test_a_charger_that_insists_on_tls(drive: Drive, world: World) -> None:
    """Asked for a plain connection, it offers TLS: the car takes it."""

    def secure(charger: c.Charger) -> None:
        charger.tls = ServerTls(world.cpo.wire, world.cpo.leaf.signing_key())

    run = drive(overrides=DISCOVER, discovery=answer(Security.TLS), payment=Payment.EXTERNAL, prepare=secure)
    assert run.report.outcome == "ok"
    assert run.events("tls.established")


def test_nobody_listens(drive: Drive) -> None:
    run = drive(listening=False)
    assert (run.report.reason, run.report.exit_code) == ("no_connection", 4)
    assert "fe80::1" in run.report.detail


def test_a_session_over_tls(drive: Drive) -> None:
    run = drive(secured=True)
    assert run.report.outcome == "ok"
    (established,) = run.events("tls.established")
    assert (established["version"], established["cipher"]) == ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA256")
    assert "DEPNCS0001" in established["peer_subject"]
    assert run.report.durations.tls_s is not None


def test_plain_bytes_instead_of_tls(drive: Drive) -> None:
    run = drive(secured=True, prepare=lambda charger: setattr(charger, "tls", None))
    assert run.report.exit_code == 5
    assert run.events("tls.failed")


def test_a_handshake_that_stalls(drive: Drive) -> None:
    def swallow(piece: Piece) -> Fate:
        return Fate(drop=not piece.to_listener)

    run = drive(secured=True, fault=swallow)
    assert (run.report.reason, run.report.exit_code) == ("tls.timeout", 5)
    assert run.took_s == pytest.approx(10, abs=2)


def test_a_charger_under_a_foreign_root(drive: Drive, foreign: World) -> None:
    run = drive(secured=True, trusted=[foreign.v2g_root.certificate])
    assert run.report.exit_code == 5
    assert run.report.reason.startswith("tls.")
    assert run.charger.requests == []


@cache
def hierarchy() -> Hierarchy:
    return Hierarchy.create(now=ISSUED, entropy=SeededEntropy(5))


# OpenSSL cannot even be given these as a server, or the ssl module picks a chain of its own making.
NOT_PRESENTABLE = {"wrong_curve"}
# Servers in the field send their root along: superfluous, but harmless.
WITH_THE_ROOT = {"root_on_the_wire", "chain_too_long"}


@pytest.mark.parametrize(
    "defect",
    [d for d in DEFECTS if d.concerns(profiles.SECC_LEAF) and d.name not in NOT_PRESENTABLE],
    ids=lambda d: d.name,
)
def test_bad_charger_certificates(drive: Drive, defect: Defect) -> None:
    """Found by OpenSSL during the handshake, or by the car's own look afterwards; in any case exit code 5."""
    bench = Bench(hierarchy(), profiles.SECC_LEAF, "DEPNCS0001", NOW, SeededEntropy(6))
    made = defect.make(bench)
    tls = ServerTls([made.leaf.certificate, *made.intermediates], made.leaf.signing_key())
    run = drive(
        secured=True,
        payment=Payment.EXTERNAL,
        trusted=[made.root],
        prepare=lambda charger: setattr(charger, "tls", tls),
    )
    if defect.name in WITH_THE_ROOT:
        assert run.report.outcome == "ok"
        return
    assert run.report.exit_code == 5
    assert run.charger.requests == []
    if run.report.reason.startswith("charger_certificate."):
        assert run.report.reason == f"charger_certificate.{defect.rule}"
        assert run.events("certificate.rejected")[0]["rule"] == defect.rule
    else:
        assert run.report.reason.startswith("tls.")


def test_a_provisioning_service_is_no_charger(drive: Drive, world: World) -> None:
    tls = ServerTls(world.cps.wire, world.cps.leaf.signing_key())
    run = drive(secured=True, prepare=lambda charger: setattr(charger, "tls", tls))
    assert run.report.reason == "charger_certificate.wrong_domain"
    assert run.report.exit_code == 5
    assert run.charger.requests == []


@pytest.mark.parametrize("secured", [True, False])
def test_a_capture_of_the_session(drive: Drive, tmp_path: Path, secured: bool) -> None:
    file = tmp_path / "car.pcapng"
    run = drive(secured=secured, capture=file)
    assert run.report.outcome == "ok"
    content = file.read_bytes()
    assert content.startswith(b"\x0a\x0d\x0d\x0a")
    assert (b"CLIENT_RANDOM" in content) == secured


def test_cancelling_closes_and_reports(world: World, tmp_path: Path) -> None:
    run = scenario.visit(tmp_path / "car", world, {"ServiceDiscoveryReq": c.Silence}, cancel_after_s=1.0)
    assert (run.report.outcome, run.report.reason, run.report.exit_code) == ("aborted", "interrupted", 130)
    assert run.events("session.ended")[0]["outcome"] == "aborted"
    assert run.charger.closed_by_car


def test_a_defect_of_our_own_is_not_hidden(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that no charger can cause comes out, and the trace does not call the session good."""
    trace: list[ListSink] = []

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("evcc.iso2.session.sign_authorization_req", broken)
    with pytest.raises(ExceptionGroup) as caught:
        scenario.visit(tmp_path / "car", world, on_trace=trace.append)
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)
    (ended,) = trace[0].of("session.ended")
    assert (ended["outcome"], ended["reason"]) == ("failed", "unexpected")
