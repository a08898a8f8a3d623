"""``backend-stub database``: look at the tables of a market, bring them up to date."""

import json
from contextlib import closing

from backend_stub.database import Database
from backend_stub.market import SCHEMAS
from backend_stub.migrations import Status


def show_status(target: str, *, as_json: bool) -> None:
    """Print which revision there is and which is needed; raises DatabaseError."""
    with closing(Database(target)) as database:
        _print(database.label, database.status(), as_json=as_json)


def upgrade(target: str, *, as_json: bool) -> None:
    """Make or change the tables and print what there is now; raises DatabaseError."""
    with closing(Database(target)) as database:
        database.create(SCHEMAS)
        _print(database.label, database.status(), as_json=as_json)


def _print(label: str, status: Status, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"database": label, "revision": status.found, "needed": status.needed}))
    elif status.found is None:
        print(f"{label}: no tables yet; revision {status.needed} would be made")
    elif status.found == status.needed:
        print(f"{label}: revision {status.found}, up to date")
    else:
        print(f"{label}: revision {status.found}, this program needs {status.needed}")
