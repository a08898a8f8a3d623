"""How certificates are named: common name, domain component, fingerprint, issuer and serial number."""

import binascii

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from pki.errors import CertificateError, Rule


def common_name(certificate: x509.Certificate) -> str:
    """Return the one CN of the subject: SECCID, PCID or eMAID, by the kind of certificate.

    Raises :class:`CertificateError` ``UNREADABLE`` when there is none or more than one.
    """
    values = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(values) != 1:
        raise CertificateError(
            Rule.UNREADABLE, certificate.subject.rfc4514_string(), f"{len(values)} common names, expected one"
        )
    return str(values[0].value)


def domain_components(certificate: x509.Certificate) -> list[str]:
    """Return the DC attributes of the subject, in order."""
    values = certificate.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)
    return [str(attribute.value) for attribute in values]


def fingerprint_sha256(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER certificate as 64 lower-case hex digits."""
    return binascii.hexlify(certificate.fingerprint(hashes.SHA256())).decode()


def issuer_serial(certificate: x509.Certificate) -> tuple[str, int]:
    """Return what ListOfRootCertificateIDs says of a root: issuer (RFC 4514) and serial number."""
    return certificate.issuer.rfc4514_string(), certificate.serial_number


def matches_issuer_serial(certificate: x509.Certificate, issuer_name: str, serial: int) -> bool:
    """Say whether ``certificate`` is the one that issuer name and serial number stand for.

    RFC 4514 writes a name backwards, but peers exist that write it forwards; the order of the parts is
    therefore not looked at. A name that cannot be parsed matches nothing.
    """
    if certificate.serial_number != serial:
        return False
    try:
        wanted = x509.Name.from_rfc4514_string(issuer_name)
    except ValueError:
        return False
    return set(wanted.rdns) == set(certificate.issuer.rdns)
