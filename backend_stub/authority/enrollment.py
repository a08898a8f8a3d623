"""What a certification request must be for a leaf of some branch: its key, its proof and its name."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import NameOID

from backend_stub.authority.interface import Branch
from backend_stub.certificates import UNREADABLE
from backend_stub.errors import Code, MarketError
from pki.keys import PublicKey, type_name
from pki.profiles import Profile
from v2g.identifiers import Emaid, IdentifierError, Pcid

# SECCIDs and EVSEIDs: country, operator, and what kind of thing it is; asterisks between them are optional.
_CHARGER = re.compile(r"[A-Za-z]{2}\*?[0-9A-Za-z]{3}\*?[ES][0-9A-Za-z*]{1,30}")
_PLAIN = re.compile(r"[ -~]{1,64}")


def proven_key(request: x509.CertificateSigningRequest, profile: Profile) -> PublicKey:
    """Return the key of a request that its owner signed; raises MarketError(REQUEST)."""
    try:
        key = request.public_key()
        signed = request.is_signature_valid
    except UNREADABLE as error:
        raise MarketError(Code.REQUEST, f"certification request: {error}") from error
    if not signed:
        raise MarketError(Code.REQUEST, "certification request: not signed with the key in it")
    if not isinstance(key, PublicKey) or type_name(key) != profile.key_type:
        raise MarketError(
            Code.REQUEST, f"certification request: a {type_name(key)} key, expected {profile.key_type}"
        )
    return key


def requested_name(request: x509.CertificateSigningRequest, branch: Branch) -> str:
    """Return the common name of a request in its normal form; raises MarketError(REQUEST)."""
    try:
        values = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE as error:
        raise MarketError(Code.REQUEST, f"certification request: subject: {error}") from error
    if len(values) != 1:
        raise MarketError(Code.REQUEST, f"certification request: {len(values)} common names, expected one")
    text = str(values[0].value)
    try:
        return _NAMES[branch](text)
    except IdentifierError as error:
        raise MarketError(Code.REQUEST, f"certification request: common name: {error}") from error


def _pattern(kind: str, pattern: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise IdentifierError(kind, text, expected)
        return text

    return read


_NAMES: Mapping[Branch, Callable[[str], str]] = MappingProxyType(
    {
        Branch.MO: Emaid.normalise,
        Branch.OEM: lambda text: str(Pcid.parse(text)),
        Branch.CPO: _pattern("SECCID", _CHARGER, "country, operator and E… or S…, such as DE*PNC*E0001"),
        Branch.CPS: _pattern("name", _PLAIN, "1 to 64 plain characters"),
        Branch.VEHICLE: _pattern("name of a vehicle", _PLAIN, "1 to 64 plain characters"),
    }
)
