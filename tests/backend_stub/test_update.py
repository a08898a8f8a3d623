"""CertificateUpdate at the market: a car shows its contract and gets the successor, sealed for the old key."""

from dataclasses import dataclass, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub.certificates import der
from backend_stub.errors import Code, MarketError
from pki.chain import parse
from pki.entropy import SeededEntropy
from pki.issuing import issue
from pki.names import issuer_serial
from pki.profiles import CONTRACT
from tests.backend_stub.material import (
    SESSION_ID,
    Car,
    World,
    make_hierarchy,
    open_contract_key,
    response_of,
)
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.security.envelope import Envelope, open_iso2
from v2g.security.signature import sign_certificate_update_req, verify_certificate_installation_res


@dataclass(frozen=True)
class Held:
    """A contract as the car has it."""

    car: Car
    emaid: str
    chain: iso2.CertificateChain
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate(self) -> x509.Certificate:
        return parse(self.chain.certificate)

    def request(
        self,
        *,
        signer: ec.EllipticCurvePrivateKey | None = None,
        roots: tuple[x509.Certificate, ...] | None = None,
        emaid: str | None = None,
    ) -> iso2.V2G_Message:
        named = [issuer_serial(root) for root in roots or self.car.v2g_roots]
        body = iso2.CertificateUpdateReq(
            id="id1",
            contract_signature_cert_chain=self.chain,
            emaid=emaid or self.emaid,
            list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(
                root_certificate_id=[
                    X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)
                    for name, serial in named
                ]
            ),
        )
        signature = sign_certificate_update_req(body, signer or self.key)
        header = iso2.MessageHeader(session_id=SESSION_ID, signature=signature)
        return iso2.V2G_Message(header=header, body=iso2.Body(body_element=body))


async def held(world: World) -> Held:
    """A car that has installed its contract."""
    car, emaid = await world.car_with_contract()
    _, body = response_of((await world.install(car)).response)
    chain = replace_id(body.contract_signature_cert_chain)
    return Held(car, emaid, chain, open_contract_key(car, body))


def replace_id(chain: iso2.CertificateChain) -> iso2.CertificateChain:
    return iso2.CertificateChain(certificate=chain.certificate, sub_certificates=chain.sub_certificates)


def updated(document: bytes) -> tuple[iso2.V2G_Message, iso2.CertificateUpdateRes]:
    message = exi.decode(document, iso2.SCHEMA)
    assert isinstance(message, iso2.V2G_Message)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateUpdateRes)
    return message, body


def open_new_key(old: Held, body: iso2.CertificateUpdateRes) -> ec.EllipticCurvePrivateKey:
    envelope = Envelope(body.contract_signature_encrypted_private_key.value, body.dh_public_key.value)
    certificate = parse(body.contract_signature_cert_chain.certificate)
    return open_iso2(envelope, old.key, certificate=certificate)


async def refusal(world: World, message: iso2.V2G_Message) -> Code:
    with pytest.raises(MarketError) as caught:
        await world.market.updates.answer(message)
    return caught.value.code


async def test_the_successor_is_sealed_for_the_old_key(world: World) -> None:
    old = await held(world)
    found = await world.market.updates.answer(old.request())
    message, body = updated(found.response)
    assert message.header.session_id == SESSION_ID
    assert (body.emaid.value, body.retry_counter) == (old.emaid, 0)
    provider = parse(body.sa_provisioning_certificate_chain.certificate).public_key()
    assert isinstance(provider, ec.EllipticCurvePublicKey)
    verify_certificate_installation_res(message.header.signature, body, provider)
    key = open_new_key(old, body)
    assert key.public_key() != old.key.public_key()
    contract = await world.market.msp.find(old.emaid)
    assert contract is not None
    new = parse(body.contract_signature_cert_chain.certificate)
    assert contract.certificate_serial == new.serial_number


async def test_a_car_that_missed_the_answer_may_ask_again(world: World) -> None:
    old = await held(world)
    for _ in range(2):
        _, body = updated((await world.market.updates.answer(old.request())).response)
        open_new_key(old, body)


async def test_the_successor_may_be_updated_in_its_turn(world: World) -> None:
    old = await held(world)
    _, body = updated((await world.market.updates.answer(old.request())).response)
    new = Held(old.car, old.emaid, replace_id(body.contract_signature_cert_chain), open_new_key(old, body))
    _, again = updated((await world.market.updates.answer(new.request())).response)
    open_new_key(new, again)


async def test_what_is_refused(world: World) -> None:
    old = await held(world)
    stranger = SeededEntropy(9).ec_key(ec.SECP256R1())
    assert await refusal(world, old.request(signer=stranger)) is Code.SIGNATURE
    assert await refusal(world, old.car.request()) is Code.MESSAGE
    other = "DEPNCXXXXXXXXX"
    assert await refusal(world, old.request(emaid=other)) is Code.CHAIN
    strange = make_hierarchy(7)
    assert await refusal(world, old.request(roots=(strange["v2g_root"].certificate,))) is Code.NO_CONTRACT
    leaf = issue(
        CONTRACT,
        common_name=old.emaid,
        public_key=stranger.public_key(),
        issuer=strange["mo_sub_ca2"],
        now=world.clock.now(),
        entropy=SeededEntropy(8),
    )
    above = [der(strange[name].certificate) for name in ("mo_sub_ca2", "mo_sub_ca1")]
    foreign = iso2.CertificateChain(
        certificate=der(leaf), sub_certificates=iso2.SubCertificates(certificate=above)
    )
    assert await refusal(world, replace(old, chain=foreign).request()) is Code.CHAIN


async def test_an_ended_contract(world: World) -> None:
    old = await held(world)
    await world.market.msp.terminate(old.emaid)
    assert await refusal(world, old.request()) in {Code.REVOKED, Code.NO_CONTRACT}


async def test_through_the_door_of_chargers(world: World) -> None:
    old = await held(world)
    answer = await world.knock(old.request())
    refused = await world.knock(old.request(signer=SeededEntropy(9).ec_key(ec.SECP256R1())))
    assert answer.status_code == 200
    (content,) = answer.json()["CCPResponse"]["emaidContent"]
    assert content["messageDef"]["emaid"] == old.emaid
    assert refused.status_code == 401
    assert refused.json()["errorMessages"][0].startswith("[SIGNATURE]")
