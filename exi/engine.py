"""The Python engine of one message set."""

from typing import Any

from exi.decoder import Decoder
from exi.encoder import Encoder
from exi.schema import Item, XsdType
from exi.tables import Tables


class Engine:
    """Encodes and decodes the documents and fragments of one message set."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.decoder = Decoder(tables)
        self.encoder = Encoder(tables)

    def decode_document(self, data: bytes) -> XsdType:
        """Return the root element's value. Raises ExiError."""
        return self.decoder.decode_document(data)

    def decode_fragment(self, data: bytes) -> Item:
        """Return a fragment's only element: its name and its value. Raises ExiError."""
        return self.decoder.decode_fragment(data)

    def encode_document(self, message: XsdType) -> bytes:
        """Return the document whose root element has the value's class. Raises ExiError."""
        return self.encoder.encode_document(message)

    def encode_fragment(self, value: Any, name: str | None = None, uri: str | None = None) -> bytes:
        """Return the fragment of one element; name and namespace may be left to the class. Raises ExiError."""
        return self.encoder.encode_fragment(value, name, uri)
