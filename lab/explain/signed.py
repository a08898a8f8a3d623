"""The steps of a signature: the signer's chain, each digest, the bytes of SignedInfo, the value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from lab.explain.installation import Signed
from lab.explain.steps import Fact, Story, Verdict
from pki import chain
from pki.errors import CertificateError
from pki.keys import KeyType, VerifyingKey, type_name
from pki.profiles import Edition, Profile
from v2g.errors import SignatureError
from v2g.messages.xmldsig import Reference, SignedInfo
from v2g.security import signature as generic
from v2g.security.dialects import DIALECTS, STANDARD, Dialect, Grammar
from v2g.security.signature import SignedElement
from v2g.security.suites import ISO2, ISO20_ED448, ISO20_SECP521, Suite

_SUITES = {suite.key_type: suite for suite in (ISO2, ISO20_SECP521, ISO20_ED448)}


@dataclass(frozen=True, slots=True)
class Trust:
    """What chains are held against: roots, sub-CAs that messages may leave out, and the time."""

    roots: tuple[x509.Certificate, ...]
    sub_cas: tuple[x509.Certificate, ...]
    at: datetime


def explain_chain(
    story: Story, part: str, name: str, ders: Sequence[bytes], profile: Profile, trust: Trust
) -> x509.Certificate | None:
    """Judge a chain of a message; return its leaf if that can be read."""
    try:
        certificates = [chain.parse(der) for der in ders]
    except CertificateError as error:
        story.add(part, name, Verdict.FAILED, str(error))
        return None
    facts = [
        Fact(
            "leaf" if place == 0 else f"above {place}",
            f"{item.subject.rfc4514_string()} ({chain.key_name(item)}, {len(ders[place])} bytes, "
            f"until {item.not_valid_after_utc:%Y-%m-%d})",
        )
        for place, item in enumerate(certificates)
    ]
    leaf, *above = certificates
    above += _missing(certificates[-1], trust)
    if not trust.roots:
        broken = _broken_link([leaf, *above])
        if broken:
            story.add(part, name, Verdict.FAILED, broken, *facts)
        else:
            detail = "each is signed by the next; no root to hold them against (--trust)"
            story.add(part, name, Verdict.SKIPPED, detail, *facts)
        return leaf
    try:
        chain.validate(leaf, above, trust.roots, at=trust.at, profile=profile)
    except CertificateError as error:
        story.add(part, name, Verdict.FAILED, str(error), *facts, hint=_chain_hint(leaf, profile))
    else:
        story.add(part, name, Verdict.OK, f"valid up to its root ({profile.purpose})", *facts)
    return leaf


def _missing(last: x509.Certificate, trust: Trust) -> list[x509.Certificate]:
    """Return the sub-CAs above ``last`` that the message left out, as -2 requests do."""
    found: list[x509.Certificate] = []
    while last.issuer not in {root.subject for root in trust.roots} and len(found) < len(trust.sub_cas):
        upper = next((item for item in trust.sub_cas if _signs(item, last)), None)
        if upper is None:
            break
        found.append(upper)
        last = upper
    return found


def _signs(upper: x509.Certificate, lower: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _broken_link(certificates: Sequence[x509.Certificate]) -> str:
    for lower, upper in pairwise(certificates):
        if not _signs(upper, lower):
            return f"{lower.subject.rfc4514_string()} is not signed by {upper.subject.rfc4514_string()}"
    return ""


def _chain_hint(leaf: x509.Certificate, profile: Profile) -> str:
    if profile.root.key_type != "secp256r1" and chain.key_name(leaf) == "secp256r1":
        return "ecog (certificates of -2 in -20)"
    return ""


def explain_signature(
    story: Story, message: Signed, leaf: x509.Certificate | None, edition: Edition, dialect: Dialect
) -> None:
    """Walk through the signature of a message; ``leaf`` is its signer's certificate."""
    part = message.part
    if message.signature is None:
        story.add(part, "signature", Verdict.FAILED, f"{message.name} carries no signature")
        return
    try:
        key = None if leaf is None else chain.verifying_key(leaf)
    except CertificateError as error:
        story.add(part, "signer's key", Verdict.FAILED, str(error))
        key = None
    if key is None:
        story.add(part, "signature", Verdict.SKIPPED, "the signer's key is not known")
        return
    suite = _SUITES.get(_key_type(key))
    if suite is None or not _allowed(suite, edition, dialect):
        hint = "ecog (certificates of -2 in -20)" if suite is ISO2 else ""
        detail = f"no signature suite of {_edition_name(edition)} for a {type_name(key)} key"
        story.add(part, "suite", Verdict.FAILED, detail, hint=hint)
        if suite is None:
            return
    info = message.signature.signed_info
    _explain_method(story, part, info, suite, dialect)
    for reference in info.reference:
        _explain_reference(story, message, reference, suite, dialect)
    data = generic.signed_bytes(info, message.schema, dialect)
    story.add(
        part,
        "SignedInfo",
        Verdict.NOTE,
        f"{len(data)} bytes are signed, as a fragment of the {_grammar_name(edition, dialect)}",
        Fact("bytes", data),
        Fact("digest", suite.digest(data)),
        clause="[-2 Annex J]" if edition is Edition.ISO2 else "[V2G20-1449]",
    )
    _explain_value(story, message, key, suite, dialect)
    _whole(story, message, key, suite, dialect)


def _explain_method(story: Story, part: str, info: SignedInfo, suite: Suite, dialect: Dialect) -> None:
    expected = dialect.ed448_method if suite is ISO20_ED448 else suite.signature_method
    found = info.signature_method.algorithm
    facts = (Fact("found", found), Fact("expected", expected))
    if found == expected:
        story.add(part, "signature method", Verdict.OK, found)
        return
    hint = _names(lambda other: suite is ISO20_ED448 and other.ed448_method == found)
    story.add(part, "signature method", Verdict.FAILED, "not the one for the signer's key", *facts, hint=hint)


def _explain_reference(
    story: Story, message: Signed, reference: Reference, suite: Suite, dialect: Dialect
) -> None:
    name = (reference.uri or "").removeprefix("#")
    element = next((element for element in message.elements if element.id == name), None)
    body = message.also(name) if message.also is not None else None
    label = f"digest of {element.name if element else f'#{name}'}"
    if reference.digest_method.algorithm != suite.digest_method:
        story.add(
            message.part,
            label,
            Verdict.FAILED,
            "the digest method does not belong to the signer's key",
            Fact("found", reference.digest_method.algorithm),
            Fact("expected", suite.digest_method),
        )
        return
    for candidate in filter(None, (element, body)):
        fragment = generic.element_fragment(candidate, message.schema, dialect)
        if suite.digest(fragment) == reference.digest_value:
            detail = f"{candidate.name} #{name}, {len(fragment)} bytes"
            facts = (Fact("fragment", fragment), Fact("digest", reference.digest_value))
            story.add(message.part, label, Verdict.OK, detail, *facts)
            return
    if element is None:
        story.add(
            message.part, label, Verdict.FAILED, f"the message has nothing to sign that is called {name!r}"
        )
        return
    fragment = generic.element_fragment(element, message.schema, dialect)
    story.add(
        message.part,
        label,
        Verdict.FAILED,
        "the element is not the one that was signed, or was encoded in another way",
        Fact("fragment", fragment),
        Fact("expected (in the message)", reference.digest_value),
        Fact("found (computed)", suite.digest(fragment)),
        hint=_names(lambda other: _fits(element, message, reference, suite, other)),
    )


def _fits(
    element: SignedElement, message: Signed, reference: Reference, suite: Suite, dialect: Dialect
) -> bool:
    return generic.element_digest(element, message.schema, suite, dialect) == reference.digest_value


def _explain_value(story: Story, message: Signed, key: VerifyingKey, suite: Suite, dialect: Dialect) -> None:
    assert message.signature is not None
    info, value = message.signature.signed_info, message.signature.signature_value.value
    facts = (Fact("value", value), Fact("signer's key", type_name(key)))
    try:
        generic.check_value(value, generic.signed_bytes(info, message.schema, dialect), key, suite)
    except SignatureError as error:
        hint = _names(lambda other: _verifies(message, key, suite, other))
        if not hint and value[:1] == b"\x30" and len(value) != suite.value_bytes:
            hint = "no dialect: the value seems to be DER, where r and s are wanted as plain numbers"
        story.add(message.part, "signature value", Verdict.FAILED, str(error), *facts, hint=hint)
    else:
        story.add(message.part, "signature value", Verdict.OK, f"{len(value)} bytes", *facts)


def _verifies(message: Signed, key: VerifyingKey, suite: Suite, dialect: Dialect) -> bool:
    assert message.signature is not None
    info, value = message.signature.signed_info, message.signature.signature_value.value
    try:
        generic.check_value(value, generic.signed_bytes(info, message.schema, dialect), key, suite)
    except SignatureError:
        return False
    return True


def _whole(story: Story, message: Signed, key: VerifyingKey, suite: Suite, dialect: Dialect) -> None:
    """Ask the code that car and charger use: it also knows forbidden parts, and what must be covered."""
    if any(
        step.part == message.part and step.name.startswith(("digest", "signature")) for step in story.failed
    ):
        return
    assert message.signature is not None
    references = message.signature.signed_info.reference
    elements: Sequence[SignedElement] = message.elements
    if message.also is not None and len(references) == 1:
        name = (references[0].uri or "").removeprefix("#")
        whole = message.also(name)
        if generic.element_digest(whole, message.schema, suite, dialect) == references[0].digest_value:
            elements = [whole]
    try:
        generic.verify(message.signature, elements, key, message.schema, suite, dialect)
    except SignatureError as error:
        story.add(message.part, "signature", Verdict.FAILED, str(error))
    else:
        story.add(message.part, "signature", Verdict.OK, "covers what it must cover, and nothing else")


def _names(holds: Callable[[Dialect], bool]) -> str:
    """Return the names of the dialects in which something holds that the standard refuses."""
    return ", ".join(name for name, dialect in DIALECTS.items() if dialect is not STANDARD and holds(dialect))


def _key_type(key: VerifyingKey) -> KeyType:
    return KeyType(type_name(key)) if type_name(key) in set(KeyType) else KeyType.X448


def _allowed(suite: Suite, edition: Edition, dialect: Dialect) -> bool:
    if edition is Edition.ISO2:
        return suite is ISO2
    return suite is not ISO2 or dialect.p256_in_iso20


def _edition_name(edition: Edition) -> str:
    return "ISO 15118-2" if edition is Edition.ISO2 else "ISO 15118-20"


def _grammar_name(edition: Edition, dialect: Dialect) -> str:
    inside = dialect.grammar is Grammar.MESSAGE and edition is not Edition.ISO2
    return "message set" if inside else "stand-alone xmldsig schema"
