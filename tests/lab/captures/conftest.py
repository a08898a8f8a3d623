"""Captures that our own car writes, one of -2 and one of -20, and what it said of them itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pki.store import write_certificates
from tests.evcc.material import World
from tests.evcc.material20 import World20
from tests.evcc.scenario import Run, visit


@dataclass(frozen=True)
class Scene:
    """A capture with its keys inside, the roots behind it, and the session as the car tells it."""

    capture: Path
    roots: Path
    run: Run

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Name and EXI of every message, in order."""
        kinds = {"message.sent", "message.received"}
        return [
            (str(record["name"]), str(record["exi"]))
            for record in self.run.trace.records
            if record["kind"] in kinds
        ]


@pytest.fixture(scope="session")
def scene2(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    world = World()
    return _scene(tmp_path_factory.mktemp("iso2"), world, {"protocols": ("iso2",)}, iso20=False)


@pytest.fixture(scope="session")
def scene20(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    world = World20()
    return _scene(tmp_path_factory.mktemp("iso20"), world, {"protocols": ("iso20-dc",)}, iso20=True)


def _scene(folder: Path, world: World, overrides: Mapping[str, Any], *, iso20: bool) -> Scene:
    capture, roots = folder / "session.pcapng", folder / "roots"
    run = visit(
        folder / "car", world, secured=True, iso20=iso20, overrides=overrides, delay_s=0.004, capture=capture
    )
    assert run.report.outcome == "ok", run.report.detail
    roots.mkdir()
    if isinstance(world, World20):
        certificates = [world.pki[name].certificate for name in ("v2g_root", "mo_root", "oem_root")]
    else:
        certificates = [world.v2g_root.certificate, world.mo_root.certificate]
    for number, certificate in enumerate(certificates):
        write_certificates(roots / f"{number}.pem", [certificate])
    return Scene(capture, roots, run)
