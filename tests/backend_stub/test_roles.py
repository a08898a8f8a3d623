"""Each role can become a process of its own: the others know its interface and nothing else of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import backend_stub

ROOT = Path(backend_stub.__file__).parent
# What every role may use: who is calling, and the outbox of events.
SHARED = {"access", "events"}
ROLES = sorted({path.parent.name for path in ROOT.glob("*/interface.py")} - SHARED)
# Who may know a role's inside: the wiring, and the application that mounts its routes.
WIRING = {"market.py", "over_the_air.py", "web/app.py"}
# What doors share: how a call is read and answered. None of it knows a service or a table.
DOORS = ("routes.", "asking.", "ending.", "refusing.", "generation.")
# The vehicle folder is written and read by shell commands, on the factory's side of the door.
ALLOWED = {
    "commands.py": ("folder.",),
    "msp_commands.py": ("folder.",),
    "cli.py": ("process.",),  # starts the telematics backend
    # Those that fill or count whole tables, on the market's own database.
    "census.py": ("store.",),
    "seeding/command.py": ("folder.",),
    "seeding/folders.py": ("folder.", "store."),
    "seeding/run.py": ("service.", "store."),
    "seeding/workshop.py": ("service.", "store."),
}


def allowed_in(place: str) -> tuple[str, ...]:
    """Return what a file may import from a role: its interface, a door also what other doors are made of."""
    is_door = (
        place.startswith("opnc/")
        or place.endswith("/routes.py")
        or place in {"ccp/asking.py", "ccp/ending.py"}
    )
    return ("interface.", *ALLOWED.get(place, ()), *(DOORS if is_door else ()))


def imported(file: Path) -> Iterator[str]:
    """Yield the full names of what a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_all_roles_are_there() -> None:
    assert {"ccp", "cps", "msp", "oem", "pcp", "rcp"} <= set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_reaches_into_a_role(role: str) -> None:
    for file in ROOT.rglob("*.py"):
        place = str(file.relative_to(ROOT))
        if place in WIRING or place.startswith(f"{role}/"):
            continue
        for name in imported(file):
            if name.startswith(f"backend_stub.{role}."):
                inner = name.removeprefix(f"backend_stub.{role}.")
                assert f"{inner}.".startswith(allowed_in(place)), f"{place}: {name}"


@pytest.mark.parametrize("role", ROLES)
def test_tables_belong_to_one_role(role: str) -> None:
    from backend_stub.market import SCHEMAS

    names = {table for schema in SCHEMAS for table in schema.tables}
    assert names
    mine = {name for name in names if name.startswith(f"{role}_")}
    for schema in SCHEMAS:
        # All tables of one schema, or none: no foreign key can lead from one role to another.
        assert set(schema.tables) <= mine or not set(schema.tables) & mine
