"""What alembic runs for every command: migrate on the connection that the caller gives."""

from typing import Any, Literal

from alembic import context

from backend_stub.database import UtcDateTime


def _render(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Write down column types that do not change with the program: a revision is history."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


def _run() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=context.config.attributes.get("schemas"),
        render_as_batch=True,  # SQLite changes a column by copying the table
        render_item=_render,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
