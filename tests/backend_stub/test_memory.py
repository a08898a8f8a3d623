"""The plaintext contract key is not in the memory of the process that made it, once the contract is out."""

import base64
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pki.chain import parse
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.store import read_key
from tests.backend_stub.material import (
    DOOR,
    Car,
    door_body,
    encode,
    open_contract_key,
    response_of,
    signing_request,
)
from tests.backend_stub.server import Server, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/mem")

SCALAR_BYTES = 32
HALF = SCALAR_BYTES // 2
CONTRACTS = 5
_PYTHON_DIGIT_BITS = 30


def memory_of(pid: int) -> bytes:
    """Return everything that a process can read of its own memory."""
    parts = []
    process = Path(f"/proc/{pid}")
    with (process / "mem").open("rb", buffering=0) as memory:
        for line in (process / "maps").read_text().splitlines():
            span, permissions, *_ = line.split()
            if not permissions.startswith("rw"):
                continue  # what nobody can write holds no key
            start, end = (int(text, 16) for text in span.split("-"))
            try:
                memory.seek(start)
                parts.append(memory.read(end - start))
            except OSError:
                continue  # a page of the kernel's
    return b"\0".join(parts)


def forms_of(scalar: int) -> Iterator[tuple[str, bytes]]:
    """Yield every form in which the number could lie in memory; of raw bytes already one half gives it away."""
    data = scalar.to_bytes(SCALAR_BYTES, "big")
    for name, raw in (("big endian", data), ("little endian", data[::-1])):
        yield f"{name}, first half", raw[:HALF]
        yield f"{name}, second half", raw[HALF:]
    digits = []
    rest = scalar
    while rest:
        digits.append(rest & ((1 << _PYTHON_DIGIT_BITS) - 1))
        rest >>= _PYTHON_DIGIT_BITS
    limbs = struct.pack(f"<{len(digits)}I", *digits)
    yield "Python number, low digits", limbs[:HALF]
    yield "Python number, high digits", limbs[HALF:SCALAR_BYTES]
    yield "hex", data.hex().encode()[:SCALAR_BYTES]
    yield "HEX", data.hex().upper().encode()[:SCALAR_BYTES]
    yield "decimal", str(scalar).encode()[:SCALAR_BYTES]
    for shift in range(3):
        yield f"base64 at {shift}", base64.b64encode(bytes(shift) + data)[4:36]


def found(scalar: int, memory: bytes) -> list[str]:
    return [name for name, form in forms_of(scalar) if form in memory]


@contextmanager
def server_in(folder: Path) -> Iterator[Server]:
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(folder / "pki")
    with serving(folder / "pki", folder / "market.db") as running:
        yield running


def test_contract_keys_are_not_in_memory(tmp_path: Path) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    request = base64.b64encode(signing_request(key).public_bytes(Encoding.DER)).decode()
    finds: list[list[str]] = []
    with (
        server_in(tmp_path) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client,
    ):
        built = client.post("/oem/v1/vehicles", json={"certificationRequest": request}).json()
        certificate, *roots = (
            parse(base64.b64decode(text))
            for text in (built["vehicleCertificate"], *built["v2gRootCertificates"])
        )
        car = Car(built["pcid"], key, certificate, tuple(roots))
        for _ in range(CONTRACTS):
            emaid = (
                client.post("/msp/v1/contracts", json={"pcid": car.pcid}).raise_for_status().json()["emaid"]
            )
            # Directly after the contract, when nothing else has used the memory again.
            memory = memory_of(server.process.pid)
            client.post(f"/v1/ccp/signedContractData/{car.pcid}/{emaid}/default").raise_for_status()
            answer = client.post(DOOR, json=door_body(encode(car.request()))).raise_for_status().json()
            message = answer["CCPResponse"]["emaidContent"][0]["messageDef"]["certificateInstallationRes"]
            _, body = response_of(base64.b64decode(message))
            contract_key = open_contract_key(car, body)
            scalar = contract_key.private_numbers().private_value
            finds.append(found(scalar, memory))
        # The search finds keys: that of the signing service is there, it signs with it.
        signing = read_key(tmp_path / "pki" / "cps" / "cps_leaf.key").private_numbers().private_value
        assert found(signing, memory) == ["little endian, first half", "little endian, second half"]
    assert finds == [[]] * CONTRACTS
    # The search itself finds what is there: the name of the car, certainly.
    assert car.pcid.encode() in memory


def test_the_search_finds_each_form() -> None:
    scalar = int.from_bytes(bytes(range(1, SCALAR_BYTES + 1)), "big")
    for name, form in forms_of(scalar):
        assert name in found(scalar, b"before" + form + b"after")
