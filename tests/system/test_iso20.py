"""Live installation in both editions, at the same market and charger, as real processes over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.demo import command
from tests.system.kit import Stage, pipe_events, stage

pytestmark = pytest.mark.system


async def onboard(on: Stage, vehicle: Path, count: int) -> list[str]:
    """Have the mobility operator make contracts for a car, each for both editions."""
    stub, emaids = command("backend-stub"), []
    pcid = (vehicle / "vehicle.toml").read_text().split('pcid = "')[1].split('"')[0]
    for number in range(count):
        options = ["--json", "--url", on.market_url, "--pcid", pcid]
        made = await on.processes.run(f"onboard-{number}", [stub, "msp", "onboard", *options])
        contract = json.loads(made)
        assert contract["editions"] == ["ISO15118-2", "ISO15118-20"]
        emaids.append(str(contract["emaid"]))
    return emaids


async def test_three_contracts_in_one_session_and_again_in_the_other_edition(tmp_path: Path) -> None:
    async with stage(tmp_path, iso20=True) as on:
        await on.market()
        vehicle = await on.vehicle(contract=False)
        emaids = await onboard(on, vehicle, 3)
        await on.charger()
        code, patient = await on.car(vehicle, "--protocols", "iso20-ac", name="iso20")
        assert (code, patient["outcome"], patient["protocol"]) == (0, "ok", "iso20-ac")
        assert patient["contracts_installed"] == emaids
        assert patient["emaid"] == emaids[0]
        assert patient["energy_wh"] > 0
        code, brittle = await on.car(vehicle, "--protocols", "iso2", name="iso2")
        assert (code, brittle["outcome"], brittle["protocol"]) == (0, "ok", "iso2")
        assert brittle["contracts_installed"] == emaids[:1]  # -2 brings the default contract
        code, again = await on.car(vehicle, "--protocols", "iso20-ac", name="again")
        assert (code, again["outcome"], again["contract_installed"]) == (0, "ok", False)
    versions = [session.tls.text("version") for session in on.told().sessions if session.tls]
    assert versions == ["TLSv1.3", "TLSv1.2", "TLSv1.3"]
    installations = [
        [exchange for exchange in session.exchanges if exchange.installs] for session in on.told().sessions
    ]
    assert [len(exchanges) for exchanges in installations] == [3, 1, 0]


async def test_a_slow_backend_is_waited_for(tmp_path: Path) -> None:
    async with stage(tmp_path, iso20=True) as on, pipe_events(tmp_path / "car.pipe") as car:
        await on.market()
        vehicle = await on.vehicle(contract=False)
        (emaid,) = await onboard(on, vehicle, 1)
        opened = asyncio.Event()
        async with held_back(on.market_url, opened) as slow:
            await on.charger(backend=slow)
            async with asyncio.TaskGroup() as group:
                options = "--protocols", "iso20-ac", "--trace", str(tmp_path / "car.pipe")
                run = group.create_task(on.car(vehicle, *options))
                while (await car.until("message.received"))["name"] != "CertificateInstallationRes":
                    pass  # the first one says Ongoing: the backend has not answered yet
                opened.set()
                while (await car.until("message.received", "session.ended"))["kind"] != "session.ended":
                    pass
        code, result = run.result()
    assert (code, result["outcome"], result["contracts_installed"]) == (0, "ok", [emaid])
    answers = [event for event in car.seen if event.get("name") == "CertificateInstallationRes"]
    assert len(answers) > 1


@asynccontextmanager
async def held_back(url: str, opened: asyncio.Event) -> AsyncIterator[str]:
    """Stand before a market: connections are taken at once, and what comes in is passed on when ``opened`` is set."""
    place = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pass_on(reader, to_writer, opened))
                group.create_task(pass_on(to_reader, writer, None))
        finally:
            to_writer.close()
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: asyncio.Event | None
) -> None:
    while data := await reader.read(65536):
        # The charger connects ahead of the first car; only what a car asks is held back.
        if opened is not None and data.startswith(b"POST"):
            await opened.wait()
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
