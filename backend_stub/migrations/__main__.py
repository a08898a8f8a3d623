"""``python -m backend_stub.migrations "what changes"``: write the revision for tables that were changed.

For developers: compares the roles' tables with those that the revisions so far lead to, and writes the
difference into ``versions/``. Read it before committing it, and raise ``HEAD``.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util import CommandError

from backend_stub.engines import SqliteEngine
from backend_stub.market import SCHEMAS
from backend_stub.migrations import HEAD
from backend_stub.migrations.configuration import configuration


def main() -> int:
    """Write a revision and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m backend_stub.migrations",
        description="Write the revision for tables that were changed.",
        epilog='example: python -m backend_stub.migrations "contracts know who may revoke them"',
    )
    parser.add_argument("subject", help="what changes, in a few words")
    options = parser.parse_args()
    number = f"{int(HEAD) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        engine = SqliteEngine(Path(folder) / "compare.db", busy_timeout_s=1.0)
        try:
            with engine.writing() as connection:
                config = configuration(connection)
                config.attributes["schemas"] = list(SCHEMAS)
                command.upgrade(config, "head")
                command.revision(config, options.subject, autogenerate=True, rev_id=number)
        except CommandError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        finally:
            engine.close()
    print(f"now read the new file in versions/, and set HEAD to {number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
