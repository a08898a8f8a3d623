"""The errors of a V2G communication session: one small tree, with the facts in fields.

The codec has its own error, :class:`exi.ExiError`, certificates have ``pki.chain.CertificateError``;
everything that the protocol adds derives from :class:`V2GError`, so that a session is one
``except V2GError`` away from an orderly end.
"""


class V2GError(Exception):
    """Base of everything that can go wrong between an EV and a charger."""


class FramingError(V2GError):
    """A V2GTP header or SDP payload breaks its format.

    ``field`` names the offending field (``version``, ``inverse``, ``payload_type``, ``length``,
    ``payload``); ``reason`` says what it held and what was expected.
    """

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(f"V2GTP {field}: {reason}")
        self.reason = reason
        self.field = field


class MessageError(V2GError):
    """A well-framed payload cannot be decoded as a message of the schema in force.

    ``path`` and ``bit_offset`` come from the codec. ``payload`` is kept for the log and for an
    answer that must be schema-valid although the request was not.
    """

    def __init__(
        self,
        reason: str,
        path: str,
        bit_offset: int | None,
        payload: bytes = b"",
        payload_type: int | None = None,
    ) -> None:
        place = path or "/"
        at = "" if bit_offset is None else f" at bit {bit_offset}"
        super().__init__(f"{place}{at}: {reason}")
        self.reason = reason
        self.path = path
        self.bit_offset = bit_offset
        self.payload = payload
        self.payload_type = payload_type


class SequenceError(V2GError):
    """A message arrived that the state does not admit [V2G2-459][V2G2-538][V2G2-539]."""

    def __init__(self, state: str, received: str) -> None:
        super().__init__(f"{received} is not admitted in state {state}")
        self.state = state
        self.received = received


class SignatureError(V2GError):
    """An XML signature is missing, malformed or wrong; ``reference`` is the Id it concerns, if any.

    ``reason`` is a fixed text for each kind of fault (see :class:`v2g.security.signature.Reason`),
    ``detail`` says what was found.
    """

    def __init__(self, reason: str, reference: str | None = None, detail: str = "") -> None:
        place = "" if reference is None else f"reference {reference}: "
        super().__init__(f"{place}{reason}{f' ({detail})' if detail else ''}")
        self.reason = reason
        self.reference = reference
        self.detail = detail


class EnvelopeError(V2GError):
    """A contract key envelope cannot be opened, or holds a key that must not be used.

    ``step`` names the check that failed (such as ``length``, ``dh_public_key``, ``decryption``,
    ``scalar``, ``key_match``); ``reason`` says what was wrong, never what the key was.
    """

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"contract key envelope, {step}: {reason}")
        self.step = step
        self.reason = reason


class IdentifierError(V2GError):
    """A text is not an identifier of its ``kind`` (eMAID, PCID, EVCCID, EVSEID)."""

    def __init__(self, kind: str, value: str, reason: str) -> None:
        super().__init__(f"{kind} {value!r}: {reason}")
        self.kind = kind
        self.value = value
        self.reason = reason


class V2GTimeout(V2GError):  # noqa: N818 - named like the timers of the standard
    """A timer of the standard expired: its ``name``, and its limit in seconds."""

    def __init__(self, name: str, limit_s: float) -> None:
        super().__init__(f"{name} expired after {limit_s:g} s")
        self.name = name
        self.limit_s = limit_s


class ResponseCodeError(V2GError):
    """The peer answered with a FAILED code; ``message`` is the name of its response, ``response`` its body."""

    def __init__(self, message: str, code: str, response: object = None) -> None:
        super().__init__(f"{message} carries {code}")
        self.response = response
        self.message = message
        self.code = code


class ConnectError(V2GError):
    """No connection to ``address`` could be made."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot connect to {address}: {reason}")
        self.address = address
        self.reason = reason


class ConnectionClosedError(V2GError):
    """The connection ended while a message was expected or being sent.

    ``by`` is ``"peer"`` or ``"us"``; ``clean`` is False when it ended inside a message or by a reset.
    """

    def __init__(self, reason: str, *, by: str = "peer", clean: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.by = by
        self.clean = clean


class TlsError(V2GError):
    """TLS failed. ``reason`` is in plain words, ``code`` is OpenSSL's reason (such as NO_SHARED_CIPHER)."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(f"TLS: {reason}")
        self.reason = reason
        self.code = code


class InterfaceError(V2GError):
    """No usable network interface; ``found`` lists what there is, one description each."""

    def __init__(self, reason: str, found: tuple[str, ...] = ()) -> None:
        listing = "; ".join(found) if found else "none"
        super().__init__(f"{reason} (interfaces found: {listing})")
        self.reason = reason
        self.found = found


class DiscoveryError(V2GError):
    """The SECC discovery ended without a usable answer, after ``tries`` requests."""

    def __init__(self, reason: str, tries: int) -> None:
        super().__init__(f"SECC discovery: {reason}")
        self.reason = reason
        self.tries = tries
