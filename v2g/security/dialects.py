"""Open points of the standard as named options, and the ways of known peers as named dialects.

Where ISO 15118 can be read in more than one way, or where implementations in the field do something else,
the code asks a :class:`Dialect`. :data:`STANDARD` is the standard's reading as this project understands it and
the default everywhere. A dialect is for talking to one peer, or for finding out what a peer has done
(``pnclab explain``); nothing here loosens a check of the standard by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kdf(StrEnum):
    """What is hashed to derive the envelope's key from the ECDH secret Z."""

    CONCATENATION = "concatenation"
    """counter ‖ Z ‖ OtherInfo (NIST SP 800-56A) [V2G2-818][V2G20-2493]."""
    NO_OTHER_INFO = "no-other-info"
    """counter ‖ Z."""
    Z_COUNTER = "z-counter"
    """Z ‖ counter."""
    X963 = "x963"
    """Z ‖ counter ‖ OtherInfo (ANSI X9.63)."""


class Aad(StrEnum):
    """What the AES-GCM envelope of -20 is bound to besides its key."""

    PCID_SKI = "pcid-ski"
    """PCID ‖ SKI of the contract as upper-case hex digits, 34 bytes for an SKI of 8 [V2G20-2492]."""
    PCID_SKI_16 = "pcid-ski-16"
    """The same with the first 16 bytes of a longer SKI, as 32 hex digits."""
    PCID_SKI_8 = "pcid-ski-8"
    """The same with the first 8 bytes of a longer SKI, as 16 hex digits."""
    PCID_SKI_WHOLE = "pcid-ski-whole"
    """The same with the whole SKI, however long."""
    PCID_SKI_LOWER = "pcid-ski-lower"
    """PCID ‖ SKI as lower-case hex digits."""
    PCID_SKI_RAW = "pcid-ski-raw"
    """PCID ‖ the bytes of the SKI."""
    NONE = "none"
    """Nothing."""


class X448Key(StrEnum):
    """How the 56 bytes of a private key of curve448 stand in the envelope."""

    AS_IS = "as-is"
    """As RFC 7748 and RFC 8032 have them, which is a string of bytes and no number."""
    REVERSED = "reversed"
    """Backwards: [V2G20-2501] asks for big-endian order, taken at its word."""


class Padding(StrEnum):
    """Where the zeros of a private number go that is shorter than its curve."""

    LEFT = "left"
    """In front, as a number of fixed length is written."""
    RIGHT = "right"
    """Behind: what a big integer's own bytes give when they are copied to the start of the field."""


class Grammar(StrEnum):
    """Under which grammar SignedInfo becomes the bytes that are signed."""

    XMLDSIG = "xmldsig"
    """The stand-alone schema of XML signatures (-2 Annex J, [V2G20-1449])."""
    MESSAGE = "message"
    """The message set that it travels in."""


class SignedRequest(StrEnum):
    """What a CertificateInstallationReq of -20 signs."""

    CHAIN = "chain"
    """OEMProvisioningCertificateChain: the element that has an Id."""
    BODY = "body"
    """The whole message without its header, under the Id of that element."""


ED448_METHOD = "urn:iso:std:iso:15118:-20:Security:xmldsig#Ed448"
ED448_METHOD_RFC9231 = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448"
X448_DH_LENGTHS = (56, 57, 133)
"""Lengths of an X448 DH public key: raw, as a note says, as the XSD fixes. The longer ones end in zeros."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One reading of the standard: an option for each open point.

    ``name``, ``description``   what it is called, and whose it is
    ``kdf_iso2``, ``kdf_iso20``  how the envelope's key is derived
    ``aad``                     what the envelope of -20 is bound to
    ``padding``                 where the zeros of a short private number go, in -2
    ``x448_key``                how a private key of curve448 stands in the envelope
    ``x448_dh_length``          how many bytes its DH public key has when we send it; any is understood
    ``grammar``                 under which grammar SignedInfo is signed, in -20
    ``ed448_method``            the URI of the signature method Ed448
    ``signed_request``          what a CertificateInstallationReq of -20 signs when it is ours
    ``p256_in_iso20``           whether keys and signatures of -2 (ecdsa-sha256, 64 bytes) are good in -20
    ``short_emaid``             whether the eMAID of -2 is hashed as an element of its first declared type,
                                without the element fragment grammar that its two types ask for
    """

    name: str
    description: str
    kdf_iso2: Kdf = Kdf.CONCATENATION
    kdf_iso20: Kdf = Kdf.CONCATENATION
    aad: Aad = Aad.PCID_SKI
    padding: Padding = Padding.LEFT
    x448_key: X448Key = X448Key.AS_IS
    x448_dh_length: int = 133
    grammar: Grammar = Grammar.XMLDSIG
    ed448_method: str = ED448_METHOD
    signed_request: SignedRequest = SignedRequest.CHAIN
    p256_in_iso20: bool = False
    short_emaid: bool = False

    def __post_init__(self) -> None:
        if self.x448_dh_length not in X448_DH_LENGTHS:
            raise ValueError(f"x448_dh_length must be one of {X448_DH_LENGTHS}")


STANDARD = Dialect("standard", "the standard as this project reads it")

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            STANDARD,
            Dialect(
                "wwcp",
                "WWCP_ISO15118: keys derived without OtherInfo, -20 envelopes bound to nothing, SignedInfo under "
                "the grammar of the messages, the Ed448 URI of RFC 9231",
                kdf_iso2=Kdf.Z_COUNTER,
                kdf_iso20=Kdf.NO_OTHER_INFO,
                aad=Aad.NONE,
                grammar=Grammar.MESSAGE,
                ed448_method=ED448_METHOD_RFC9231,
            ),
            Dialect(
                "ecog",
                "EcoG iso15118: certificates, keys and signatures of -2 in -20 as well",
                p256_in_iso20=True,
            ),
            Dialect(
                "libcbv2g", "libcbv2g: the eMAID's digest is that of a shorter fragment", short_emaid=True
            ),
            Dialect(
                "rise-v2g",
                "RISE V2G: a private number that begins with a zero byte is written without it",
                padding=Padding.RIGHT,
            ),
            Dialect(
                "aad-32", "AAD with 32 hex digits: the first 16 bytes of a longer SKI", aad=Aad.PCID_SKI_16
            ),
            Dialect("aad-first-8", "AAD with the first 8 bytes of a longer SKI", aad=Aad.PCID_SKI_8),
            Dialect("aad-whole-ski", "AAD with the whole SKI, however long", aad=Aad.PCID_SKI_WHOLE),
            Dialect("aad-lower", "AAD with lower-case hex digits", aad=Aad.PCID_SKI_LOWER),
            Dialect("aad-raw", "AAD with the SKI's bytes in place of hex digits", aad=Aad.PCID_SKI_RAW),
            Dialect("x963", "keys derived after ANSI X9.63", kdf_iso2=Kdf.X963, kdf_iso20=Kdf.X963),
            Dialect("x448-reversed", "keys of curve448 backwards in the envelope", x448_key=X448Key.REVERSED),
            Dialect(
                "x448-dh-56", "DH keys of curve448 as 56 bytes, which the XSD refuses", x448_dh_length=56
            ),
            Dialect(
                "x448-dh-57", "DH keys of curve448 as 57 bytes, which the XSD refuses", x448_dh_length=57
            ),
            Dialect(
                "signed-body",
                "the whole CertificateInstallationReq of -20 is signed",
                signed_request=SignedRequest.BODY,
            ),
        )
    }
)
"""Every dialect by name, :data:`STANDARD` first."""
