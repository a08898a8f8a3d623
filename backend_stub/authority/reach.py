"""What a party may ask of the authority: certificates of its own kind and under its own names."""

from collections.abc import Mapping, Set
from dataclasses import replace
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import NameOID

from backend_stub.access.interface import Party, Role
from backend_stub.authority.interface import Branch, Kind, Selection
from backend_stub.certificates import UNREADABLE
from backend_stub.errors import Code, MarketError
from pki.errors import CertificateError
from pki.names import common_name

_BRANCHES: Mapping[Role, Set[Branch]] = MappingProxyType(
    {
        Role.MSP: {Branch.MO},
        Role.OEM: {Branch.OEM, Branch.VEHICLE},
        Role.CPO: {Branch.CPO},
        Role.CPS: {Branch.CPS},
    }
)
_KINDS: Mapping[Role, Kind] = MappingProxyType({Role.MSP: Kind.CONTRACT, Role.OEM: Kind.CAR})


def check_request(party: Party, branch: Branch, request: x509.CertificateSigningRequest) -> None:
    """Raise MarketError(FORBIDDEN) when a party asks for another kind of certificate, or another's name."""
    if party.role is not Role.ADMIN and branch not in _BRANCHES.get(party.role, frozenset()):
        raise MarketError(Code.FORBIDDEN, f"{party} gets no certificates of branch {branch}")
    try:
        values = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE as error:
        raise MarketError(Code.REQUEST, f"certification request: subject: {error}") from error
    check_name(party, str(values[0].value) if values else "")


def check_name(party: Party, name: str) -> None:
    """Raise MarketError(FORBIDDEN) for a common name that is not within a party's reach."""
    plain = name.upper().replace("-", "").replace("*", "")
    if party.role is Role.MSP:
        party.check_contract(plain)
    elif party.role is Role.OEM:
        party.check_vehicle(plain)
    elif party.role is Role.CPO and not plain.startswith(party.id):
        raise MarketError(Code.FORBIDDEN, f"charger {name} is not one of {party}")


def check_certificate(party: Party, certificate: x509.Certificate) -> None:
    """Raise MarketError(FORBIDDEN) for a certificate that is not a party's own, by its kind and its name."""
    if party.role is Role.ADMIN:
        return
    if Kind.of(certificate) is not _KINDS.get(party.role):
        raise MarketError(Code.FORBIDDEN, f"the certificate is not one of {party}")
    try:
        check_name(party, common_name(certificate))
    except CertificateError as error:
        raise MarketError(Code.REQUEST, f"certificate: {error.detail}") from error


def confined(party: Party, selection: Selection) -> Selection:
    """Return a selection confined to what is a party's own; raises MarketError(FORBIDDEN) where it reaches beyond."""
    if party.role is Role.ADMIN or selection.empty:
        return selection
    kind = _KINDS.get(party.role)
    if kind is None or selection.kind not in {None, kind}:
        raise MarketError(Code.FORBIDDEN, f"certificates of kind {selection.kind} are not those of {party}")
    for name in selection.names:
        check_name(party, name)
    if selection.prefix and not selection.prefix.startswith(party.id):
        raise MarketError(Code.FORBIDDEN, f"names with {selection.prefix} are not those of {party}")
    return replace(selection, kind=kind, prefix=selection.prefix or party.id)
