"""Real processes with links between them: car, power line, charger, mobile network, market."""

from pathlib import Path
from typing import Any

import pytest

from lab.demo import command
from tests.system.kit import Stage, stage

pytestmark = pytest.mark.system


async def link(on: Stage, name: str, target: str, *options: str) -> dict[str, Any]:
    child = await on.processes.serve(
        name, [command("pnclab"), "link", "run", "--json", "--to", target, *options]
    )
    return child.ready


async def test_an_installation_through_two_links(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle()
        target = on.market_url.removeprefix("http://")
        backhaul = await link(on, "backhaul", target, "--preset", "lte-good", "--seed", "1")
        await on.charger(backend=f"http://{backhaul['address']}")
        cable = await link(on, "cable", on.charger_address, "--preset", "homeplug-gp", "--seed", "1")
        on.charger_address = cable["address"]
        code, summary = await on.car(vehicle)
        assert (code, summary["outcome"], summary["contract_installed"]) == (0, "ok", True)
        (answered,) = on.events("secc", "backend.response")
        # A round trip of this link is 30 ms at the least; the call is one, connected before or not.
        assert answered.fields["elapsed_s"] >= 0.03


async def test_a_silent_market_is_answered_for_in_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market()
        vehicle = await on.vehicle()
        target = on.market_url.removeprefix("http://")
        backhaul = await link(on, "backhaul", target, "--toxic", "silence,direction=down")
        await on.charger(backend=f"http://{backhaul['address']}")
        code, summary = await on.car(vehicle)
        assert code != 0
        assert not summary["contract_installed"]
        (failed,) = on.events("secc", "backend.failed")
        assert "no answer within" in failed.fields["reason"]
