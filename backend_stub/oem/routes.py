"""The car maker's door for its production line: not part of OPCP, which begins at the PCP."""

# ruff: noqa: N815 - fields are spelled as on the wire

from datetime import datetime
from typing import Annotated, Any

from cryptography import x509
from fastapi import APIRouter, Path, Query, Response, status
from pydantic import Field, PlainValidator, WithJsonSchema

from backend_stub.access import Party, Scope, allow
from backend_stub.certificates import UNREADABLE
from backend_stub.errors import Code, MarketError
from backend_stub.oem.interface import BuiltIso20, BuiltVehicle, CarMaker, Iso20Request, Vehicle
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Base64Bytes, Body, CertificateField, PcidField, decode_base64
from pki.profiles import Edition as Suite

_PcidPath = Annotated[PcidField, Path(description="The car's provisioning certificate identifier.")]


def _signing_request(value: Any) -> x509.CertificateSigningRequest:
    if isinstance(value, x509.CertificateSigningRequest):
        return value
    try:
        return x509.load_der_x509_csr(decode_base64(value))
    except UNREADABLE as error:
        raise ValueError(f"not a PKCS #10 request: {error}") from None


_SigningRequest = Annotated[
    x509.CertificateSigningRequest,
    PlainValidator(_signing_request),
    WithJsonSchema({"type": "string", "format": "byte"}),
]


class Iso20BuildRequest(Body):
    """The further keys of a car that speaks ISO 15118-20."""

    provisioningRequest: _SigningRequest = Field(
        description="PKCS #10 request, DER in base64, for the provisioning certificate."
    )
    vehicleRequest: _SigningRequest = Field(
        description="PKCS #10 request, DER in base64, for the certificate of the car as TLS client."
    )
    receiverKey: Base64Bytes | None = Field(
        default=None, description="SubjectPublicKeyInfo, DER in base64: the X448 key of a car with Ed448."
    )

    def request(self) -> Iso20Request:
        """Return it as the role knows it."""
        return Iso20Request(self.provisioningRequest, self.vehicleRequest, self.receiverKey)


class BuildRequest(Body):
    """A new car, represented by the key that was made in it."""

    certificationRequest: Annotated[
        _SigningRequest,
        Field(
            description="PKCS #10 request, DER in base64, signed with the car's key on secp256r1. "
            "Its subject is not looked at."
        ),
    ]
    region: str | None = Field(
        default=None, max_length=32, description="Where it is sold; without it, in the maker's first region."
    )
    vin: str | None = Field(
        default=None, max_length=32, description="Vehicle identification number; without it, a new one."
    )
    iso20: Iso20BuildRequest | None = Field(
        default=None, description="For a car that speaks ISO 15118-20 besides ISO 15118-2."
    )

    @property
    def iso20_request(self) -> Iso20Request | None:
        """What the car brings for ISO 15118-20."""
        return None if self.iso20 is None else self.iso20.request()


class RekeyRequest(BuildRequest):
    """A car's new key. Region and VIN stay what they are."""

    newPcid: bool = Field(default=False, description="Call the car by a new PCID from now on.")


class EntitlementRequest(Body):
    """What a driver showed to a mobility operator."""

    code: str = Field(min_length=1, max_length=64, description="The maker's one-time code.")
    reference: str = Field(
        min_length=1,
        max_length=15,
        description="The contract that is being made; again for it is the same use.",
    )
    restore: bool = Field(default=False, description="Take the use back: the contract was not made.")


class CodeAnswer(Body):
    """A one-time code for a driver."""

    pcid: str
    code: str = Field(description="Shown only now.", examples=["7K4P-XM2D-9TWA-35HB"])


class VehicleBody(Body):
    """A car in the maker's books."""

    pcid: str
    evccid: str
    vin: str
    region: str
    previousPcid: str | None
    uploaded: bool = Field(description="The PCP has its chain.")
    validTo: datetime
    builtAt: datetime

    @classmethod
    def of(cls, vehicle: Vehicle) -> "VehicleBody":
        """Describe a car."""
        return cls(
            pcid=vehicle.pcid,
            evccid=vehicle.evccid.hex().upper(),
            vin=vehicle.vin,
            region=vehicle.region,
            previousPcid=vehicle.previous_pcid,
            uploaded=vehicle.uploaded,
            validTo=vehicle.certificate.not_valid_after_utc,
            builtAt=vehicle.built_at,
        )


class VehicleList(Body):
    """Cars, newest first, and how many there are in all."""

    count: int
    vehicles: list[VehicleBody]


class Iso20Answer(Body):
    """What goes into the car for ISO 15118-20."""

    provisioningCertificate: CertificateField
    vehicleCertificate: CertificateField
    subCA2Certificate: CertificateField
    subCA1Certificate: CertificateField
    v2gRootCertificates: list[CertificateField]

    @classmethod
    def of(cls, built: BuiltIso20) -> "Iso20Answer":
        """Describe it."""
        sub_ca2, sub_ca1 = built.sub_cas
        return cls(
            provisioningCertificate=built.provisioning,
            vehicleCertificate=built.vehicle,
            subCA2Certificate=sub_ca2,
            subCA1Certificate=sub_ca1,
            v2gRootCertificates=list(built.v2g_roots),
        )


class SuitesAnswer(Body):
    """What a car of this maker can speak."""

    suites: list[Suite] = Field(
        description="`iso2`, and `iso20` (keys on secp521r1) or `iso20-ed448` where there is ISO 15118-20."
    )


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
    vin: str
    region: str = Field(description="Where it is sold.")
    code: str = Field(
        description="One-time code for the driver: who has it may have a contract made. Shown only now."
    )
    iso20: Iso20Answer | None = None

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
            vin=vehicle.vin,
            region=vehicle.region,
            code=built.code,
            iso20=None if built.iso20 is None else Iso20Answer.of(built.iso20),
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
        built = await maker.build(
            body.certificationRequest, region=body.region, vin=body.vin, iso20=body.iso20_request
        )
        return BuildAnswer.of(built)

    @routes.get("/suites", summary="Ask what cars can speak", responses=refusals())
    async def suites(_party: Annotated[Party, allow(Scope.OEM)]) -> SuitesAnswer:
        """Return the sets of certificates that the production line can ask for; they say which keys to make."""
        return SuitesAnswer(suites=list(await maker.suites()))

    @routes.get("/vehicles", summary="List cars", responses=refusals(Code.UNKNOWN_PCID))
    async def vehicles(
        _party: Annotated[Party, allow(Scope.OEM)],
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        pcid: Annotated[
            str, Query(max_length=18, description="Only those whose PCID begins with this, in this order.")
        ] = "",
        vin: Annotated[str, Query(max_length=17, description="The same of the VIN.")] = "",
        after: Annotated[str, Query(max_length=18, description="PCID of the last one seen.")] = "",
    ) -> VehicleList:
        """Return cars, newest first, or by the beginning of their PCID or VIN."""
        found = await maker.search(limit, pcid=pcid.upper(), vin=vin.upper(), after=after.upper())
        return VehicleList(count=await maker.count(), vehicles=[VehicleBody.of(vehicle) for vehicle in found])

    @routes.get("/vehicles/{pcid}", summary="Show a car", responses=refusals(Code.UNKNOWN_PCID))
    async def vehicle(pcid: _PcidPath, _party: Annotated[Party, allow(Scope.OEM)]) -> VehicleBody:
        """Return one car as the maker's books have it."""
        found = await maker.find(pcid)
        if found is None:
            raise MarketError(Code.UNKNOWN_PCID, f"PCID {pcid} is no car of this maker")
        return VehicleBody.of(found)

    @routes.post(
        "/vehicles/{pcid}/key",
        summary="Replace a car's key",
        responses=refusals(Code.UNKNOWN_PCID, Code.CHAIN, Code.CHAIN_EXPIRED, Code.CONFLICT, Code.PEER),
    )
    async def rekey(
        pcid: _PcidPath, body: RekeyRequest, _party: Annotated[Party, allow(Scope.OEM)]
    ) -> BuildAnswer:
        """Certify a new key for a car, under its PCID or a new one. Contracts for the old key are deleted."""
        built = await maker.rekey(
            pcid, body.certificationRequest, new_pcid=body.newPcid, iso20=body.iso20_request
        )
        return BuildAnswer.of(built)

    @routes.post(
        "/vehicles/{pcid}/code",
        summary="Give out a new one-time code",
        status_code=status.HTTP_201_CREATED,
        responses=refusals(Code.UNKNOWN_PCID),
    )
    async def code(pcid: _PcidPath, _party: Annotated[Party, allow(Scope.OEM)]) -> CodeAnswer:
        """Give the driver of a car a code for one more contract. An earlier one that was not used is void."""
        return CodeAnswer(pcid=pcid, code=await maker.issue_code(pcid))

    @routes.post(
        "/vehicles/{pcid}/entitlement",
        summary="Use a one-time code",
        status_code=status.HTTP_204_NO_CONTENT,
        response_class=Response,
        responses=refusals(Code.UNKNOWN_PCID, Code.ENTITLEMENT),
    )
    async def entitlement(
        pcid: _PcidPath, body: EntitlementRequest, _party: Annotated[Party, allow(Scope.PCP_READ)]
    ) -> Response:
        """For mobility operators: check a driver's code and use it up. Ten wrong tries make it void."""
        if body.restore:
            await maker.restore(pcid, body.code, body.reference)
        else:
            await maker.redeem(pcid, body.code, body.reference)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return routes
