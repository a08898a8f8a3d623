"""What the OPNC bodies have in common, and how strictly the letter of its schemas is taken."""

# ruff: noqa: N815 - fields are spelled as on the wire

import base64
from collections.abc import Iterable

from cryptography import x509
from pydantic import Field

from backend_stub.certificates import der
from backend_stub.errors import Code, MarketError
from backend_stub.web.fields import Body, CertificateField

MAX_CERTIFICATE_CHARACTERS = 800
"""The cap of OPNC's schemas on a certificate in base64. ISO 15118-2 allows 800 *bytes*, which are 1068
characters, and certificates that use them are in the field."""

ISO20_SPELLING = "urn:iso:15118:20:2020:MsgDef"


class CertificateChain(Body):
    """A chain without the root."""

    certificate: CertificateField = Field(description="The leaf.")
    subCa1Certificate: CertificateField = Field(description="The one below the root.")
    subCa2Certificate: CertificateField | None = Field(
        default=None, description="The one that issued the leaf, where there are two."
    )

    @property
    def certificates(self) -> list[x509.Certificate]:
        """All that are there."""
        chain = (self.certificate, self.subCa1Certificate, self.subCa2Certificate)
        return [certificate for certificate in chain if certificate is not None]


def check_caps(certificates: Iterable[x509.Certificate], *, strict: bool) -> None:
    """Where the letter counts, raise MarketError(REQUEST) for a certificate that exceeds the cap."""
    for certificate in certificates if strict else ():
        size = len(base64.b64encode(der(certificate)))
        if size > MAX_CERTIFICATE_CHARACTERS:
            raise MarketError(
                Code.REQUEST,
                f"certificate {certificate.subject.rfc4514_string()}: {size} characters of base64, "
                f"the schema admits {MAX_CERTIFICATE_CHARACTERS}",
            )
