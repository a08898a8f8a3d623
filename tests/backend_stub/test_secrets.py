"""The plaintext contract key is nowhere: not in the database, not in its log, not in any output."""

import base64
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.certificates import der
from backend_stub.database import Database
from backend_stub.errors import MarketError
from backend_stub.market import open_market
from backend_stub.web.app import create_app
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.material import URL, Car, SetClock, chain_of, door_body, encode, signing_request
from v2g.trace import JsonlSink, Tracer

SCALAR_BYTES = 32


class RecordingEntropy(SystemEntropy):
    """Remembers every private key that it has made."""

    def __init__(self) -> None:
        self.scalars: list[int] = []

    def ec_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        key = super().ec_key(curve)
        self.scalars.append(key.private_numbers().private_value)
        return key


def traces_of(data: bytes) -> Iterator[bytes]:
    """Yield the forms in which ``data`` could lie somewhere: raw, hex, and base64 at any alignment."""
    yield data
    yield data[::-1]
    yield data.hex().encode()
    yield data.hex().upper().encode()
    yield str(int.from_bytes(data, "big")).encode()
    for shift in range(3):
        # The middle of the text is the same wherever the bytes stand in what was encoded.
        text = base64.b64encode(bytes(shift) + data)
        inner = text[4 if shift else 0 : -4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found(data: bytes, places: dict[str, bytes]) -> set[str]:
    """Return the names of the places that hold ``data`` in any form."""
    forms = set(traces_of(data))
    return {name for name, content in places.items() if any(form in content for form in forms)}


def rows(database: Database) -> bytes:
    """Return every value of every table, since a long value is scattered over pages of the file."""
    engine = sa.create_engine(f"sqlite:///{database.label}")
    try:
        with engine.connect() as connection:
            tables = sa.inspect(engine).get_table_names()
            values = [
                value
                for table in tables
                for row in connection.execute(sa.text(f'SELECT * FROM "{table}"'))
                for value in row
            ]
    finally:
        engine.dispose()
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


async def test_plaintext_keys_are_nowhere(
    tmp_path: Path,
    hierarchy: Hierarchy,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    clock, entropy = SetClock(), RecordingEntropy()
    sink = JsonlSink(tmp_path / "trace.jsonl")
    tracer = Tracer("backend", sink, clock.now)
    database = Database(tmp_path / "market.db")
    market = await open_market(hierarchy, database, now=clock.now, entropy=entropy, tracer=tracer)
    app = create_app(market, tracer=tracer, monotonic=clock.monotonic)
    outputs = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=URL) as client:
        key = SystemEntropy().ec_key(ec.SECP256R1())
        built = await market.oem.build(signing_request(key))
        car = Car(built.vehicle.pcid, key, built.vehicle.certificate, tuple(built.v2g_roots))
        wish = {"pcid": car.pcid}
        outputs += [await client.post("/msp/v1/contracts", json=wish) for _ in range(3)]
        outputs.append(await client.post("/v1/ccp/signedContractData", json=door_body(encode(car.request()))))
        outputs.append(await client.get("/market/v1/overview"))
        assert all(response.is_success for response in outputs)
        # An onboarding that fails half-way must not leave its key in an error message either.
        await market.pcp.put(chain_of(hierarchy, car.certificate, v2g_root_key_ids=(b"no such root",)))
        with pytest.raises(MarketError):
            await market.msp.onboard(car.pcid)
        outputs.append(await client.post("/msp/v1/contracts", json=wish))

    def places() -> dict[str, bytes]:
        printed = capfd.readouterr()
        return {
            **{path.name: path.read_bytes() for path in tmp_path.iterdir()},
            "rows": rows(database),
            "log": caplog.text.encode(),
            "output": (printed.out + printed.err).encode(),
            "answers": b"".join(response.content for response in outputs),
        }

    while_open = places()
    assert {"market.db", "market.db-wal", "trace.jsonl"} <= set(while_open)
    database.close()
    sink.close()
    after = places()
    # Contract keys and the ephemeral keys they were sealed with; the car's own key was never here.
    contracts = 5
    assert len(entropy.scalars) == 2 * contracts
    secrets = [*entropy.scalars, key.private_numbers().private_value]
    for scalar in secrets:
        data = scalar.to_bytes(SCALAR_BYTES, "big")
        assert found(data, while_open) == set()
        assert found(data, after) == set()
    # The search itself finds what is there.
    assert "rows" in found(der(car.certificate), while_open)
    part = der(car.certificate)[40:80]
    assert found(part, {"here": base64.b64encode(der(car.certificate)), "not here": b""}) == {"here"}
