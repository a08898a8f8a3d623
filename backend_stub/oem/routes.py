"""The car maker's door for its production line: not part of OPCP, which begins at the PCP."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated, Any

from cryptography import x509
from fastapi import APIRouter, status
from pydantic import Field, PlainValidator, WithJsonSchema

from backend_stub.access import Party, Scope, allow
from backend_stub.certificates import UNREADABLE
from backend_stub.errors import Code
from backend_stub.oem.interface import BuiltVehicle, CarMaker
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, CertificateField, decode_base64


def _signing_request(value: Any) -> x509.CertificateSigningRequest:
    if isinstance(value, x509.CertificateSigningRequest):
        return value
    try:
        return x509.load_der_x509_csr(decode_base64(value))
    except UNREADABLE as error:
        raise ValueError(f"not a PKCS #10 request: {error}") from None


class BuildRequest(Body):
    """A new car, represented by the key that was made in it."""

    certificationRequest: Annotated[
        x509.CertificateSigningRequest,
        PlainValidator(_signing_request),
        WithJsonSchema({"type": "string", "format": "byte"}),
        Field(
            description="PKCS #10 request, DER in base64, signed with the car's key on secp256r1. "
            "Its subject is not looked at."
        ),
    ]


class BuildAnswer(Body):
    """What goes into the car besides its private key."""

    pcid: str
    evccid: str = Field(description="MAC address of the car's controller, hex.", examples=["02A1B2C3D4E5"])
    vehicleCertificate: CertificateField
    subCA2Certificate: CertificateField
    subCA1Certificate: CertificateField
    v2gRootCertificates: list[CertificateField] = Field(
        description="The V2G roots of the region it is sold in."
    )
    validTo: datetime
    builtAt: datetime

    @classmethod
    def of(cls, built: BuiltVehicle) -> "BuildAnswer":
        """Describe a new car."""
        vehicle = built.vehicle
        sub_ca2, sub_ca1 = built.sub_cas
        return cls(
            pcid=vehicle.pcid,
            evccid=vehicle.evccid.hex().upper(),
            vehicleCertificate=vehicle.certificate,
            subCA2Certificate=sub_ca2,
            subCA1Certificate=sub_ca1,
            v2gRootCertificates=list(built.v2g_roots),
            validTo=vehicle.certificate.not_valid_after_utc,
            builtAt=vehicle.built_at,
        )


def router(maker: CarMaker) -> APIRouter:
    """Return the routes of this role."""
    routes = APIRouter(prefix="/oem/v1", tags=["OEM: car maker"])

    @routes.post(
        "/vehicles",
        summary="Build a car",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(Code.CHAIN, Code.CHAIN_EXPIRED, Code.CONFLICT),
    )
    async def build(body: BuildRequest, _party: Annotated[Party, allow(Scope.OEM)]) -> BuildAnswer:
        """Give a car its PCID and provisioning certificate, and register it in the PCP.

        The car's private key stays where it was made; the request proves that it exists. Asking again with
        the same key returns the same car.
        """
        return BuildAnswer.of(await maker.build(body.certificationRequest))

    return routes
