"""Backends and chargers that fail while a car is there: it gets its answer in time and keeps what it had."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from lab import loopback
from lab.model import Outcome
from tests.system.kit import Stage, pipe_events, stage
from tests.system.market import Handler, answering, backend, bundle, hang_up, silent

pytestmark = pytest.mark.system

REFUSED, TIMEOUT, CONNECTION_LOST, NO_CONNECTION = 7, 6, 9, 4


def refusal(message: str) -> bytes:
    return json.dumps({"errorMessages": [message], "traceId": "1"}).encode()


MISBEHAVIOUR: dict[str, tuple[Handler, str]] = {
    "hangs up": (hang_up, "FAILED"),
    "is late": (silent, "FAILED"),
    "sends no JSON": (answering("200 OK", b"not json"), "FAILED"),
    "sends no base64": (answering("200 OK", bundle("!!!")), "FAILED"),
    "sends no EXI": (answering("200 OK", bundle("AAAA")), "FAILED"),
    "stops in the middle": (answering("200 OK", b"{", length=5000), "FAILED"),
    "never ends": (answering("200 OK", b" " * 200_000), "FAILED"),
    "breaks": (answering("500 Oops", b"<html>"), "FAILED"),
    "sends an empty list": (
        answering("200 OK", b'{"CCPResponse":{"emaidContent":[]}}'),
        "FAILED_NoCertificateAvailable",
    ),
    "has no contract": (
        answering("404 Not Found", refusal("[NO_CONTRACT] none")),
        "FAILED_NoCertificateAvailable",
    ),
    "minds the signature": (answering("403 Forbidden", refusal("[SIGNATURE] x")), "FAILED_SignatureError"),
    "minds the age": (answering("403 Forbidden", refusal("[CHAIN_EXPIRED] x")), "FAILED_CertificateExpired"),
    "minds the chain": (answering("403 Forbidden", refusal("[CHAIN] x")), "FAILED_CertChainError"),
    "minds a revocation": (answering("403 Forbidden", refusal("[REVOKED] x")), "FAILED_CertificateRevoked"),
}


async def test_a_misbehaving_backend_is_answered_for_in_time(tmp_path: Path) -> None:
    """One charger, one car that comes again and again, and a backend that finds a new way to fail each time."""
    current: list[Handler] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await current[-1](reader, writer)

    async with stage(tmp_path) as on, backend(serve) as url:
        await on.market()
        vehicle = await on.vehicle()
        await on.charger(backend=url)
        for number, (what, (handler, expected)) in enumerate(MISBEHAVIOUR.items()):
            current.append(handler)
            code, result = await on.car(vehicle, name=f"car-{number}")
            assert (what, code, result["outcome"]) == (what, REFUSED, "failed")
            assert (what, answer_of(on)) == (what, expected)
        assert not list((vehicle / "contracts").glob("*.pem"))


def answer_of(on: Stage) -> str:
    """Return the code of the answer that the last car got to its CertificateInstallationReq."""
    session = on.told().sessions[-1]
    assert session.outcome is Outcome.FAILED
    exchange = session.installation
    assert exchange is not None
    # The car decoded an answer, so it came before the car's timer and held valid placeholders.
    assert exchange.failure is None
    assert exchange.response is not None
    assert exchange.response.response_code is not None
    return exchange.response.response_code


async def test_a_backend_that_is_down(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        async with backend(hang_up) as url:
            pass  # a port that was free a moment ago
        await on.market()
        vehicle = await on.vehicle()
        await on.charger(backend=url)
        code, _ = await on.car(vehicle)
        assert (code, answer_of(on)) == (REFUSED, "FAILED")


async def test_a_car_without_contract_at_a_real_market(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle(contract=False)
        await on.charger()
        code, _ = await on.car(vehicle)
        assert code == REFUSED
    exchange = on.told().sessions[0].installation
    assert exchange is not None
    assert exchange.response is not None
    assert exchange.response.response_code == "FAILED_NoCertificateAvailable"


async def test_a_contract_for_another_car_is_not_installed(tmp_path: Path) -> None:
    """A market that mixes up its cars: the answer is genuine, but sealed for somebody else."""
    async with stage(tmp_path) as on:
        await on.market()
        mine, other = await on.vehicle("mine"), await on.vehicle("other")
        answers: list[bytes] = []

        async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _relay(reader, writer, on.market_url, answers)

        async with backend(record) as url:
            await on.charger(backend=url, name="recording-charger")
            assert (await on.car(other, name="other-car"))[0] == 0
        body = answers[0].partition(b"\r\n\r\n")[2]
        async with backend(answering("200 OK", body)) as url:
            await on.charger(backend=url)
            code, result = await on.car(mine)
        assert code != 0
        assert not result["contract_installed"]
        stored = list((mine / "contracts").glob("*.pem")) if (mine / "contracts").exists() else []
        assert stored == []


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str, answers: list[bytes]
) -> None:
    """Pass one request on to the real market, and remember its answer."""
    host, port = url.removeprefix("http://").split(":")
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    body = await reader.readexactly(length)
    head = b"\r\n".join(
        line for line in head.rstrip(b"\r\n").split(b"\r\n") if not line.lower().startswith(b"connection")
    )
    there_reader, there_writer = await asyncio.open_connection(host, int(port))
    there_writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
    answer = await there_reader.read()
    there_writer.close()
    answers.append(answer)
    writer.write(answer)
    await writer.drain()


async def test_a_charger_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    async with stage(tmp_path) as on, pipe_events(tmp_path / "events") as events:
        await on.market()
        vehicle = await on.vehicle()
        charger = await on.charger()
        async with asyncio.TaskGroup() as group:
            car = group.create_task(
                on.car(
                    vehicle,
                    *("--trace", str(tmp_path / "events"), "--rounds", "0", "--interval", "0.02"),
                    watch=False,
                )
            )
            await events.until("charging")
            charger.process.send_signal(signal.SIGKILL)
        code, result = car.result()
        assert code == CONNECTION_LOST
        assert (result["outcome"], result["contract_installed"]) == ("failed", True)
        # What it had installed is still there, and good for the next charger.
        await on.charger(name="next-charger")
        code, result = await on.car(vehicle, name="next")
        assert (code, result["contract_installed"]) == (0, False)
        assert result["emaid"]


async def test_a_car_that_is_killed_bothers_nobody(tmp_path: Path) -> None:
    async with stage(tmp_path) as on, pipe_events(tmp_path / "events") as events:
        await on.market()
        first, second = await on.vehicle("first"), await on.vehicle("second")
        await on.charger()
        command = on.car_command(
            first, "--trace", str(tmp_path / "events"), "--rounds", "0", "--interval", "0.02"
        )
        doomed = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        try:
            await events.until("charging")
        finally:
            doomed.kill()
            await doomed.wait()
        assert (await on.car(second))[0] == 0


async def test_a_market_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        market = await on.market()
        vehicle = await on.vehicle()
        await on.charger()
        market.process.send_signal(signal.SIGKILL)
        await market.ended
        code, result = await on.car(vehicle)
        assert code == REFUSED
        # It comes back with everything it knew, and the car gets its contract after all.
        await on.market(name="market-again")
        await on.charger(name="charger-again")
        code, result = await on.car(vehicle, name="again")
        assert (code, result["contract_installed"]) == (0, True)


async def test_a_charger_that_never_answers(tmp_path: Path) -> None:
    async with stage(tmp_path) as on, backend(silent) as url:
        await on.market()
        vehicle = await on.vehicle()
        on.charger_address = url.removeprefix("http://")
        code, result = await on.car(vehicle, "--no-tls", "--payment", "external")
        assert code == TIMEOUT
        assert "SupportedAppProtocol" in result["detail"]


async def test_no_charger_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        async with backend(hang_up) as url:
            pass
        await on.market()
        vehicle = await on.vehicle(contract=False)
        on.charger_address = url.removeprefix("http://")
        code, _ = await on.car(vehicle)
        assert code == NO_CONNECTION


async def test_a_stalling_client_does_not_keep_a_car_waiting(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle()
        await on.charger()
        host = loopback.address().strip("[]")
        port = int(on.charger_address.rpartition(":")[2])
        idlers = [await asyncio.open_connection(host, port) for _ in range(5)]
        idlers[0][1].write(b"\x16\x03\x01")  # half a ClientHello
        try:
            code, _ = await on.car(vehicle)
        finally:
            for _, writer in idlers:
                writer.close()
        assert code == 0
