"""Figures of the market: a ready answer, an onboarding, memory. Run as ``python -m benchmarks.market``."""

import asyncio
import base64
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import exi
from pki.chain import parse
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.names import issuer_serial
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.net.process import peak_rss_bytes
from v2g.security.signature import sign_certificate_installation_req

ANSWERS = 500
ONBOARDINGS = 100
COMMAND = [sys.executable, "-c", "import sys; from backend_stub.cli import main; sys.exit(main())"]


async def _timed(count: int, call: Callable[[], Awaitable[httpx.Response]]) -> list[float]:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        (await call()).raise_for_status()
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


def _line(name: str, times: list[float]) -> str:
    late = times[int(len(times) * 0.99)]
    return f"{name:<32} median {statistics.median(times):6.2f} ms   p99 {late:6.2f} ms   ({len(times)} calls)"


def _request(key: ec.EllipticCurvePrivateKey, built: dict[str, str | list[str]]) -> bytes:
    (root,) = (parse(base64.b64decode(text)) for text in built["v2gRootCertificates"])
    name, serial = issuer_serial(root)
    body = iso2.CertificateInstallationReq(
        id="id1",
        oem_provisioning_cert=base64.b64decode(str(built["vehicleCertificate"])),
        list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(
            root_certificate_id=[X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)]
        ),
    )
    signature = sign_certificate_installation_req(body, key)
    header = iso2.MessageHeader(session_id=bytes(8), signature=signature)
    return exi.encode(iso2.V2G_Message(header=header, body=iso2.Body(body_element=body)), iso2.SCHEMA)


async def _measure(url: str) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    wish = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        answer = await client.post(
            "/oem/v1/vehicles",
            json={"certificationRequest": base64.b64encode(wish.public_bytes(Encoding.DER)).decode()},
        )
        built = answer.raise_for_status().json()
        pcid = built["pcid"]
        onboarding = await _timed(ONBOARDINGS, lambda: client.post("/msp/v1/contracts", json={"pcid": pcid}))
        question = {
            "certificateInstallationReq": base64.b64encode(_request(key, built)).decode(),
            "xsdMsgDefNamespace": iso2.NAMESPACE,
        }
        ready = await _timed(ANSWERS, lambda: client.post("/v1/ccp/signedContractData", json=question))
    print(_line("answer for a ready bundle", ready))
    print(_line("onboarding, durable", onboarding))


def _peak_mib(pid: int) -> float:
    peak = peak_rss_bytes(Path(f"/proc/{pid}/status"))
    return peak / 2**20 if peak is not None else float("nan")


def main() -> None:
    """Start a market, measure it over loopback, and print."""
    with tempfile.TemporaryDirectory() as place:
        pki = Path(place) / "pki"
        Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(pki)
        options = ["--pki", str(pki), "--database", str(Path(place) / "market.db"), "--port", "0", "--json"]
        started = time.perf_counter()
        with subprocess.Popen([*COMMAND, "serve", *options], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                url = process.stdout.readline().split('"address": "')[1].split('"')[0]
                print(
                    f"{'start to ready':<32} {time.perf_counter() - started:6.2f} s   (EXI engine: {exi.engine_name()})"
                )
                asyncio.run(_measure(url))
                print(f"{'peak resident memory':<32} {_peak_mib(process.pid):6.1f} MiB")
            finally:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
