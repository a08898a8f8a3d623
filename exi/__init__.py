"""Schema-informed EXI [W3C EXI 1.0] with the options of ISO 15118: bit-packed, not strict, no value tables.

The messages are classes (:mod:`exi.schema`); this package knows nothing of what they mean. Everything but the
errors is loaded at its first use: a process that only talks EXI starts quickly, and one that only wants a help
page loads no codec.
"""

from typing import TYPE_CHECKING, Any

from exi.errors import EngineError, ExiError, SchemaError

if TYPE_CHECKING:
    from exi.codec import decode, decode_fragment, encode, encode_fragment, engine_name
    from exi.jsontext import from_json, to_json
    from exi.xmltext import from_xml, to_xml
else:
    _HOMES = {
        "codec": ("decode", "decode_fragment", "encode", "encode_fragment", "engine_name"),
        "jsontext": ("from_json", "to_json"),
        "xmltext": ("from_xml", "to_xml"),
    }

    def __getattr__(name: str) -> Any:
        """Load what is loaded at its first use. Raises EngineError where the environment asks in vain for an engine."""
        home = next((home for home, names in _HOMES.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - see above

        module = import_module(f"exi.{home}")
        globals().update((name, getattr(module, name)) for name in _HOMES[home])
        return globals()[name]


__all__ = [
    "EngineError",
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
