"""Alembic's configuration, without an .ini file: the scripts beside this file, and a connection that is open."""

import sqlalchemy as sa
from alembic.config import Config

from backend_stub.migrations import FOLDER


def configuration(connection: sa.Connection) -> Config:
    """Return what alembic's commands take; they run on ``connection``, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
