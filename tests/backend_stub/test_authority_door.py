"""The doors of the certificate authority over HTTP: EST, revocation, lists and OCSP."""

import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    load_der_pkcs7_certificates,
)
from cryptography.x509 import ocsp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend_stub.access.interface import SCOPES, Party, Role
from backend_stub.authority.routes import BULK_PATH, OCSP_REQUEST
from pki.crl import CrlChecker, parse_crl
from pki.errors import CertificateError
from pki.hierarchy import Hierarchy
from pki.names import common_name, fingerprint_sha256
from pki.ocsp import OcspChecker, build_request
from tests.backend_stub.material import der_base64
from tests.backend_stub.offices import Office, open_office, request_for

EMAID = "DEPNCA1B2C3D4EU"
OTHERS = "DEXYZA1B2C3D4E9"
PCID = "PNCX0000000000001"
OPENSSL = shutil.which("openssl") or ""

MSP = Party(Role.MSP, "DEPNC", SCOPES[Role.MSP])
OEM = Party(Role.OEM, "PNC", SCOPES[Role.OEM])
CPO = Party(Role.CPO, "DEPNC", SCOPES[Role.CPO])


@pytest.fixture
async def office(tmp_path: Path, hierarchy: Hierarchy) -> AsyncIterator[Office]:
    async with open_office(tmp_path / "market.db", hierarchy) as opened:
        yield opened


def pkcs10(name: str, wrap: Callable[[bytes], bytes] = base64.encodebytes) -> bytes:
    return wrap(request_for(name)[0].public_bytes(Encoding.DER))


def certificates_in(answer: httpx.Response) -> list[x509.Certificate]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert answer.headers["content-transfer-encoding"] == "base64"
    return load_der_pkcs7_certificates(base64.b64decode(answer.content))


def code_of(answer: httpx.Response) -> str:
    message = str(answer.json()["errorMessages"][0])
    return message[1 : message.index("]")]


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/est/mo/simpleenroll/ISO15118-2",
        "/.well-known/est/mo/simpleenroll",
        "/opnc/v1/pki/est/simpleenroll?caDomain=mo&iso15118Version=ISO15118-2",
    ],
)
async def test_enrolment(office: Office, path: str) -> None:
    headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
    (certificate,) = certificates_in(await office.http.post(path, content=pkcs10(EMAID), headers=headers))
    assert common_name(certificate) == EMAID
    assert certificate.issuer == office.hierarchy["mo_sub_ca2"].certificate.subject


@pytest.mark.parametrize(
    "wrap",
    [
        base64.b64encode,
        bytes,
        lambda der: x509.load_der_x509_csr(der).public_bytes(Encoding.PEM),
    ],
    ids=["one line", "DER", "PEM"],
)
async def test_requests_in_other_clothes(office: Office, wrap: Callable[[bytes], bytes]) -> None:
    answer = await office.http.post(
        "/.well-known/est/oem/simpleenroll/ISO15118-2", content=pkcs10(PCID, wrap)
    )
    assert [common_name(each) for each in certificates_in(answer)] == [PCID]


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/est/cps/cacerts/ISO15118-2",
        "/.well-known/est/cps/cacerts",
        "/opnc/v1/pki/est/cacerts?caDomain=cps",
    ],
)
async def test_ca_certificates(office: Office, path: str) -> None:
    found = certificates_in(await office.http.get(path))
    names = {"cps_sub_ca2", "cps_sub_ca1", "v2g_root"}
    expected = {fingerprint_sha256(office.hierarchy[name].certificate) for name in names}
    assert {fingerprint_sha256(each) for each in found} == expected


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
async def test_openssl_makes_the_request_and_reads_the_answer(office: Office, tmp_path: Path) -> None:
    def openssl(*words: str) -> bytes:
        return subprocess.run(
            [OPENSSL, *words], cwd=tmp_path, capture_output=True, check=True, timeout=30
        ).stdout

    openssl("ecparam", "-genkey", "-name", "prime256v1", "-out", "key.pem")
    der = openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=DE*PNC*E0001/O=ignored", "-outform", "DER")
    answer = await office.http.post(
        "/.well-known/est/cpo/simpleenroll/ISO15118-2", content=base64.b64encode(der)
    )
    (tmp_path / "answer.p7").write_bytes(base64.b64decode(answer.content))
    pem = openssl("pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs")
    certificate = x509.load_pem_x509_certificate(pem)
    assert common_name(certificate) == "DE*PNC*E0001"
    assert "ignored" not in certificate.subject.rfc4514_string()


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/.well-known/est/mo/simpleenroll/ISO15118-2", b"", "REQUEST"),
        ("/.well-known/est/mo/simpleenroll/ISO15118-2", b"AAAA", "REQUEST"),
        ("/.well-known/est/mo/simpleenroll/ISO15118-2", b"\xff" * 50, "REQUEST"),
        ("/.well-known/est/mo/simpleenroll/ISO15118-2", b"-----BEGIN CERTIFICATE REQUEST-----", "REQUEST"),
        ("/.well-known/est/mo/simpleenroll/ISO15118-3", b"", "REQUEST"),
        ("/.well-known/est/xx/simpleenroll/ISO15118-2", b"", "REQUEST"),
        ("/.well-known/est/mo/simpleenroll/ISO15118-20", pkcs10(EMAID), "UNKNOWN"),
        ("/.well-known/est/mo/simpleenroll/ISO15118-2", pkcs10("nobody"), "REQUEST"),
    ],
)
async def test_enrolment_that_is_refused(office: Office, path: str, body: bytes, code: str) -> None:
    answer = await office.http.post(path, content=body)
    assert code_of(answer) == code


async def test_a_party_gets_its_own_certificates_only(office: Office) -> None:
    allowed = [(MSP, "mo", EMAID), (OEM, "oem", PCID), (CPO, "cpo", "DE*PNC*E0001")]
    forbidden = [
        (MSP, "mo", OTHERS),
        (MSP, "oem", PCID),
        (OEM, "oem", "WBAX0000000000001"),
        (CPO, "cpo", "DE*XYZ*E1"),
        (CPO, "mo", EMAID),
    ]
    for cases, expected in ((allowed, 200), (forbidden, 403)):
        for party, branch, name in cases:
            office.gate.party = party
            answer = await office.http.post(f"/.well-known/est/{branch}/simpleenroll", content=pkcs10(name))
            assert answer.status_code == expected, (party, branch, name)


async def test_opnc_revokes_a_certificate(office: Office) -> None:
    office.gate.party = MSP
    certificate, foreign = await office.contract(EMAID), await office.contract(OTHERS)
    car = await office.car("DEPNCX00000000001")
    path = "/opnc/v1/pki/revokeCertificate"

    async def revoke(encoded: str, reason: str = "cessationOfOperation") -> httpx.Response:
        return await office.http.post(path, json={"certificate": encoded, "revocationReason": reason})

    assert (await revoke(der_base64(certificate))).status_code == 200
    pem = base64.b64encode(certificate.public_bytes(Encoding.PEM)).decode()
    assert (await revoke(pem)).status_code == 200
    (found,) = (await office.http.get(f"/authority/v1/certificates/{EMAID}")).json()["certificates"]
    assert (found["kind"], found["reason"]) == ("contract", "cessationOfOperation")
    for other in (foreign, car):
        assert code_of(await revoke(der_base64(other))) == "FORBIDDEN"
    assert code_of(await office.http.get(f"/authority/v1/certificates/{OTHERS}")) == "FORBIDDEN"
    assert code_of(await revoke("AAAA")) == "REQUEST"
    assert code_of(await revoke(der_base64(certificate), "because")) == "REQUEST"


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_bulk_revocation_tells_its_progress(office: Office) -> None:
    emaids = [f"DEPNCA{number:08}X" for number in range(600)]
    certificates = {emaid: await office.contract(emaid) for emaid in emaids[:3]}
    body = {"emaids": emaids, "reason": "cessationOfOperation"}
    lines = lines_of(await office.http.post(BULK_PATH, json=body))
    assert [line["done"] for line in lines] == [500, 600]
    assert lines[-1] == {
        "done": 600,
        "total": 600,
        "revoked": 3,
        "alreadyRevoked": 0,
        "missing": 597,
        "unknown": emaids[3:23],
        "finished": True,
    }
    assert lines_of(await office.http.post(BULK_PATH, json=body))[-1]["alreadyRevoked"] == 3
    issuer = office.hierarchy["mo_sub_ca2"].certificate
    crl = await office.http.get(f"/crl/{fingerprint_sha256(issuer)}.crl")
    assert crl.headers["content-type"] == "application/pkix-crl"
    with pytest.raises(CertificateError, match="revoked"):
        CrlChecker([parse_crl(crl.content)]).check(certificates[emaids[0]], issuer, office.clock.now())


async def test_bulk_revocation_stays_within_reach(office: Office) -> None:
    for name in (EMAID, OTHERS):
        await office.contract(name)
    await office.car("DEPNC000000000001")
    reason = {"reason": "superseded"}
    office.gate.party = MSP
    for body, code in (
        ({"emaids": [OTHERS]}, "FORBIDDEN"),
        ({"prefix": "DE"}, "FORBIDDEN"),
        ({"pcids": [PCID]}, "FORBIDDEN"),
        ({"kind": "ca", "prefix": "DEPNC"}, "FORBIDDEN"),
        ({}, "REQUEST"),
        ({"emaids": [EMAID], "pcids": [PCID]}, "REQUEST"),
        ({"emaids": ["nobody"]}, "REQUEST"),
        ({"issuer": "short"}, "REQUEST"),
    ):
        assert code_of(await office.http.post(BULK_PATH, json=body | reason)) == code, body
    issuer = fingerprint_sha256(office.hierarchy["mo_sub_ca2"].certificate)
    for body, revoked in (({"prefix": "DEPNCZ"}, 0), ({"issuer": issuer}, 1), ({"prefix": "DEPNC"}, 0)):
        assert lines_of(await office.http.post(BULK_PATH, json=body | reason))[-1]["revoked"] == revoked
    assert [each.revoked_at is None for each in await office.authority.find(OTHERS)] == [True]
    assert [each.revoked_at is None for each in await office.authority.find("DEPNC000000000001")] == [True]


async def test_a_bulk_call_has_room_for_a_hundred_thousand_names(office: Office) -> None:
    emaids = [f"DEPNC{number:09}X" for number in range(100_000)]
    lines = lines_of(await office.http.post(BULK_PATH, json={"emaids": emaids, "reason": "superseded"}))
    assert (lines[-1]["done"], lines[-1]["missing"]) == (100_000, 100_000)
    too_many = {"emaids": emaids * 3, "reason": "superseded"}
    assert (await office.http.post(BULK_PATH, json=too_many)).status_code in {400, 413}


async def test_ocsp_by_post_and_by_url(office: Office) -> None:
    certificate, issuer = await office.contract(EMAID), office.hierarchy["mo_sub_ca2"].certificate
    question = build_request(certificate, issuer)
    posted = await office.http.post("/ocsp", content=question, headers={"Content-Type": OCSP_REQUEST})
    assert posted.headers["cache-control"] == "no-store"
    text = base64.b64encode(question).decode()
    for path in (quote(text, safe=""), quote(text, safe="/"), text.rstrip("=")):
        fetched = await office.http.get(f"/ocsp/{path}")
        assert fetched.content == posted.content
        assert fetched.headers["cache-control"] == "max-age=900, public, no-transform, must-revalidate"
        assert fetched.headers["content-type"] == "application/ocsp-response"
    OcspChecker([posted.content]).check(certificate, issuer, office.clock.now())


async def test_ocsp_and_lists_are_for_everybody(office: Office) -> None:
    office.gate.party = Party(Role.ADMIN, "", frozenset())
    certificate, issuer = await office.contract(EMAID), office.hierarchy["mo_sub_ca2"].certificate
    assert (await office.http.post("/ocsp", content=build_request(certificate, issuer))).status_code == 200
    assert (await office.http.get(f"/crl/{fingerprint_sha256(issuer)}.crl")).status_code == 200
    assert code_of(await office.http.get("/crl/" + "0" * 64 + ".crl")) == "UNKNOWN"
    assert code_of(await office.http.get("/.well-known/est/mo/cacerts")) == "FORBIDDEN"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
async def test_any_bytes_get_an_ocsp_answer(office: Office, body: bytes) -> None:
    """Whatever is asked is answered in OCSP, never by an error of HTTP."""
    path = "/ocsp/" + quote(base64.b64encode(body).decode() or "-", safe="")
    for answer in (await office.http.post("/ocsp", content=body), await office.http.get(path)):
        assert answer.status_code == 200
        status = ocsp.load_der_ocsp_response(answer.content).response_status
        assert status in {
            ocsp.OCSPResponseStatus.MALFORMED_REQUEST,
            ocsp.OCSPResponseStatus.UNAUTHORIZED,
        }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_characters="\n"), max_size=60))
async def test_any_url_gets_an_ocsp_answer(office: Office, text: str) -> None:
    answer = await office.http.get("/ocsp/" + quote(text.encode("utf-8", "replace"), safe=""))
    if text not in {"", ".", ".."}:  # which are other URLs
        assert answer.status_code == 200
        assert ocsp.load_der_ocsp_response(answer.content).response_status.value in {1, 6}
