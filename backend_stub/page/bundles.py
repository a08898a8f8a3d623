"""A signed bundle taken apart: what is signed, by whom, under which root."""

# ruff: noqa: N815 - fields are spelled as on the wire

from collections.abc import Sequence

from cryptography import x509
from pydantic import Field

import exi
from backend_stub.ccp.interface import Collection, Contract
from backend_stub.errors import MarketError
from backend_stub.market import Market
from backend_stub.page.describing import CertificateLine, describe_chain, name_of, under_root
from backend_stub.rcp.interface import Root, RootType
from backend_stub.reading import SCHEMAS, Message, read_bundle
from backend_stub.web.fields import Base64Bytes, Body
from v2g.errors import SignatureError
from v2g.messages import iso2
from v2g.messages.iso20 import common_messages as cm


class SignedPart(Body):
    """A part of the message that the signature covers."""

    id: str
    what: str
    digest: str = Field(description="SHA-256 of the part in canonical EXI, hex.")


class BundleView(Body):
    """A bundle under one V2G root."""

    edition: str = Field(description="Of the messages: ISO15118-2 or ISO15118-20.")
    v2gRootFingerprint: str
    v2gRoot: str
    problem: str = Field(description="Why it cannot be handed out or read; empty when all is well.")
    signature: str = Field(description="verified, or what is wrong with it.")
    algorithm: str
    parts: list[SignedPart]
    signerChain: list[CertificateLine] = Field(description="Of the CPS, its certificate first.")
    contractChain: list[CertificateLine]
    sealedKeyBytes: int = Field(description="The contract's private key, sealed for the car's.")
    dhPublicKey: str = Field(description="The point that the car opens it with, hex.")
    document: Base64Bytes = Field(description="The message, EXI.")
    xml: str


async def bundle_view(market: Market, entry: Contract, roots: Sequence[Root]) -> BundleView:
    """Return a bundle of this provider's contract pool, decoded and verified."""
    v2g = [root for root in roots if root.root_type is RootType.V2G]
    root_name = next(
        (name_of(root.certificate) for root in v2g if root.fingerprint == entry.v2g_root_fingerprint), ""
    )
    wanted = Collection(
        entry.emaid, entry.pcid, v2g_root_fingerprint=entry.v2g_root_fingerprint, edition=entry.edition
    )
    try:
        document = (await market.ccp.collect(wanted)).response
        return await _decoded(market, entry, root_name, document, roots)
    except MarketError as error:
        return BundleView(
            edition=entry.edition,
            v2gRootFingerprint=entry.v2g_root_fingerprint,
            v2gRoot=root_name,
            problem=str(error),
            signature="",
            algorithm="",
            parts=[],
            signerChain=[],
            contractChain=[],
            sealedKeyBytes=0,
            dhPublicKey="",
            document=b"",
            xml="",
        )


async def _decoded(
    market: Market, entry: Contract, root_name: str, document: bytes, roots: Sequence[Root]
) -> BundleView:
    bundle = read_bundle(document, entry.edition)
    message = bundle.message
    try:
        bundle.verify_signature()
        verdict = "verified"
    except SignatureError as error:
        verdict = str(error)
    signed = message.header.signature
    names = _signed_parts(message)
    references = signed.signed_info.reference if signed else []
    contract = [bundle.contract_certificate, *bundle.contract_sub_cas]
    signer = [bundle.cps_leaf, *bundle.cps_sub_cas]
    return BundleView(
        edition=entry.edition,
        v2gRootFingerprint=entry.v2g_root_fingerprint,
        v2gRoot=root_name,
        problem="",
        signature=verdict,
        algorithm=signed.signed_info.signature_method.algorithm if signed else "",
        parts=[
            SignedPart(
                id=item.uri or "", what=names.get(item.uri or "", "unknown"), digest=item.digest_value.hex()
            )
            for item in references
        ],
        signerChain=await _described(market, signer, roots, RootType.V2G),
        contractChain=await _described(market, contract, roots, RootType.MO),
        sealedKeyBytes=len(bundle.envelope.encrypted_private_key),
        dhPublicKey=bundle.envelope.dh_public_key.hex(),
        document=document,
        xml=exi.to_xml(message, SCHEMAS[entry.edition]),
    )


def _signed_parts(message: Message) -> dict[str, str]:
    """Return what each reference of the signature means: four parts in -2, one in -20."""
    if isinstance(message, cm.CertificateInstallationRes):
        return {f"#{message.signed_installation_data.id}": "the contract's chain and its private key, sealed"}
    body = message.body.body_element if isinstance(message, iso2.V2G_Message) else None
    if not isinstance(body, iso2.CertificateInstallationRes):
        return {}
    return {
        f"#{body.contract_signature_cert_chain.id}": "the contract's certificate chain",
        f"#{body.contract_signature_encrypted_private_key.id}": "the contract's private key, sealed",
        f"#{body.dh_public_key.id}": "the public point that opens the seal",
        f"#{body.emaid.id}": "the eMAID",
    }


async def _described(
    market: Market, chain: Sequence[x509.Certificate], roots: Sequence[Root], anchor: RootType
) -> list[CertificateLine]:
    whole = under_root(chain, [root.certificate for root in roots if root.root_type is anchor])
    return await describe_chain(whole, market.now(), market.authority)
