"""The signing service: what it signs, under which root."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.cps.interface import ContractData, SignOrder
from backend_stub.errors import Code, MarketError
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import issue
from pki.names import fingerprint_sha256
from pki.profiles import CONTRACT
from tests.backend_stub.material import World, chain_of, make_hierarchy
from v2g.messages import iso2
from v2g.security.envelope import seal_iso2
from v2g.security.signature import verify_certificate_installation_res

EMAID = "DE83DUIEN83QGZD"


def contract_data(world: World, hierarchy: Hierarchy, emaid: str = EMAID) -> ContractData:
    entropy = SeededEntropy(5)
    key = entropy.ec_key(ec.SECP256R1())
    certificate = issue(
        CONTRACT,
        common_name=emaid,
        public_key=key.public_key(),
        issuer=hierarchy["mo_sub_ca2"],
        now=world.clock.now(),
        entropy=entropy,
    )
    envelope = seal_iso2(key, entropy.ec_key(ec.SECP256R1()).public_key(), entropy)
    return ContractData(
        certificate=certificate,
        sub_ca1=hierarchy["mo_sub_ca1"].certificate,
        sub_ca2=hierarchy["mo_sub_ca2"].certificate,
        encrypted_private_key=envelope.encrypted_private_key,
        dh_public_key=envelope.dh_public_key,
    )


async def refused(world: World, order: SignOrder) -> Code:
    with pytest.raises(MarketError) as caught:
        await world.market.cps.sign(order)
    return caught.value.code


async def test_signing_without_a_car_stores_nothing(world: World) -> None:
    signed = await world.market.cps.sign(SignOrder(contract_data(world, world.hierarchy)))
    assert signed.emaid == EMAID
    assert isinstance(signed.message, iso2.V2G_Message)
    body = signed.message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    cps = world.hierarchy["cps_leaf"].certificate.public_key()
    assert isinstance(cps, ec.EllipticCurvePublicKey)
    verify_certificate_installation_res(signed.message.header.signature, body, cps)
    assert signed.v2g_root == world.hierarchy["v2g_root"].certificate
    assert await world.market.ccp.find(EMAID) == []


async def test_signing_for_a_car_stores_the_bundle(world: World) -> None:
    car = await world.build()
    order = SignOrder(contract_data(world, world.hierarchy), pcid=car.pcid)
    for _ in range(2):
        await world.market.cps.sign(order)
    (entry,) = await world.market.ccp.find(EMAID)
    assert (entry.pcid, entry.is_default) == (car.pcid, True)


async def test_contract_of_an_operator_nobody_knows(world: World) -> None:
    data = contract_data(world, make_hierarchy(seed=2))
    assert await refused(world, SignOrder(data)) is Code.CHAIN


async def test_contract_that_expired(world: World) -> None:
    data = contract_data(world, world.hierarchy)
    world.clock.forward(days=3 * 365)
    assert await refused(world, SignOrder(data)) is Code.CHAIN_EXPIRED


async def test_contract_without_an_emaid(world: World) -> None:
    data = contract_data(world, world.hierarchy, emaid="DE83DUIEN83QGZX")  # wrong check digit
    assert await refused(world, SignOrder(data)) is Code.CHAIN


async def test_certificate_that_is_no_contract(world: World) -> None:
    data = contract_data(world, world.hierarchy)
    wrong = replace(data, certificate=world.hierarchy["cps_leaf"].certificate)
    assert await refused(world, SignOrder(wrong)) is Code.CHAIN


@pytest.mark.parametrize(
    "change",
    [
        {"encrypted_private_key": bytes(47)},
        {"encrypted_private_key": b""},
        {"dh_public_key": bytes(65)},
        {"dh_public_key": b"\x04" + b"\x01" * 64},
        {"dh_public_key": b""},
    ],
)
async def test_sealed_key_of_the_wrong_form(world: World, change: dict[str, Any]) -> None:
    data = replace(contract_data(world, world.hierarchy), **change)
    assert await refused(world, SignOrder(data)) is Code.REQUEST


async def test_root_by_order(world: World) -> None:
    data = contract_data(world, world.hierarchy)
    root = fingerprint_sha256(world.hierarchy["v2g_root"].certificate)
    assert (await world.market.cps.sign(SignOrder(data, v2g_root_fingerprint=root))).emaid == EMAID
    assert await refused(world, SignOrder(data, v2g_root_fingerprint="0" * 64)) is Code.NO_SIGNER


async def test_root_by_what_the_car_holds(world: World) -> None:
    """A car that holds only V2G roots under which nobody here can sign gets no bundle it could not verify."""
    car = await world.build()
    data = contract_data(world, world.hierarchy)
    chain = chain_of(world.hierarchy, car.certificate, v2g_root_key_ids=(b"another root's key id",))
    await world.market.pcp.put(chain)
    assert await refused(world, SignOrder(data, pcid=car.pcid)) is Code.NO_SIGNER
    await world.market.pcp.put(replace(chain, v2g_root_key_ids=()))
    await world.market.cps.sign(SignOrder(data, pcid=car.pcid))


async def test_unknown_car(world: World) -> None:
    order = SignOrder(contract_data(world, world.hierarchy), pcid="WVW00000000000001")
    assert await refused(world, order) is Code.UNKNOWN_PCID


async def test_signers(world: World) -> None:
    (signer,) = await world.market.cps.signers()
    assert list(signer.chain) == world.hierarchy.chain("cps_leaf")
    assert signer.v2g_root == world.hierarchy["v2g_root"].certificate


async def test_no_representation_shows_a_key(world: World) -> None:
    (identity,) = world.market.cps._identities  # type: ignore[attr-defined]
    assert repr(identity) == "<SigningIdentity DC=CPS,O=PnC Lab,CN=CPS Leaf>"
