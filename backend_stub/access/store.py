"""The table of the token issuer: the key that signs access tokens."""

from datetime import datetime

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from backend_stub.database import UtcDateTime

SCHEMA = sa.MetaData()

_keys = sa.Table(
    "access_key",
    SCHEMA,
    # One row: servers that share a database share the key, and a token of one is good at the other.
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

_ONLY_SLOT = 1


def signing_key(connection: sa.Connection) -> ec.EllipticCurvePrivateKey | None:
    """Return the key, None when there is none yet."""
    data = connection.execute(sa.select(_keys.c.private_key).where(_keys.c.slot == _ONLY_SLOT)).scalar()
    if data is None:
        return None
    key = load_der_private_key(data, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def insert_signing_key(connection: sa.Connection, key: ec.EllipticCurvePrivateKey, now: datetime) -> None:
    """Store the key; raises IntegrityError when another server was first."""
    data = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    connection.execute(_keys.insert(), {"slot": _ONLY_SLOT, "private_key": data, "created_at": now})
