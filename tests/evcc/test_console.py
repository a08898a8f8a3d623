from evcc.console import ConsoleSink
from tests.evcc import charger as c
from tests.evcc.bundle import usual
from tests.evcc.conftest import Drive
from tests.evcc.material import EMAIDS, World


def told(records: list[dict[str, object]]) -> list[str]:
    lines: list[str] = []
    sink = ConsoleSink(lines.append)
    for record in records:
        sink.write(record)
    sink.close()
    return lines


def test_a_session_in_lines(drive: Drive) -> None:
    lines = told([dict(record) for record in drive(secured=True).trace.records])
    text = "\n".join(lines)
    assert "TLSv1.2 ECDHE-ECDSA-AES128-SHA256" in text
    assert f"contract {EMAIDS[0]} installed" in text
    assert "charging, round   2" in text
    (installation,) = [line for line in lines if "CertificateInstallation " in line]
    assert "of 5 s" in installation
    assert installation.endswith("OK")
    assert all(line[:9].strip().replace(".", "").isdigit() for line in lines)


def test_trouble_in_lines(drive: Drive, world: World) -> None:
    late = "\n".join(told([dict(record) for record in drive({"SessionSetupReq": c.Silence}).trace.records]))
    assert "timer V2G_EVCC_Msg_Timeout expired after 2 s" in late
    nonsense = drive({"SessionSetupReq": c.Payload(b"\x80\xff")})
    assert "rejected" in "\n".join(told([dict(record) for record in nonsense.trace.records]))
    body = usual(world).body()
    body.sa_provisioning_certificate_chain.certificate = b"\x30\x00"
    refused = drive({"CertificateInstallationReq": c.wrapped(body)})
    assert "certificate refused: unreadable" in "\n".join(told([dict(r) for r in refused.trace.records]))
