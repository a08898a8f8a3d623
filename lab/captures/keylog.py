"""TLS secrets by client random, from NSS key log lines (SSLKEYLOGFILE, or inside a pcapng)."""

from collections.abc import Mapping
from types import MappingProxyType

TLS12_LABEL = "CLIENT_RANDOM"
"""The label of a master secret of TLS 1.2."""


class KeyRing:
    """All secrets that are known; lines that are none are counted in :attr:`unreadable` and left out."""

    def __init__(self) -> None:
        self._secrets: dict[bytes, dict[str, bytes]] = {}
        self.unreadable = 0

    def __len__(self) -> int:
        return len(self._secrets)

    def add(self, lines: bytes) -> None:
        """Take the lines of a key log: label, client random and secret, the latter two in hex."""
        for line in lines.splitlines():
            parts = line.split()
            if not parts or parts[0].startswith(b"#"):
                continue
            try:
                label, random, secret = parts[0].decode("ascii"), *map(_hex, parts[1:])
            except ValueError:
                self.unreadable += 1
                continue
            self._secrets.setdefault(random, {})[label] = secret

    def of(self, client_random: bytes) -> Mapping[str, bytes]:
        """Return the secrets of one connection by their labels."""
        return MappingProxyType(self._secrets.get(client_random, {}))


def _hex(text: bytes) -> bytes:
    value = bytes.fromhex(text.decode("ascii"))
    if not 16 <= len(value) <= 128:
        raise ValueError("no secret and no random has this length")
    return value
