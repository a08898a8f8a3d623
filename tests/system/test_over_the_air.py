"""Contracts over the air: a market, a telematics backend, a car without a charger, all as real processes."""

import asyncio
import hashlib
import hmac
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.demo import command
from lab.processes import Child, ProcessError
from tests.system.kit import Stage, pipe_events, stage, summary
from tests.system.market import backend

pytestmark = pytest.mark.system

DELIVERED = "mo.contract.delivered.to.oem"


@dataclass
class Air:
    """A stage whose events can be waited for."""

    on: Stage
    http: httpx.AsyncClient
    url: str = ""

    async def ota(self, vehicle: Path, *options: str) -> tuple[int, dict[str, Any]]:
        told = ["--telematics", self.url] if self.url else []
        try:
            output = await self.on.processes.run(
                "ota",
                [command("evcc"), "ota", "--json", "--vehicle", str(vehicle), *told, *options],
                within_s=60,
            )
        except ProcessError as error:
            if error.exit_code is None:
                raise
            return error.exit_code, summary(error.output)
        return 0, summary(output)

    async def onboard(self, vehicle: Path) -> str:
        pcid = (vehicle / "vehicle.toml").read_text().partition('pcid = "')[2].partition('"')[0]
        made = await self.on.processes.run(
            "onboard",
            [
                command("backend-stub"),
                "msp",
                "onboard",
                "--json",
                "--url",
                self.on.market_url,
                "--pcid",
                pcid,
            ],
        )
        return str(json.loads(made)["emaid"])

    async def until(self, kind: str, emaid: str, *, after: int = 0) -> dict[str, Any]:
        """Return the first event of this kind about a contract, waiting for it."""
        async with (
            asyncio.timeout(30),
            self.http.stream(
                "GET",
                f"{self.on.market_url}/v1/events/stream",
                params={"after": after, "eventType": kind},
                timeout=60,
            ) as stream,
        ):
            number = 0
            async for line in stream.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                if name == "data" and json.loads(value)["payload"]["emaid"] == emaid:
                    return {"sequence": number, **json.loads(value)}
        raise AssertionError("the stream ended")

    async def stub(self, *arguments: str) -> Any:
        output = await self.on.processes.run(
            "stub", [command("backend-stub"), *arguments, "--json", "--url", self.on.market_url]
        )
        return json.loads(output)

    async def telematics(self, mode: str, *options: str) -> Child:
        """Start a telematics backend of its own, and return once it can hear of events."""
        async with pipe_events(self.on.directory / f"telematics-{mode}.trace") as trace:
            child = await self.on.processes.serve(
                f"telematics-{mode}",
                [
                    *(command("backend-stub"), "telematics", "serve", "--json", "--port", "0"),
                    *("--market", self.on.market_url, "--mode", mode, "--poll-s", "0.1"),
                    *("--database", str(self.on.directory / f"telematics-{mode}.db"), *options),
                    *("--trace", str(self.on.directory / f"telematics-{mode}.trace")),
                ],
            )
            if mode == "webhook":
                await trace.until("telematics.subscribed")
        self.url = child.ready["address"]
        return child


@asynccontextmanager
async def air(directory: Path) -> AsyncIterator[Air]:
    async with stage(directory) as on, httpx.AsyncClient(trust_env=False, timeout=30) as http:
        await on.market()
        yield Air(on, http, on.market_url)


async def test_a_contract_comes_over_the_air_and_the_car_charges_with_it(tmp_path: Path) -> None:
    async with air(tmp_path) as up:
        vehicle = await up.on.vehicle(contract=False)
        emaid = await up.onboard(vehicle)
        await up.until(DELIVERED, emaid)
        code, told = await up.ota(vehicle)
        assert (code, told["installed"], told["chosen"]) == (0, [emaid], emaid)
        up.url = ""  # remembered
        assert (await up.ota(vehicle))[1]["installed"] == []
        car = (await up.stub("telematics", "cars"))[0]
        assert (car["contracts"], car["waiting"]) == (1, 0)
        (line,) = await up.stub("telematics", "show", "--pcid", car["pcid"])
        assert (line["emaid"], line["state"], line["defaultContract"]) == (emaid, "installed", True)

        await up.on.charger()
        code, result = await up.on.car(vehicle)
        assert (code, result["outcome"], result["emaid"]) == (0, "ok", emaid)
        assert not result["contract_installed"]
        names = [exchange.name for exchange in up.on.told().sessions[0].exchanges]
        assert "CertificateInstallation" not in names
        assert "PaymentDetails" in names


async def test_five_contracts_the_drivers_choice_and_an_end(tmp_path: Path) -> None:
    async with air(tmp_path) as up:
        vehicle = await up.on.vehicle(contract=False)
        emaids = [await up.onboard(vehicle) for _ in range(5)]
        sixth = await up.onboard(vehicle)
        refused = await up.until("mo.contract.rejected.by.oem", sixth)
        assert "car_full" in refused["payload"]["reason"]
        code, told = await up.ota(vehicle)
        assert (code, sorted(told["installed"]), told["chosen"]) == (0, sorted(emaids), emaids[0])
        evcc = command("evcc")
        await up.on.processes.run(
            "choose", [evcc, "contracts", "choose", emaids[3], "--vehicle", str(vehicle), "--json"]
        )
        contracts = (await up.stub("market", "show"))["contracts"]
        assert [line["emaid"] for line in contracts if line["isDefault"]] == [emaids[3]]
        assert (await up.ota(vehicle))[1]["chosen"] == emaids[3]

        await up.http.delete(f"{up.on.market_url}/v1/ccp/signedContractData/{emaids[3]}")
        await up.until("mo.contract.deleted.sent.to.oem", emaids[3])
        code, told = await up.ota(vehicle)
        assert (code, told["removed"]) == (0, [emaids[3]])
        assert len(told["contracts"]) == 4


async def test_kill_between_event_and_delivery(tmp_path: Path) -> None:
    """The telematics backend is stopped while the webhook is on its way, and the market killed with it."""
    async with air(tmp_path) as up:
        telematics = await up.telematics("webhook")
        vehicle = await up.on.vehicle(contract=False)
        telematics.process.send_signal(signal.SIGSTOP)
        emaid = await up.onboard(vehicle)
        await up.on.processes.run(
            "events", [command("backend-stub"), "events", "list", "--url", up.on.market_url]
        )
        port = up.on.market_url.rpartition(":")[2]
        market = next(child for child in up.on.processes._children if child.name == "market")
        market.process.kill()
        await market.ended
        telematics.process.send_signal(signal.SIGCONT)
        await up.on.processes.serve(
            "market-again",
            [
                *(command("backend-stub"), "serve", "--json", "--port", port, "--pki", str(up.on.pki)),
                *("--database", str(tmp_path / "market.sqlite")),
            ],
        )
        # Two endpoints: that of the market's own telematics, and ours. Ours is the second to be told.
        first = await up.until(DELIVERED, emaid)
        await up.until(DELIVERED, emaid, after=first["sequence"])
        code, told = await up.ota(vehicle)
        assert (code, told["installed"]) == (0, [emaid])


@pytest.mark.parametrize("mode", ["poll", "stream"])
async def test_the_other_ways_to_hear(tmp_path: Path, mode: str) -> None:
    async with air(tmp_path) as up:
        await up.telematics(mode)
        vehicle = await up.on.vehicle(contract=False)
        follower = await up.on.processes._start(
            "follow",
            [
                *(command("evcc"), "ota", "--json", "--follow"),
                *("--vehicle", str(vehicle), "--telematics", up.url),
            ],
        )
        emaid = await up.onboard(vehicle)
        assert follower.process.stdout is not None
        async with asyncio.timeout(60):
            async for line in follower.process.stdout:
                told = json.loads(line)
                if told["installed"]:
                    break
        assert told["installed"] == [emaid]


async def test_forged_and_replayed_webhooks(tmp_path: Path) -> None:
    """What the market really sent is caught on its way to the backend, and sent again, and changed."""
    caught: list[tuple[bytes, str]] = []
    target = ""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        body = await reader.readexactly(int(headers["Content-Length"]))
        caught.append((body, headers["X-Operator-Signature"]))
        status = await knock(*caught[-1])
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    async def knock(body: bytes, signature: str) -> int:
        headers = {"X-Operator-Signature": signature, "Content-Type": "application/json"}
        return (await up.http.post(target, content=body, headers=headers)).status_code

    async with air(tmp_path) as up, backend(forward) as spy:
        await up.telematics("webhook", "--public-url", spy)
        target = f"{up.url}/telematics/v1/webhook"
        vehicle = await up.on.vehicle(contract=False)
        emaid = await up.onboard(vehicle)
        first = await up.until(DELIVERED, emaid)
        await up.until(DELIVERED, emaid, after=first["sequence"])
        ((body, signature),) = caught
        code, told = await up.ota(vehicle)
        assert (code, told["installed"]) == (0, [emaid])

        assert await knock(body, signature) == 200  # replayed: known by its id, nothing happens
        assert await knock(body, "") == 401
        assert await knock(body, "sha256=" + "0" * 64) == 401
        assert await knock(body.replace(b"created", b"deleted"), signature) == 401
        changed = body.replace(json.loads(body)["eventId"].encode(), b"00000000-0000-0000-0000-000000000000")
        assert await knock(changed, signature) == 401
        forged = hmac.new(b"guess", body, hashlib.sha256).hexdigest()
        assert await knock(body, f"sha256={forged}") == 401
        code, told = await up.ota(vehicle)
        assert (code, told["installed"], told["removed"]) == (0, [], [])
        assert [contract["emaid"] for contract in told["contracts"]] == [emaid]


async def test_endpoints_from_the_shell(tmp_path: Path) -> None:
    async with air(tmp_path) as up:
        made = await up.stub(
            "events", "endpoints", "add", "http://127.0.0.1:1/hooks", "--type", "root.cert.added"
        )
        assert len(made["secret"]) == 64
        endpoints = await up.stub("events", "endpoints", "list")
        assert [endpoint["url"].rpartition("/")[2] for endpoint in endpoints] == ["webhook", "hooks"]
        assert all("secret" not in endpoint for endpoint in endpoints)
        assert (await up.stub("events", "endpoints", "disable", made["id"]))["status"] == "disabled"
        assert (await up.stub("events", "endpoints", "enable", made["id"]))["status"] == "enabled"
        assert await up.stub("events", "endpoints", "dead", made["id"]) == []
        assert await up.stub("events", "endpoints", "remove", made["id"]) == {"removed": made["id"]}


async def test_a_car_that_is_not_the_one_it_says(tmp_path: Path) -> None:
    async with air(tmp_path) as up:
        vehicle = await up.on.vehicle("honest", contract=False)
        thief = await up.on.vehicle("thief", contract=False)
        emaid = await up.onboard(vehicle)
        await up.until(DELIVERED, emaid)
        pcid = (vehicle / "vehicle.toml").read_text().partition('pcid = "')[2].partition('"')[0]
        challenge = await up.http.post(f"{up.url}/telematics/v1/vehicles/{pcid}/challenge")
        assert challenge.status_code == 200
        assert (await up.http.get(f"{up.url}/telematics/v1/vehicles/{pcid}/mailbox")).status_code == 401
        code, told = await up.ota(thief)
        assert (code, told["installed"]) == (0, [])
        assert (await up.ota(vehicle))[1]["installed"] == [emaid]
