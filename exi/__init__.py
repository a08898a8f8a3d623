"""Schema-informed EXI [W3C EXI 1.0] with the options of ISO 15118: bit-packed, not strict, no value tables.

The messages are classes (:mod:`exi.schema`); this package knows nothing of what they mean. XML and JSON text
are loaded at their first use, so that a process that only talks EXI starts quickly.
"""

from typing import TYPE_CHECKING, Any

from exi.codec import decode, decode_fragment, encode, encode_fragment, engine_name
from exi.errors import ExiError, SchemaError

if TYPE_CHECKING:
    from exi.jsontext import from_json, to_json
    from exi.xmltext import from_xml, to_xml
else:

    def __getattr__(name: str) -> Any:
        """Load what is loaded at its first use."""
        home = {"from_json": "jsontext", "to_json": "jsontext", "from_xml": "xmltext", "to_xml": "xmltext"}
        if name not in home:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - see above

        value = globals()[name] = getattr(import_module(f"exi.{home[name]}"), name)
        return value


__all__ = [
    "ExiError",
    "SchemaError",
    "decode",
    "decode_fragment",
    "encode",
    "encode_fragment",
    "engine_name",
    "from_json",
    "from_xml",
    "to_json",
    "to_xml",
]
