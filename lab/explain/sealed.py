"""The steps of the contract key envelope: Z, the key derived from it, what it is bound to, and what it holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from lab.explain.steps import Fact, Story, Verdict
from pki.chain import key_name
from pki.keys import PrivateKey, type_name, x448_private
from v2g.errors import EnvelopeError
from v2g.security.dialects import DIALECTS, STANDARD, Aad, Dialect, Kdf, Padding, X448Key
from v2g.security.envelope import (
    ISO2,
    ISO20,
    OTHER_INFO,
    Envelope,
    Scheme,
    decrypted_iso2,
    derive_key,
    open_iso2,
    secret_iso2,
)
from v2g.security.envelope_iso20 import (
    GCM_IV,
    GCM_TAG,
    associated_data_iso20,
    gcm_open,
    open_iso20,
    receivers,
    secret_iso20,
    subject_key_identifier,
)

PART = "envelope"
_STEPS = {
    "encrypted_private_key": "form",
    "dh_public_key": "DH public key",
    "associated_data": "AAD",
    "scalar": "key",
    "key_match": "key",
}
"""What the checks of :class:`EnvelopeError` are called here."""
_CBC_IV = 16


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope and what is needed to open it.

    ``contract`` is the certificate of the contract, ``receiver`` that of the car (None when the request is not
    at hand), ``pcid`` the car's (None in -2).
    """

    iso2: bool
    envelope: Envelope | EnvelopeError
    contract: x509.Certificate
    receiver: x509.Certificate | None
    pcid: str | None


def explain_envelope(story: Story, sealed: Sealed, key: PrivateKey | None, dialect: Dialect) -> None:
    """Walk through an envelope with the key of its receiver, as far as the steps hold."""
    envelope = sealed.envelope
    if isinstance(envelope, EnvelopeError):
        story.add(PART, "form", Verdict.FAILED, envelope.reason)
        return
    _explain_form(story, sealed, envelope)
    if key is None:
        story.add(PART, "opening", Verdict.SKIPPED, "needs the private key of the car (--key)")
        return
    key = _fitting(story, sealed, key)
    if key is None:
        return
    scheme = ISO2 if sealed.iso2 else ISO20
    try:
        secret = _secret(sealed, envelope, key)
        story.add(
            PART,
            "ECDH secret Z",
            Verdict.OK,
            f"{len(secret)} bytes, from the car's key and DHPublicKey",
            Fact("Z", secret, secret=True),
            clause="[V2G2-815]" if sealed.iso2 else "[V2G20-2535]",
        )
        symmetric = _explain_key(story, secret, scheme, dialect)
        bound_to = b"" if sealed.iso2 else _explain_aad(story, sealed, dialect)
        _explain_plaintext(story, sealed, envelope, symmetric, bound_to)
        opened = _open(sealed, envelope, key, dialect)
    except EnvelopeError as error:
        hint = _hint(sealed, envelope, key)
        name = _STEPS.get(error.step, error.step)
        story.add(PART, name, Verdict.FAILED, error.reason, clause=_clause(sealed, error.step), hint=hint)
        return
    story.add(
        PART,
        "key",
        Verdict.OK,
        f"in its range, and the one that the contract certificate certifies ({type_name(opened)})",
        clause="[V2G2-823]" if sealed.iso2 else "[V2G20-2507] [V2G20-2510] [V2G20-2678]",
    )


def _explain_form(story: Story, sealed: Sealed, envelope: Envelope) -> None:
    field = envelope.encrypted_private_key
    if sealed.iso2:
        parts = [Fact("IV", field[:_CBC_IV]), Fact("ciphertext", field[_CBC_IV:])]
    else:
        parts = [
            Fact("IV", field[:GCM_IV]),
            Fact("ciphertext", field[GCM_IV:-GCM_TAG]),
            Fact("tag", field[-GCM_TAG:]),
        ]
    detail = f"{len(field)} bytes, DH public key {len(envelope.dh_public_key)} bytes"
    story.add(PART, "form", Verdict.NOTE, detail, *parts, Fact("DH public key", envelope.dh_public_key))


def _fitting(story: Story, sealed: Sealed, key: PrivateKey) -> PrivateKey | None:
    """Return the car's key in the form that receives; tell whether it is the certified one."""
    if sealed.receiver is None:
        story.add(PART, "receiver", Verdict.SKIPPED, "the request is not there: the key is taken as it is")
        return key
    subject = sealed.receiver.subject.rfc4514_string()
    certified: list[object] = [sealed.receiver.public_key()]
    if not sealed.iso2:
        certified += receivers(sealed.receiver).values()
    if key.public_key() not in certified:
        detail = (
            f"the {type_name(key)} key does not belong to {subject}, whose key is {key_name(sealed.receiver)}"
        )
        story.add(PART, "receiver", Verdict.FAILED, detail)
        return None
    if not sealed.iso2 and isinstance(key, ed448.Ed448PrivateKey) and len(certified) > 1:
        alternate = certified[-1]
        if alternate not in (key.public_key(), x448_private(key).public_key()):
            detail = (
                "this is the key that signs; the alternate key of the certificate receives (receiver.key)"
            )
            story.add(PART, "receiver", Verdict.FAILED, detail, clause="[V2G20-2534]")
            return None
    story.add(PART, "receiver", Verdict.OK, f"the key belongs to {subject}")
    return key


def _secret(sealed: Sealed, envelope: Envelope, key: PrivateKey) -> bytes:
    if not sealed.iso2:
        return secret_iso20(envelope, key)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnvelopeError("receiver", f"a {type_name(key)} key, expected secp256r1")
    return secret_iso2(envelope, key)


def _explain_key(story: Story, secret: bytes, scheme: Scheme, dialect: Dialect) -> bytes:
    kdf = dialect.kdf_iso2 if scheme is ISO2 else dialect.kdf_iso20
    key = derive_key(secret, scheme, kdf)
    form = {
        Kdf.CONCATENATION: "00000001 ‖ Z ‖ OtherInfo",
        Kdf.NO_OTHER_INFO: "00000001 ‖ Z",
        Kdf.Z_COUNTER: "Z ‖ 00000001",
        Kdf.X963: "Z ‖ 00000001 ‖ OtherInfo",
    }[kdf]
    story.add(
        PART,
        "derived key K",
        Verdict.OK,
        f"first {len(key)} bytes of {scheme.hash.name.upper()}({form})",
        Fact("OtherInfo", OTHER_INFO),
        Fact("K", key, secret=True),
        clause="[V2G2-818]" if scheme is ISO2 else "[V2G20-2493] [V2G20-2535]",
    )
    return key


def _explain_aad(story: Story, sealed: Sealed, dialect: Dialect) -> bytes:
    if sealed.pcid is None:
        raise EnvelopeError("associated_data", "the PCID is not known: give the request too, or --pcid")
    identifier = subject_key_identifier(sealed.contract)
    bound_to = associated_data_iso20(sealed.pcid, identifier, dialect.aad)
    story.add(
        PART,
        "AAD",
        Verdict.OK,
        f"{len(bound_to)} bytes: PCID {sealed.pcid}, SKI {identifier.hex().upper()}",
        Fact("AAD", bound_to),
        Fact("as text", bound_to.decode("latin-1")),
        clause="[V2G20-2492]",
    )
    return bound_to


def _explain_plaintext(story: Story, sealed: Sealed, envelope: Envelope, key: bytes, bound_to: bytes) -> None:
    if sealed.iso2:
        with decrypted_iso2(envelope, key) as plaintext:
            detail = "AES-128-CBC; nothing tells yet whether K was right"
            story.add(
                PART, "decryption", Verdict.OK, detail, Fact("plaintext", bytes(plaintext), secret=True)
            )
        return
    with gcm_open(key, envelope.encrypted_private_key, bound_to) as opened:
        story.add(
            PART,
            "decryption",
            Verdict.OK,
            "AES-256-GCM; the tag is right",
            Fact("plaintext", bytes(opened), secret=True),
            clause="[V2G20-2504]",
        )


def _open(sealed: Sealed, envelope: Envelope, key: PrivateKey, dialect: Dialect) -> PrivateKey:
    if not sealed.iso2:
        return open_iso20(envelope, key, pcid=sealed.pcid or "", certificate=sealed.contract, dialect=dialect)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnvelopeError("receiver", f"a {type_name(key)} key, expected secp256r1")
    return open_iso2(envelope, key, certificate=sealed.contract, dialect=dialect)


def _hint(sealed: Sealed, envelope: Envelope, key: PrivateKey) -> str:
    """Return the dialects that open the envelope; where none does, the options that together do."""

    def opens(dialect: Dialect) -> bool:
        try:
            _open(sealed, envelope, key, dialect)
        except EnvelopeError:
            return False
        return True

    named = [name for name, dialect in DIALECTS.items() if dialect is not STANDARD and opens(dialect)]
    if named:
        return ", ".join(named)
    return next(filter(None, (_described(made) for made in _combinations(sealed) if opens(made))), "")


def _combinations(sealed: Sealed) -> Iterator[Dialect]:
    """Every combination of options that has to do with the envelope."""
    if sealed.iso2:
        for kdf, padding in product(Kdf, Padding):
            yield replace(STANDARD, kdf_iso2=kdf, padding=padding)
        return
    for kdf, aad, order in product(Kdf, Aad, X448Key):
        yield replace(STANDARD, kdf_iso20=kdf, aad=aad, x448_key=order)


_OPTIONS: dict[str, Callable[[Dialect], object]] = {
    "kdf_iso2": lambda dialect: dialect.kdf_iso2,
    "kdf_iso20": lambda dialect: dialect.kdf_iso20,
    "aad": lambda dialect: dialect.aad,
    "padding": lambda dialect: dialect.padding,
    "x448_key": lambda dialect: dialect.x448_key,
}


def _described(dialect: Dialect) -> str:
    """Return the options in which a dialect differs from the standard."""
    differing = {name: read(dialect) for name, read in _OPTIONS.items() if read(dialect) != read(STANDARD)}
    return "no named dialect, but " + ", ".join(f"{name}={value}" for name, value in differing.items())


def _clause(sealed: Sealed, step: str) -> str:
    if sealed.iso2:
        return "[V2G2-823]" if step in {"scalar", "key_match"} else ""
    return {
        "decryption": "[V2G20-2504]",
        "scalar": "[V2G20-2678]",
        "key_match": "[V2G20-2507] [V2G20-2510]",
        "associated_data": "[V2G20-2492]",
    }.get(step, "")
