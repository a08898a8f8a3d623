"""Schema-informed EXI [W3C EXI 1.0] with the options of ISO 15118: bit-packed, not strict, no value tables.

The messages are classes (:mod:`exi.schema`); this package knows nothing of what they mean.
"""

from exi.codec import decode, decode_fragment, encode, encode_fragment, engine_name
from exi.errors import ExiError, SchemaError
from exi.xmltext import from_xml, to_xml

__all__ = [
    "ExiError",
    "SchemaError",
    "decode",
    "decode_fragment",
    "encode",
    "encode_fragment",
    "engine_name",
    "from_xml",
    "to_xml",
]
