"""The contract that a session is identified by."""

from dataclasses import dataclass

from cryptography import x509

from pki.keys import VerifyingKey


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract whose chain has been validated; ``path`` is all of it, leaf first, root last."""

    emaid: str
    certificate: x509.Certificate
    key: VerifyingKey
    path: tuple[x509.Certificate, ...] = ()
