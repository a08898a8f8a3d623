"""Another provider, reached through its OPCP doors."""

# ruff: noqa: N815 - fields are spelled as on the wire

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec
from cryptography import x509

import exi
from backend_stub.ccp.interface import Collection, Contract, Delivery, Installation
from backend_stub.certificates import der
from backend_stub.cps.interface import ContractData, SignOrder
from backend_stub.description import Pins
from backend_stub.errors import Code, MarketError
from backend_stub.events import EventType
from backend_stub.federation import calls
from backend_stub.namespaces import Edition, spelling
from backend_stub.pcp.interface import ProvisioningChain
from backend_stub.rcp.interface import RootType
from backend_stub.reading import SCHEMAS
from backend_stub.register.interface import Registration
from backend_stub.telematics.interface import EventMessage, EventPage
from pki.chain import parse
from pki.errors import CertificateError

T = TypeVar("T")

MAX_ANSWER_BYTES = 1024 * 1024
_NAMESPACE = "xsdMsgDefNamespace"
_SUCCESS = range(200, 300)
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30)
_WIRE_TYPES = {RootType.V2G: "V2G", RootType.OEM: "OEM", RootType.MO: "MO"}


class _Refusal(msgspec.Struct):
    errorMessages: list[str] = []


class _Root(msgspec.Struct):
    rootType: str
    caCertificate: str


class _Roots(msgspec.Struct):
    rootCertificates: list[_Root]


class _RootAnswer(msgspec.Struct):
    RootCertificateCollection: _Roots


class _Car(msgspec.Struct):
    vehicleCertificate: str
    subCA1Certificate: str
    subCA2Certificate: str | None = None
    v2gRootAuthorityKeyIdentifiers: list[str] = []
    previousPcid: str | None = None


class _CarAnswer(msgspec.Struct):
    OEMMessage: _Car


class _MessageDef(msgspec.Struct):
    certificateInstallationRes: str
    emaid: str
    cpsV2GRootCertificateFingerprint: str = ""


class _Content(msgspec.Struct):
    messageDef: _MessageDef


class _CcpResponse(msgspec.Struct):
    emaidContent: list[_Content]


class _InstallationAnswer(msgspec.Struct):
    CCPResponse: _CcpResponse


class _Contract(msgspec.Struct):
    pcid: str
    emaid: str
    contractCertificate: str
    defaultContract: bool
    cpsV2GRootCertificateFingerprint: str = ""


class _ContractList(msgspec.Struct):
    XMLContracts: list[_Contract]


class _Signer(msgspec.Struct):
    cpsV2GRootCertificateFingerprint: str


class _SignerList(msgspec.Struct):
    cpsCertificates: list[_Signer]


class _Signed(msgspec.Struct):
    signedData: str


class _Registration(msgspec.Struct):
    number: str
    vin: str
    pcid: str
    registeredAt: datetime


class _Role(msgspec.Struct):
    role: str
    title: str
    up: bool
    problem: str
    elapsedMs: float
    counts: dict[str, int]


class _RoleList(msgspec.Struct):
    roles: list[_Role]


class _Reset(msgspec.Struct):
    removed: list[str]


class _Nothing(msgspec.Struct):
    pass


@dataclass(frozen=True, slots=True)
class Party:
    """Who is asking, for the peer's log and books: the fingerprint of our V2G root."""

    name: str
    root_sha256: str


class Peer:
    """One connection to another provider. Every call is bounded by the caller's deadline.

    Every method raises MarketError: what the peer refuses under its own code; PEER when it cannot be reached
    or does not answer as a provider does; DEADLINE when the time is over.
    """

    def __init__(
        self,
        name: str,
        url: str,
        pins: Pins,
        *,
        asking: Party,
        timeout_s: float,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.pins = pins
        self.timeout_s = timeout_s
        self._headers = {
            calls.BROADCAST_HEADER: "true",
            "alwaysReturnEXI": "false",  # a refusal is read by its code; the car gets one from its own provider
            "OPNC-from-party-type": "ccp",
            "OPNC-from-party-id": asking.root_sha256,
        }
        self._client = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            auth=auth,
            limits=_LIMITS,
            timeout=None,  # noqa: S113 - one deadline bounds the whole call, see _call
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        """Return name and address."""
        return f"<Peer {self.name} at {self.url}>"

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()

    async def events(
        self, after: int, limit: int, types: Sequence[EventType], wmi: str = ""
    ) -> tuple[Sequence[EventMessage], int]:
        """Return events of the peer after a sequence number, and the number to go on after."""
        query = urlencode(
            {"after": after, "limit": limit, "eventType": [str(kind) for kind in types], "wmi": wmi},
            doseq=True,
        )
        page = await self._call("GET", f"/v1/events?{query}", EventPage)
        return page.events, page.next

    async def roots(self, root_type: RootType) -> Sequence[x509.Certificate]:
        """Return what the peer publishes as its roots of one branch; nothing of it is believed yet."""
        answer = await self._call(
            "GET", "/v1/root/rootCerts", _RootAnswer, params={"rootType": root_type.value}
        )
        wanted = _WIRE_TYPES[root_type]
        found = [
            root for root in answer.RootCertificateCollection.rootCertificates if root.rootType == wanted
        ]
        return [self._certificate(root.caCertificate) for root in found]

    async def car(self, pcid: str, edition: Edition) -> ProvisioningChain:
        """Return the chain that the peer's PCP has of a car."""
        path, query = f"/v1/oem/provCerts/{pcid}", {_NAMESPACE: spelling(edition)}
        car = (await self._call("GET", path, _CarAnswer, params=query)).OEMMessage
        try:
            key_ids = tuple(
                bytes.fromhex(text.replace(":", "")) for text in car.v2gRootAuthorityKeyIdentifiers
            )
        except ValueError:
            raise self._nonsense("a key identifier that is not hex") from None
        return ProvisioningChain(
            vehicle=self._certificate(car.vehicleCertificate),
            sub_ca1=self._certificate(car.subCA1Certificate),
            sub_ca2=self._certificate(car.subCA2Certificate) if car.subCA2Certificate else None,
            v2g_root_key_ids=key_ids,
            previous_pcid=car.previousPcid,
        )

    async def install(self, request: bytes) -> Installation:
        """Pass a car's request on to the peer's CCP."""
        return (await self._installations(request, Edition.ISO2))[0]

    async def deliver(self, request: bytes) -> Delivery:
        """Pass the request of a car of ISO 15118-20 on to the peer's CCP."""
        return Delivery(await self._installations(request, Edition.ISO20))

    async def _installations(self, request: bytes, edition: Edition) -> Sequence[Installation]:
        body = {
            "certificateInstallationReq": base64.b64encode(request).decode(),
            _NAMESPACE: spelling(edition),
        }
        answer = await self._call("POST", "/v1/ccp/signedContractData", _InstallationAnswer, body)
        if not answer.CCPResponse.emaidContent:
            raise MarketError(Code.NO_CONTRACT, f"provider {self.name} has no contract for this car")
        return [self._installation(content.messageDef) for content in answer.CCPResponse.emaidContent]

    async def collect(self, wanted: Collection) -> Installation:
        """Fetch a bundle from the peer's CCP for delivery over the air."""
        query = {"sessionID": wanted.session_id.hex(), _NAMESPACE: spelling(wanted.edition)}
        if wanted.v2g_root_fingerprint is not None:
            query["cpsV2GRootCertificateFingerprint"] = wanted.v2g_root_fingerprint
        path = f"/v1/ccp/provideSignedContractData/{wanted.emaid}/{wanted.pcid}"
        return self._installation(await self._call("GET", path, _MessageDef, params=query))

    async def contracts_of_car(self, pcid: str) -> Sequence[Contract]:
        """Return the contracts that the peer's CCP has of a car; raises NO_CONTRACT when there are none."""
        return await self._contracts(f"/v1/ccp/signedContractData/{pcid}")

    async def contract(self, emaid: str) -> Sequence[Contract]:
        """Return one contract from the peer's CCP; raises NO_CONTRACT when it is not there."""
        return await self._contracts(f"/v1/ccp/lookupContract/{emaid}")

    async def delete_contract(self, emaid: str) -> None:
        """Remove a contract from the peer's CCP."""
        await self._call("DELETE", f"/v1/ccp/signedContractData/{emaid}", _Nothing)

    async def delete_contracts(self, emaids: Sequence[str]) -> None:
        """Remove some hundred contracts from the peer's CCP, whichever are there.

        A provider that has no door for many is asked for one after the other.
        """
        try:
            await self._call("POST", "/federation/v1/removals", _Nothing, {"emaids": list(emaids)})
        except MarketError as error:
            if error.code is not Code.UNKNOWN:
                raise
        else:
            return
        for emaid in emaids:
            try:
                await self.delete_contract(emaid)
            except MarketError as error:
                if error.code not in {Code.NO_CONTRACT, Code.UNKNOWN}:
                    raise

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """Remove all contracts of a car from the peer's CCP; return their eMAIDs."""
        return (await self._call("POST", "/federation/v1/resets", _Reset, {"pcid": pcid})).removed

    async def set_default(self, pcid: str, emaid: str) -> None:
        """Choose the default contract of a car in the peer's CCP."""
        await self._call("POST", f"/v1/ccp/signedContractData/{pcid}/{emaid}/default", _Nothing)

    async def signer_roots(self) -> frozenset[str]:
        """Return the fingerprints of the V2G roots that the peer's CPS signs under."""
        answer = await self._call("GET", "/cps/signer", _SignerList)
        return frozenset(signer.cpsV2GRootCertificateFingerprint.lower() for signer in answer.cpsCertificates)

    async def sign(self, order: SignOrder, v2g_root_fingerprint: str) -> bytes:
        """Have the peer's CPS sign a contract under this V2G root, and return the message's EXI; it stores nothing."""
        edition = order.data.edition
        body = {
            "contractData": _contract_data(order.data),
            _NAMESPACE: spelling(edition),
            "fingerprint": v2g_root_fingerprint,
            "cpsV2GRootCertificateFingerprint": v2g_root_fingerprint,
        }
        signed = await self._call("PUT", "/v1/cps/contractData/signed", _Signed, body)
        try:
            message = exi.from_xml(self._bytes(signed.signedData).decode("utf-8"), SCHEMAS[edition])
            return exi.encode(message, SCHEMAS[edition])
        except (UnicodeDecodeError, exi.ExiError) as error:
            raise self._nonsense(f"signed data that is no message: {error}") from error

    async def roles(self) -> Sequence[Mapping[str, Any]]:
        """Return what the peer shows of its roles and how they fare; FORBIDDEN where it is closed."""
        found = await self._call("GET", "/market/v1/roles", _RoleList)
        return [msgspec.to_builtins(role) for role in found.roles]

    async def look_again(self, pcid: str) -> None:
        """Tell the peer that what it has of a car may be out of date."""
        await self._call("POST", "/federation/v1/notices", _Nothing, {"pcid": pcid})

    async def redeem(self, pcid: str, code: str, reference: str) -> None:
        """Have the peer's car maker check a driver's one-time code."""
        body = {"code": code, "reference": reference}
        await self._call("POST", f"/oem/v1/vehicles/{pcid}/entitlement", _Nothing, body)

    async def restore(self, pcid: str, code: str, reference: str) -> None:
        """Have the peer's car maker take the use of a one-time code back."""
        body = {"code": code, "reference": reference, "restore": True}
        await self._call("POST", f"/oem/v1/vehicles/{pcid}/entitlement", _Nothing, body)

    async def registration(self, *, number: str | None = None, vin: str | None = None) -> Registration:
        """Look a car up in the vehicle register that the peer keeps; raises UNKNOWN."""
        query = {"number": number} if vin is None else {"vin": vin}
        query = {name: value for name, value in query.items() if value is not None}
        found = await self._call("GET", "/register/v1/vehicles", _Registration, params=query)
        return Registration(found.number, found.vin, found.pcid, "", found.registeredAt)

    async def check_document(self, pcid: str, document: str) -> None:
        """Have the vehicle register that the peer keeps check the reference of a keeper's document."""
        body = {"pcid": pcid, "document": document}
        await self._call("POST", "/register/v1/documents/check", _Nothing, body)

    async def _contracts(self, path: str) -> Sequence[Contract]:
        found: list[Contract] = []
        for edition in Edition:
            try:
                answer = await self._call("GET", path, _ContractList, params={_NAMESPACE: spelling(edition)})
            except MarketError as error:
                if error.code is not Code.NO_CONTRACT:
                    raise
                continue
            found += (self._contract(entry, edition) for entry in answer.XMLContracts)
        if not found:
            raise MarketError(Code.NO_CONTRACT, f"provider {self.name} has no such contract")
        return found

    def _contract(self, entry: _Contract, edition: Edition) -> Contract:
        return Contract(
            emaid=entry.emaid,
            pcid=entry.pcid,
            certificate=self._certificate(entry.contractCertificate),
            v2g_root_fingerprint=entry.cpsV2GRootCertificateFingerprint,
            is_default=entry.defaultContract,
            edition=edition,
        )

    def _installation(self, found: _MessageDef) -> Installation:
        response = self._bytes(found.certificateInstallationRes)
        return Installation(response, found.emaid, found.cpsV2GRootCertificateFingerprint)

    async def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
    ) -> T:
        within_s = calls.budget_s(self.timeout_s)
        headers = {**self._headers, calls.DEADLINE_HEADER: str(int(within_s * 1000))}
        try:
            async with asyncio.timeout(within_s):
                status, content = await self._send(method, path, headers, body, params)
        except TimeoutError:
            raise MarketError(Code.DEADLINE, f"provider {self.name} did not answer in time") from None
        except httpx.HTTPError as error:
            detail = str(error) or type(error).__name__
            raise MarketError(Code.PEER, f"provider {self.name} cannot be reached: {detail}") from error
        if status not in _SUCCESS:
            raise self._refusal(status, content)
        if answer is _Nothing:
            return answer()
        try:
            return msgspec.json.decode(content, type=answer)
        except msgspec.MsgspecError as error:
            raise self._nonsense(str(error)) from error

    async def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        async with self._client.stream(
            method, path, content=content, params=params, headers={**headers, **kind}
        ) as response:
            received = bytearray()
            async for part in response.aiter_bytes():
                received += part
                if len(received) > MAX_ANSWER_BYTES:
                    raise self._nonsense(f"more than {MAX_ANSWER_BYTES} bytes")
            return response.status_code, bytes(received)

    def _refusal(self, status: int, content: bytes) -> MarketError:
        """Return the peer's refusal under its code; one that is not in our words is judged by its status."""
        try:
            messages = msgspec.json.decode(content, type=_Refusal).errorMessages
        except msgspec.MsgspecError:
            messages = []
        text = messages[0] if messages else ""
        known = {f"[{code}]": code for code in Code}
        word, _, detail = text.partition(" ")
        if word in known:
            return MarketError(known[word], f"provider {self.name}: {detail}")
        code = Code.UNKNOWN if status == HTTPStatus.NOT_FOUND else Code.PEER
        return MarketError(code, f"provider {self.name} answered {status} {text}".rstrip())

    def _nonsense(self, detail: str) -> MarketError:
        return MarketError(Code.PEER, f"provider {self.name} does not answer as a provider does: {detail}")

    def _bytes(self, text: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise self._nonsense("a field that is not base64") from None

    def _certificate(self, text: str) -> x509.Certificate:
        try:
            return parse(self._bytes(text))
        except CertificateError as error:
            raise self._nonsense(str(error)) from error


def _contract_data(data: ContractData) -> Mapping[str, str | None]:
    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    return {
        "contractCertificate": text(der(data.certificate)),
        "contractSubCa2Certificate": None if data.sub_ca2 is None else text(der(data.sub_ca2)),
        "contractSubCa1Certificate": text(der(data.sub_ca1)),
        "contractSignatureEncryptedPrivateKey": text(data.encrypted_private_key),
        "dHpublickey": text(data.dh_public_key),
    }
