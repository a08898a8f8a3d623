"""Three providers as processes: contract by one, car of another, under the root of the third."""

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend_stub.description_init import Outline, make_market
from backend_stub.roles import Role
from lab import loopback
from lab.demo import command
from lab.processes import ProcessError, Processes
from pki.entropy import SystemEntropy
from pki.names import common_name
from pki.store import read_certificates
from tests.system.kit import Stage

pytestmark = pytest.mark.system

NAMES = ("a", "b", "c")


def free_ports(count: int) -> list[int]:
    """Return ports that are free now: providers must know each other's before the first one starts."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


@pytest.mark.parametrize("separate", [True, False], ids=["three processes", "one process"])
async def test_contract_of_a_for_a_car_of_b_that_trusts_c(tmp_path: Path, *, separate: bool) -> None:
    lab = tmp_path / "lab"
    outline = Outline(ports=free_ports(len(NAMES)))
    market = make_market(lab, outline, now=datetime.now(UTC), entropy=SystemEntropy())
    stub, at = command("backend-stub"), ("--json", "--market", str(market), "--provider")
    async with Processes(tmp_path / "logs") as processes:
        urls: dict[str, str] = {}
        for names in [(name,) for name in NAMES] if separate else [NAMES]:
            chosen = [option for name in names for option in ("--provider", name)]
            child = await processes.serve(
                f"provider-{''.join(names)}", [stub, "serve", "--json", "--market", str(market), *chosen]
            )
            urls |= child.ready["providers"]
        assert set(urls) == set(NAMES)

        async def run(name: str, *arguments: str) -> dict[str, Any]:
            output = await processes.run(name, [stub, *arguments])
            answer: dict[str, Any] = msgspec.json.decode(output)
            return answer

        car = tmp_path / "car"
        built = await run("build", "oem", "build", *at, "b", "--region", "na", "--out", str(car))
        assert [common_name(root) for root in read_certificates(car / "roots" / "v2g")] == ["V2G Root CA"]
        assert built["v2gRoots"] == ["DC=V2G,O=Provider C,CN=V2G Root CA"]
        contract = await run("onboard", "msp", "onboard", *at, "a", "--vehicle", str(car))
        pools = {
            name: msgspec.json.decode(
                await processes.run(f"pool-{name}", [stub, "ccp", "list", *at, name, "--pcid", built["pcid"]])
            )
            for name in NAMES
        }
        for entries in pools.values():
            assert [entry["emaid"] for entry in entries] == [contract["emaid"]]
            assert entries[0]["cpsRootCertificateDN"] == "DC=V2G,O=Provider C,CN=V2G Root CA"

        # A charger under C's root, so that the car trusts it, attached to B, whose root pool tells it A's root.
        stage = Stage(tmp_path, processes, market_url=urls["b"])
        charger = await processes.serve(
            "charger",
            [
                *(command("secc"), "run", "--json", "--no-sdp", "--listen", f"{loopback.address()}:0"),
                *("--pki", str(lab / "c" / "pki"), "--backend", urls["b"], "--roots-from-backend"),
                # Over TLS 1.3 the charger would have to know the maker's root as well.
                *("--protocols", "iso2"),
            ],
        )
        stage.charger_address = charger.ready["address"]
        code, summary = await stage.car(car)
        assert (code, summary["outcome"], summary["contract_installed"]) == (0, "ok", True)
        assert summary["emaid"] == contract["emaid"]


async def test_one_role_a_process(tmp_path: Path) -> None:
    """Every role of a provider alone; the CCP is killed and comes back."""
    lab = tmp_path / "lab"
    base = free_ports(1)[0]
    outline = Outline(providers=1, base_port=base if base < 60_000 else 30_000)
    market = make_market(lab, outline, now=datetime.now(UTC), entropy=SystemEntropy())
    stub, at = command("backend-stub"), ("--json", "--market", str(market), "--provider", "a")
    serve = [stub, "serve", "--json", "--market", str(market), "--provider", "a", "--role"]
    async with Processes(tmp_path / "logs") as processes:
        roles = [*Role, "doors"]
        children = {role: await processes.serve(str(role), [*serve, str(role)]) for role in roles}
        assert len({child.ready["pid"] for child in children.values()}) == len(roles)
        car = tmp_path / "car"
        await processes.run("build", [stub, "oem", "build", *at, "--out", str(car)])
        made = await processes.run("onboard", [stub, "msp", "onboard", *at, "--vehicle", str(car)])
        contract = msgspec.json.decode(made)
        pooled = [stub, "ccp", "list", *at, "--pcid", contract["pcid"]]
        assert msgspec.json.decode(await processes.run("pool", pooled))[0]["emaid"] == contract["emaid"]

        children[Role.CCP].process.kill()
        await children[Role.CCP].ended
        with pytest.raises(ProcessError) as caught:
            await processes.run("pool-without", pooled)
        assert caught.value.exit_code == 10
        await processes.serve("ccp-again", [*serve, "ccp"])
        assert msgspec.json.decode(await processes.run("pool-again", pooled))[0]["emaid"] == contract["emaid"]
