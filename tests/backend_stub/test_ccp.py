"""The contract pool: what a car is given, and every reason why not."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from backend_stub.ccp.interface import SignedBundle
from backend_stub.certificates import der
from backend_stub.errors import Code, MarketError
from pki.entropy import SeededEntropy, SystemEntropy
from pki.issuing import issue
from pki.names import common_name, fingerprint_sha256, matches_issuer_serial
from pki.profiles import CONTRACT
from tests.backend_stub.material import (
    SESSION_ID,
    Car,
    World,
    chain_of,
    encode,
    make_hierarchy,
    open_contract_key,
    provisioning_certificate,
    request_of,
    response_of,
)
from v2g.messages import iso2
from v2g.messages.xmldsig import X509IssuerSerial
from v2g.security.signature import (
    sign_certificate_installation_req,
    sign_certificate_installation_res,
    verify_certificate_installation_res,
)

V2G_ROOT = make_hierarchy()["v2g_root"].certificate


async def refusal(world: World, message: iso2.V2G_Message) -> Code:
    """Return the code with which the pool refuses ``message``."""
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.answer(encode(message))
    return caught.value.code


async def test_a_car_gets_its_default_contract(world: World) -> None:
    car, emaid = await world.car_with_contract()
    installation = await world.install(car)
    message, body = response_of(installation.response)
    assert message.header.session_id == SESSION_ID
    assert body.response_code is iso2.ResponseCode.OK
    assert body.emaid.value == emaid == installation.emaid
    assert installation.v2g_root_fingerprint == fingerprint_sha256(car.v2g_roots[0])
    certificate = x509.load_der_x509_certificate(body.contract_signature_cert_chain.certificate)
    assert common_name(certificate) == emaid
    assert open_contract_key(car, body).public_key() == certificate.public_key()


async def test_the_bundle_is_signed_once_and_serves_every_session(world: World) -> None:
    car, _ = await world.car_with_contract()
    cps = world.hierarchy["cps_leaf"].certificate.public_key()
    assert isinstance(cps, ec.EllipticCurvePublicKey)
    signatures = set()
    for session_id in (b"\x00", bytes(8), bytes(range(8))):
        answer = await world.market.ccp.answer(encode(car.request(session_id=session_id)))
        message, body = response_of(answer.response)
        assert message.header.session_id == session_id
        verify_certificate_installation_res(message.header.signature, body, cps)
        assert message.header.signature is not None
        signatures.add(message.header.signature.signature_value.value)
        assert [
            body.contract_signature_cert_chain.id,
            body.contract_signature_encrypted_private_key.id,
            body.dh_public_key.id,
            body.emaid.id,
        ] == ["id1", "id2", "id3", "id4"]
    assert len(signatures) == 1


async def test_chains_go_out_in_the_order_of_the_wire(world: World) -> None:
    car, _ = await world.car_with_contract()
    _, body = response_of((await world.install(car)).response)
    for chain, branch in (
        (body.sa_provisioning_certificate_chain, "cps"),
        (body.contract_signature_cert_chain, "mo"),
    ):
        assert chain.sub_certificates is not None
        assert chain.sub_certificates.certificate == [
            der(world.hierarchy[f"{branch}_sub_ca{level}"].certificate) for level in (2, 1)
        ]
    assert body.sa_provisioning_certificate_chain.id is None


async def test_signature_by_another_key(world: World) -> None:
    car, _ = await world.car_with_contract()
    thief = SystemEntropy().ec_key(ec.SECP256R1())
    assert await refusal(world, car.request(signer=thief)) is Code.SIGNATURE
    (event,) = world.sink.of("signature.failed")
    assert event["what"] == "CertificateInstallationReq"
    assert event["session"] == SESSION_ID.hex()


async def test_body_changed_after_signing(world: World) -> None:
    car, _ = await world.car_with_contract()
    message = car.request()
    request_of(message).list_of_root_certificate_ids.root_certificate_id.append(
        X509IssuerSerial(x509_issuer_name="CN=Added", x509_serial_number=1)
    )
    assert await refusal(world, message) is Code.SIGNATURE


async def test_no_signature(world: World) -> None:
    car, _ = await world.car_with_contract()
    message = car.request()
    message.header.signature = None
    assert await refusal(world, message) is Code.SIGNATURE


async def test_provisioning_certificate_of_another_oem_root(world: World) -> None:
    car, _ = await world.car_with_contract()
    foreign = make_hierarchy(seed=2)
    key = SystemEntropy().ec_key(ec.SECP256R1())
    certificate = provisioning_certificate(foreign, car.pcid, key.public_key(), now=world.clock.now())
    assert await refusal(world, Car(car.pcid, key, certificate, car.v2g_roots).request()) is Code.CHAIN
    (event,) = world.sink.of("certificate.rejected")
    assert event["rule"] in {"unknown_issuer", "bad_signature"}


async def test_provisioning_certificate_that_expired(world: World) -> None:
    car, _ = await world.car_with_contract()
    world.clock.forward(days=31 * 365)
    assert await refusal(world, car.request()) is Code.CHAIN_EXPIRED


async def test_provisioning_certificate_from_the_future(world: World) -> None:
    car, _ = await world.car_with_contract()
    world.clock.forward(days=-1)
    world.clock.forward(seconds=-1)
    assert await refusal(world, car.request()) is Code.CHAIN_EXPIRED


async def test_certificate_of_the_wrong_kind(world: World) -> None:
    """A contract certificate that names a PCID: right key usage, wrong domain."""
    car, _ = await world.car_with_contract()
    key = SystemEntropy().ec_key(ec.SECP256R1())
    certificate = provisioning_certificate(
        world.hierarchy,
        car.pcid,
        key.public_key(),
        now=world.clock.now(),
        issuer=world.hierarchy["mo_sub_ca2"],
    )
    assert await refusal(world, Car(car.pcid, key, certificate, car.v2g_roots).request()) is Code.CHAIN


async def test_key_that_was_replaced(world: World) -> None:
    old, emaid = await world.car_with_contract()
    key = SystemEntropy().ec_key(ec.SECP256R1())
    certificate = provisioning_certificate(world.hierarchy, old.pcid, key.public_key(), now=world.clock.now())
    await world.market.pcp.put(chain_of(world.hierarchy, certificate))
    new = Car(old.pcid, key, certificate, old.v2g_roots)
    assert await refusal(world, old.request()) is Code.REVOKED
    # The contract was sealed for the old key and went with it.
    assert await refusal(world, new.request()) is Code.NO_CONTRACT
    assert await world.market.ccp.find(emaid) == []
    contract = await world.market.msp.onboard(new.pcid)
    _, body = response_of((await world.install(new)).response)
    assert body.emaid.value == contract.emaid
    open_contract_key(new, body)


async def test_new_certificate_for_the_same_key_keeps_the_contracts(world: World) -> None:
    car, emaid = await world.car_with_contract()
    certificate = provisioning_certificate(
        world.hierarchy, car.pcid, car.key.public_key(), now=world.clock.now()
    )
    await world.market.pcp.put(chain_of(world.hierarchy, certificate))
    renewed = Car(car.pcid, car.key, certificate, car.v2g_roots)
    assert (await world.install(renewed)).emaid == emaid
    assert await refusal(world, car.request()) is Code.REVOKED


async def test_car_that_nobody_registered(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    pcid = "WVW00000000000001"
    certificate = provisioning_certificate(world.hierarchy, pcid, key.public_key(), now=world.clock.now())
    root = world.hierarchy["v2g_root"].certificate
    assert await refusal(world, Car(pcid, key, certificate, (root,)).request()) is Code.NO_CONTRACT


async def test_certificate_that_names_no_pcid(world: World) -> None:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    root = world.hierarchy["v2g_root"].certificate
    certificate = provisioning_certificate(
        world.hierarchy, "a car of mine", key.public_key(), now=world.clock.now()
    )
    assert await refusal(world, Car("", key, certificate, (root,)).request()) is Code.CHAIN


async def test_certificate_that_is_none(world: World) -> None:
    car, _ = await world.car_with_contract()
    assert await refusal(world, car.request(certificate=b"\x30\x03\x02\x01\x00")) is Code.CHAIN


async def test_certificate_with_an_odd_name(world: World) -> None:
    """An organization declared as a country: cryptography warns of it, which must not become a failure."""
    car, _ = await world.car_with_contract()
    organization, country = b"\x55\x04\x0a", b"\x55\x04\x06"
    certificate = der(car.certificate).replace(organization, country)
    assert await refusal(world, car.request(certificate=certificate)) is Code.CHAIN


async def test_no_v2g_root_in_common(world: World) -> None:
    car, _ = await world.car_with_contract()
    foreign = make_hierarchy(seed=2)["v2g_root"].certificate
    assert await refusal(world, car.request(roots=(foreign,))) is Code.NO_CONTRACT


async def test_root_with_the_right_name_and_another_serial(world: World) -> None:
    car, _ = await world.car_with_contract()
    message = car.request()
    (identifier,) = request_of(message).list_of_root_certificate_ids.root_certificate_id
    identifier.x509_serial_number += 1
    message.header.signature = sign_certificate_installation_req(request_of(message), car.key)
    assert await refusal(world, message) is Code.NO_CONTRACT


@given(name=st.text(max_size=60) | st.from_regex(r"\A[CNDO]{1,2}=[\x20-\x7e]{0,20}\Z"))
@settings(max_examples=100, deadline=None)
def test_any_root_name_is_looked_at_without_harm(name: str) -> None:
    root = V2G_ROOT
    matches_issuer_serial(root, name, root.serial_number)


async def test_one_root_of_many_is_enough(world: World) -> None:
    car, emaid = await world.car_with_contract()
    foreign = tuple(make_hierarchy(seed)["v2g_root"].certificate for seed in range(2, 21))
    message = car.request(roots=(*foreign, *car.v2g_roots))
    assert (await world.market.ccp.answer(encode(message))).emaid == emaid


async def test_contract_that_was_deleted(world: World) -> None:
    car, emaid = await world.car_with_contract()
    await world.market.ccp.delete(emaid)
    assert await refusal(world, car.request()) is Code.NO_CONTRACT
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.delete(emaid)
    assert caught.value.code is Code.NO_CONTRACT


async def test_contract_that_expired(world: World) -> None:
    car, _ = await world.car_with_contract()
    world.clock.forward(days=2 * 365 + 1)
    with pytest.raises(MarketError, match="not valid now") as caught:
        await world.install(car)
    assert caught.value.code is Code.NO_CONTRACT


async def test_bundle_whose_cps_certificate_expired(world: World) -> None:
    car, _ = await world.car_with_contract()
    world.clock.forward(days=100)
    with pytest.raises(MarketError, match="signed again") as caught:
        await world.install(car)
    assert caught.value.code is Code.NO_CONTRACT


async def test_car_that_was_withdrawn(world: World) -> None:
    car, emaid = await world.car_with_contract()
    await world.market.pcp.delete(car.pcid)
    assert await refusal(world, car.request()) is Code.NO_CONTRACT
    assert await world.market.ccp.find(emaid) == []


async def test_other_messages(world: World) -> None:
    for body in (
        iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate),
        None,
    ):
        message = iso2.V2G_Message(
            header=iso2.MessageHeader(session_id=SESSION_ID), body=iso2.Body(body_element=body)
        )
        assert await refusal(world, message) is Code.MESSAGE


async def test_other_document(world: World) -> None:
    other = exi.encode(
        iso2.AC_EVSEStatus(
            notification_max_delay=0, evse_notification=iso2.EVSENotification.None_, rcd=False
        ),
        iso2.SCHEMA,
    )
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.answer(other)
    assert caught.value.code is Code.MESSAGE


@pytest.mark.parametrize("document", [b"", b"\x80", b"\x80" + bytes(100), bytes(2000), b"\xff" * 2000])
async def test_garbage(world: World, document: bytes) -> None:
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.answer(document)
    assert caught.value.code is Code.EXI


async def test_truncated_at_every_byte(world: World) -> None:
    car, _ = await world.car_with_contract()
    document = encode(car.request())
    for end in range(len(document)):
        with pytest.raises(MarketError) as caught:
            await world.market.ccp.answer(document[:end])
        assert caught.value.code is Code.EXI


async def test_first_contract_stays_the_default_until_another_is_chosen(world: World) -> None:
    car, first = await world.car_with_contract()
    world.clock.forward(seconds=1)
    second = (await world.market.msp.onboard(car.pcid)).emaid
    assert (await world.install(car)).emaid == first
    await world.market.ccp.set_default(car.pcid, second)
    assert (await world.install(car)).emaid == second
    assert [(entry.emaid, entry.is_default) for entry in await world.market.ccp.of_car(car.pcid)] == [
        (first, False),
        (second, True),
    ]


async def test_no_default_follows_a_deleted_one_by_itself(world: World) -> None:
    car, first = await world.car_with_contract()
    second = (await world.market.msp.onboard(car.pcid)).emaid
    await world.market.ccp.delete(first)
    assert await refusal(world, car.request()) is Code.NO_CONTRACT
    await world.market.ccp.set_default(car.pcid, second)
    assert (await world.install(car)).emaid == second


async def test_default_of_a_contract_that_is_not_the_cars(world: World) -> None:
    _, emaid = await world.car_with_contract()
    other = await world.build()
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.set_default(other.pcid, emaid)
    assert caught.value.code is Code.NO_CONTRACT


async def stored_bundle(world: World, car: Car) -> iso2.V2G_Message:
    """Return the signed message that the pool holds for ``car``."""
    message, _ = response_of((await world.install(car)).response)
    return message


async def refused_bundle(world: World, pcid: str, message: iso2.V2G_Message) -> Code:
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.put(SignedBundle(pcid=pcid, document=encode(message)))
    return caught.value.code


async def test_storing_a_bundle_again_changes_nothing(world: World) -> None:
    car, emaid = await world.car_with_contract()
    bundle = SignedBundle(pcid=car.pcid, document=encode(await stored_bundle(world, car)))
    before = await world.market.ccp.of_car(car.pcid)
    for _ in range(3):
        contract = await world.market.ccp.put(bundle)
        assert (contract.emaid, contract.is_default) == (emaid, True)
    assert await world.market.ccp.of_car(car.pcid) == before
    assert (await world.install(car)).emaid == emaid


async def test_bundle_for_another_car(world: World) -> None:
    car, _ = await world.car_with_contract()
    other = await world.build()
    assert await refused_bundle(world, other.pcid, await stored_bundle(world, car)) is Code.CONFLICT


async def test_bundle_for_an_unknown_car(world: World) -> None:
    car, _ = await world.car_with_contract()
    message = await stored_bundle(world, car)
    assert await refused_bundle(world, "WVW00000000000001", message) is Code.UNKNOWN_PCID


async def test_bundle_sealed_for_a_replaced_key(world: World) -> None:
    car, _ = await world.car_with_contract()
    bundle = SignedBundle(
        pcid=car.pcid, document=encode(await stored_bundle(world, car)), receiver_key="0" * 64
    )
    with pytest.raises(MarketError) as caught:
        await world.market.ccp.put(bundle)
    assert caught.value.code is Code.CONFLICT


async def test_bundle_that_is_not_what_the_sender_says(world: World) -> None:
    car, _ = await world.car_with_contract()
    document = encode(await stored_bundle(world, car))
    for bundle in (
        SignedBundle(car.pcid, document, emaid="DEPNC000000001X"),
        SignedBundle(car.pcid, document, v2g_root_fingerprint="0" * 64),
    ):
        with pytest.raises(MarketError) as caught:
            await world.market.ccp.put(bundle)
        assert caught.value.code is Code.MESSAGE


async def test_bundle_changed_after_signing(world: World) -> None:
    car, _ = await world.car_with_contract()
    message, body = response_of((await world.install(car)).response)
    body.dh_public_key.value = body.dh_public_key.value[:-1] + bytes([body.dh_public_key.value[-1] ^ 1])
    assert await refused_bundle(world, car.pcid, message) is Code.SIGNATURE


async def test_bundle_of_a_cps_nobody_trusts(world: World) -> None:
    car, _ = await world.car_with_contract()
    message, body = response_of((await world.install(car)).response)
    foreign = make_hierarchy(seed=2)
    leaf, *sub_cas = [der(certificate) for certificate in foreign.chain("cps_leaf")]
    body.sa_provisioning_certificate_chain = iso2.CertificateChain(
        certificate=leaf, sub_certificates=iso2.SubCertificates(certificate=sub_cas)
    )
    message.header.signature = sign_certificate_installation_res(body, foreign["cps_leaf"].signing_key())
    assert await refused_bundle(world, car.pcid, message) is Code.CHAIN


async def test_bundle_with_another_emaid_than_its_certificate(world: World) -> None:
    car, _ = await world.car_with_contract()
    message, body = response_of((await world.install(car)).response)
    body.emaid.value = "DE83DUIEN83QGZD"
    message.header.signature = sign_certificate_installation_res(
        body, world.hierarchy["cps_leaf"].signing_key()
    )
    assert await refused_bundle(world, car.pcid, message) is Code.CHAIN


async def test_bundle_that_is_a_refusal_or_a_request(world: World) -> None:
    car, _ = await world.car_with_contract()
    message, body = response_of((await world.install(car)).response)
    body.response_code = iso2.ResponseCode.FAILED
    assert await refused_bundle(world, car.pcid, message) is Code.MESSAGE
    assert await refused_bundle(world, car.pcid, car.request()) is Code.MESSAGE


async def test_renewed_contract_replaces_the_old_bundle(world: World) -> None:
    """The same eMAID with a new certificate: what was signed for the old one must not be served."""
    car, emaid = await world.car_with_contract()
    message, body = response_of((await world.install(car)).response)
    key = SeededEntropy(9).ec_key(ec.SECP256R1())
    certificate = issue(
        CONTRACT,
        common_name=emaid,
        public_key=key.public_key(),
        issuer=world.hierarchy["mo_sub_ca2"],
        now=world.clock.now(),
        entropy=SeededEntropy(9),
    )
    body.contract_signature_cert_chain.certificate = der(certificate)
    message.header.signature = sign_certificate_installation_res(
        body, world.hierarchy["cps_leaf"].signing_key()
    )
    await world.market.ccp.put(SignedBundle(pcid=car.pcid, document=encode(message)))
    _, served = response_of((await world.install(car)).response)
    assert served.contract_signature_cert_chain.certificate == der(certificate)
    assert len(await world.market.ccp.find(emaid)) == 1
