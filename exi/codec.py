"""The public face of the codec: messages to bytes and back."""

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from exi.errors import ExiError
from exi.schema import Item, MessageSet, XsdType
from exi.selection import ENGINE_NAME, AnyEngine, make_engine
from exi.tables import Tables, tables_of


def encode(message: XsdType | Item, schema: MessageSet | None = None, profile: str | None = None) -> bytes:
    """Encode a document. ``schema`` None: the set that the root's class belongs to.

    An :class:`~exi.schema.Item` brings the name of its root element along, and needs a ``schema``. ``profile``
    names a codec whose departures are to be reproduced (:func:`exi.registry.profiles`). Raises ExiError where
    the message does not fit its schema, ValueError where there is no such profile.
    """
    return engine_of(schema or schema_of(type(message)), profile).encode_document(message)


def decode(data: bytes, schema: MessageSet, profile: str | None = None) -> XsdType | Item:
    """Decode a document and return its root element's value.

    A root that is not known by its value's class (in xmldsig some are of simple type: DigestValue, KeyName,
    MgmtData) comes as an :class:`~exi.schema.Item`, with its name; :func:`encode` takes that, too. Any byte
    string gives a value or an ExiError with path and bit offset. ``profile`` is that of :func:`encode`.
    """
    return engine_of(schema, profile).decode_document(data)


def encode_fragment(
    value: Any, schema: MessageSet, name: str | None = None, profile: str | None = None
) -> bytes:
    """Encode one element as a fragment, as signatures need it.

    ``name`` is the element's local name; None takes the first element declared with the value's class.
    An :class:`~exi.schema.Item` brings its name along. ``profile`` is that of :func:`encode`. Raises ExiError.
    """
    engine = engine_of(schema, profile)
    if isinstance(value, Item):
        return engine.encode_fragment(value.value, value.name, value.ns)
    return engine.encode_fragment(value, name)


def decode_fragment(data: bytes, schema: MessageSet, profile: str | None = None) -> Any:
    """Decode a fragment and return its element's value. Raises ExiError."""
    return engine_of(schema, profile).decode_fragment(data).value


def decode_item(data: bytes, schema: MessageSet, profile: str | None = None) -> Item:
    """Decode a fragment and return its element with its name. Raises ExiError."""
    return engine_of(schema, profile).decode_fragment(data)


def engine_name() -> str:
    """Return which engine runs: ``python`` or ``native``."""
    return ENGINE_NAME


def engine_of(schema: MessageSet, profile: str | None = None) -> AnyEngine:
    """Return the engine of a message set, made at the first call. Raises ValueError for an unknown profile."""
    return _engine(schema, profile)


@cache
def _engine(schema: MessageSet, profile: str | None) -> AnyEngine:
    return make_engine(tables_for(schema, profile))


def tables_for(schema: MessageSet, profile: str | None = None) -> Tables:
    """Return the tables of a message set with the departures of a profile. Raises ValueError."""
    if profile is None:
        return tables_of(schema)
    from exi.registry import profile_named  # noqa: PLC0415 - looking for installed profiles takes a while

    return tables_of(schema, profile_named(profile))


@cache
def schema_of(cls: type) -> MessageSet:
    """Return the message set of a root class.

    It is looked for in the class's module and the packages above it: the set whose namespace is that of
    the class's module, else the first one that the module is part of. Raises ExiError where there is none.
    """
    if issubclass(cls, Item):
        raise ExiError("an Item does not say which message set it belongs to")
    module = sys.modules[cls.__module__]
    found: list[MessageSet] = []
    name = cls.__module__
    while name:
        candidates = vars(sys.modules[name]).values()
        found += (held for held in candidates if isinstance(held, MessageSet) and module in held.modules)
        name = name.rpartition(".")[0]
    if not found:
        raise ExiError(f"{cls.__name__} belongs to no message set")
    namespace = getattr(module, "NAMESPACE", None)
    return next((schema for schema in found if schema.namespace == namespace), found[0])


if ENGINE_NAME == "native" and not TYPE_CHECKING:
    from exi._native import Codec

    # The same two functions without a Python frame between the caller and the engine: a tenth of a short message's time.
    _codec = Codec(engine_of, schema_of)
    encode, decode = _codec.encode, _codec.decode
