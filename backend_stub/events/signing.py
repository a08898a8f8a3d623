"""How a webhook proves where it comes from: an HMAC-SHA256 over the raw body, in hex."""

import hashlib
import hmac

from pki.entropy import Entropy

HEADER = "X-Operator-Signature"

_PREFIX = "sha256="
_SECRET_BYTES = 32


def new_secret(entropy: Entropy) -> str:
    """Return a secret for one endpoint."""
    return entropy.bytes(_SECRET_BYTES).hex()


def sign(body: bytes, secret: str) -> str:
    """Return what stands in :data:`HEADER` for ``body``."""
    return _PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Say whether ``signature`` is that of ``body``, in a time that tells nothing."""
    return hmac.compare_digest(sign(body, secret).encode(), signature.encode("utf-8", "replace"))
