"""The certificate authority as a role: what it issues, what it revokes, and what it says of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from backend_stub.authority import store
from backend_stub.authority.interface import Branch, Kind, RevokeOrder, Selection
from backend_stub.authority.service import CertificateOffice, Settings
from backend_stub.errors import Code, MarketError
from pki.chain import validate
from pki.crl import CrlChecker, parse_crl
from pki.entropy import SeededEntropy
from pki.errors import CertificateError, Rule
from pki.hierarchy import Hierarchy
from pki.issuing import Identity
from pki.names import common_name, fingerprint_sha256
from pki.ocsp import OcspChecker, build_request
from pki.profiles import CONTRACT, CPS_LEAF, OEM_PROVISIONING, SECC_LEAF, Edition, Profile
from pki.revocation import Reason
from tests.backend_stub.material import make_hierarchy
from tests.backend_stub.offices import Office, open_office, request_for

EMAID = "DEPNCA1B2C3D4EU"
PCID = "PNCX0000000000001"
PUBLIC_URL = "https://market.example:8443"


@pytest.fixture
async def office(target: str | Path, hierarchy: Hierarchy) -> AsyncIterator[Office]:
    async with open_office(target, hierarchy) as opened:
        yield opened


async def asked(office: Office, certificate: x509.Certificate, issuer: str = "mo_sub_ca2") -> Rule | None:
    """Ask by OCSP; return None for good, else the rule."""
    above = office.hierarchy[issuer].certificate
    answer = await office.authority.ocsp(build_request(certificate, above))
    try:
        OcspChecker([answer.document]).check(certificate, above, office.clock.now())
    except CertificateError as error:
        return error.rule
    return None


async def listed(office: Office, certificate: x509.Certificate, issuer: str = "mo_sub_ca2") -> Rule | None:
    """Look into the revocation list; return None for good, else the rule."""
    above = office.hierarchy[issuer].certificate
    crl = await office.authority.crl(fingerprint_sha256(above))
    try:
        CrlChecker([parse_crl(crl.document)]).check(certificate, above, office.clock.now())
    except CertificateError as error:
        return error.rule
    return None


async def revoke_all(
    office: Office, selection: Selection, reason: Reason = Reason.SUPERSEDED
) -> tuple[int, int, int]:
    progress = None
    async for progress in office.authority.revoke_many(selection, reason):
        assert progress.done <= progress.total
    assert progress is not None
    assert progress.finished
    return progress.revoked, progress.already_revoked, progress.missing


@pytest.mark.parametrize(
    ("branch", "name", "normal", "profile", "issuer"),
    [
        (Branch.MO, "DE-PNC-A1B2C3D4E-U", EMAID, CONTRACT, "mo_sub_ca2"),
        (Branch.OEM, PCID.lower(), PCID, OEM_PROVISIONING, "oem_sub_ca2"),
        (Branch.CPO, "DE*PNC*E0001", "DE*PNC*E0001", SECC_LEAF, "cpo_sub_ca2"),
        (Branch.CPS, "Signer 7", "Signer 7", CPS_LEAF, "cps_sub_ca2"),
    ],
)
async def test_enrolled_leaves_follow_their_profile(
    office: Office, branch: Branch, name: str, normal: str, profile: Profile, issuer: str
) -> None:
    request, key = request_for(name)
    certificate = await office.authority.enroll(branch, Edition.ISO2, request)
    above = await office.authority.ca_certificates(branch, Edition.ISO2)
    assert [fingerprint_sha256(ca) for ca in above[:-1]] == [
        fingerprint_sha256(ca) for ca in office.hierarchy.chain(issuer)
    ]
    validate(certificate, above[:-1], above[-1:], at=office.clock.now(), profile=profile)
    assert common_name(certificate) == normal
    assert certificate.public_key() == key.public_key()
    assert await asked(office, certificate, issuer) is None
    (found,) = await office.authority.find(normal)
    assert (found.serial, found.revoked_at) == (certificate.serial_number, None)


async def test_what_is_not_certified(office: Office) -> None:
    good, _ = request_for(EMAID)
    cases: list[tuple[Branch, x509.CertificateSigningRequest, str]] = [
        (Branch.MO, request_for("no eMAID")[0], "common name"),
        (Branch.OEM, good, "common name"),
        (Branch.CPO, request_for("DEPNCX1")[0], "common name"),
        (Branch.MO, request_for(EMAID, ec.generate_private_key(ec.SECP521R1()))[0], "expected secp256r1"),
    ]
    for branch, request, words in cases:
        with pytest.raises(MarketError, match=words) as caught:
            await office.authority.enroll(branch, Edition.ISO2, request)
        assert caught.value.code is Code.REQUEST
    tampered = bytearray(good.public_bytes(Encoding.DER))
    tampered[tampered.index(EMAID.encode())] ^= 1
    with pytest.raises(MarketError, match="not signed with the key"):
        await office.authority.enroll(Branch.MO, Edition.ISO2, x509.load_der_x509_csr(bytes(tampered)))
    for branch, edition in ((Branch.VEHICLE, Edition.ISO2), (Branch.MO, Edition.ISO20)):
        with pytest.raises(MarketError) as caught:
            await office.authority.enroll(branch, edition, good)
        assert caught.value.code is Code.UNKNOWN
    office.clock.forward(days=5 * 365)
    with pytest.raises(MarketError) as caught:
        await office.authority.enroll(Branch.MO, Edition.ISO2, good)
    assert caught.value.code is Code.CHAIN_EXPIRED


async def test_certificates_point_to_a_market_that_knows_its_url(
    target: str | Path, hierarchy: Hierarchy
) -> None:
    async with open_office(target, hierarchy, settings=Settings(public_url=PUBLIC_URL + "/")) as office:
        for branch, name in ((Branch.MO, EMAID), (Branch.OEM, PCID)):
            certificate = await office.authority.enroll(branch, Edition.ISO2, request_for(name)[0])
            point = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
            access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
            issuer = (await office.authority.ca_certificates(branch, Edition.ISO2))[0]
            assert point.full_name is not None
            assert point.full_name[0].value == f"{PUBLIC_URL}/crl/{fingerprint_sha256(issuer)}.crl"
            assert [each.access_location.value for each in access] == [f"{PUBLIC_URL}/ocsp"]
            assert len(certificate.public_bytes(Encoding.DER)) <= CONTRACT.max_der
        foreign = make_hierarchy(seed=2)["mo_sub_ca2"].certificate
        assert office.authority.pointers(foreign).crl_url is None


async def test_a_url_that_certificates_have_no_room_for_is_refused(
    target: str | Path, hierarchy: Hierarchy
) -> None:
    settings = Settings(public_url="https://" + "a" * 120 + ".example")
    with pytest.raises(MarketError, match=r"public URL .* too long"):
        async with open_office(target, hierarchy, settings=settings):
            pass


async def test_revoked_is_revoked_everywhere(office: Office) -> None:
    certificate, other = await office.contract(EMAID), await office.contract("DEPNCB1B2C3D4E9")
    assert await asked(office, certificate) is None
    assert await listed(office, certificate) is None
    done = await office.authority.revoke(RevokeOrder(certificate, Reason.KEY_COMPROMISE))
    assert (done.revoked_at, done.reason) == (office.clock.now(), Reason.KEY_COMPROMISE)
    assert await asked(office, certificate) is Rule.REVOKED
    assert await listed(office, certificate) is Rule.REVOKED
    assert await asked(office, other) is None
    assert await listed(office, other) is None


async def test_revoking_again_changes_nothing(office: Office) -> None:
    certificate = await office.contract(EMAID)
    first = await office.authority.revoke(RevokeOrder(certificate, Reason.SUPERSEDED))
    office.clock.forward(hours=1)
    assert await office.authority.revoke(RevokeOrder(certificate, Reason.KEY_COMPROMISE)) == first
    assert await revoke_all(office, Selection(names=[EMAID])) == (0, 1, 0)
    assert await office.authority.find(EMAID) == [first]


async def test_only_what_we_issued_can_be_revoked(office: Office) -> None:
    unregistered = office.make(CONTRACT, EMAID, "mo_sub_ca2")
    foreign = make_hierarchy(seed=2)["mo_sub_ca2"].certificate
    for certificate in (unregistered, foreign):
        with pytest.raises(MarketError) as caught:
            await office.authority.revoke(RevokeOrder(certificate))
        assert caught.value.code is Code.UNKNOWN


async def test_a_forged_certificate_revokes_nobody(office: Office) -> None:
    """Who owns a certificate is told by the name in it, so that name must be what the CA has signed."""
    victim = await office.contract(EMAID)
    forger = Identity(
        "forger", office.hierarchy["mo_sub_ca2"].certificate, ec.generate_private_key(ec.SECP256R1())
    )
    builder = x509.CertificateBuilder(
        issuer_name=victim.issuer,
        subject_name=victim.subject,
        public_key=victim.public_key(),
        serial_number=victim.serial_number,
        not_valid_before=victim.not_valid_before_utc.replace(tzinfo=None),
        not_valid_after=victim.not_valid_after_utc.replace(tzinfo=None),
    )
    forged = builder.sign(forger.signing_key(), hashes.SHA256())
    with pytest.raises(MarketError) as caught:
        await office.authority.revoke(RevokeOrder(forged))
    assert caught.value.code is Code.UNKNOWN
    assert await asked(office, victim) is None


async def test_serial_numbers_nobody_issued_are_unknown(office: Office) -> None:
    assert await asked(office, office.make(CONTRACT, EMAID, "mo_sub_ca2")) is Rule.STATUS_UNKNOWN
    certificate = await office.contract(EMAID)
    foreign = make_hierarchy(seed=2)["mo_sub_ca2"].certificate
    answer = await office.authority.ocsp(build_request(certificate, foreign))
    status = ocsp.load_der_ocsp_response(answer.document).response_status
    assert status is ocsp.OCSPResponseStatus.UNAUTHORIZED


async def test_the_cas_themselves_can_be_revoked(office: Office) -> None:
    sub_ca = office.hierarchy["mo_sub_ca2"].certificate
    assert await asked(office, sub_ca, "mo_sub_ca1") is None
    certificate = await office.contract(EMAID)
    path = [certificate, *office.hierarchy.chain("mo_sub_ca2")]
    root = office.hierarchy["mo_root"].certificate

    async def judge() -> None:
        checker = await office.authority.checker(path)
        validate(path[0], path[1:], [root], at=office.clock.now(), profile=CONTRACT, revocation=checker)

    await judge()
    await office.authority.revoke(RevokeOrder(sub_ca, Reason.CA_COMPROMISE))
    with pytest.raises(CertificateError) as caught:
        await judge()
    assert caught.value.rule is Rule.REVOKED
    assert caught.value.subject == office.hierarchy["mo_sub_ca2"].subject


async def test_a_checker_lets_others_pass(office: Office) -> None:
    foreign = make_hierarchy(seed=2)
    path = foreign.chain("cps_leaf")
    checker = await office.authority.checker(path)
    root = foreign["v2g_root"].certificate
    validate(path[0], path[1:], [root], at=office.clock.now(), profile=CPS_LEAF, revocation=checker)


async def test_selections(office: Office) -> None:
    for number in range(4):
        await office.contract(f"DEPNCA0000000{number}X", pcid=f"PNCA000000000000{number}")
        await office.contract(f"DEXYZA0000000{number}X", pcid=f"WBAA000000000000{number}")
    car = await office.car("DEPNC000000000001")  # a car may be called as contracts begin
    contracts = Selection(prefix="DEPNC", kind=Kind.CONTRACT)
    assert await revoke_all(office, Selection(names=["DEPNCA00000000X", "DEPNCMISSING000"])) == (1, 0, 1)
    assert await revoke_all(office, contracts) == (3, 0, 0)
    assert await revoke_all(office, contracts) == (0, 0, 0)
    assert await asked(office, car, "oem_sub_ca2") is None
    assert await revoke_all(office, Selection(pcid_prefix="WBA")) == (4, 0, 0)
    issuer = fingerprint_sha256(office.hierarchy["oem_sub_ca2"].certificate)
    assert await revoke_all(office, Selection(issuer=issuer)) == (1, 0, 0)
    assert await asked(office, car, "oem_sub_ca2") is Rule.REVOKED
    # A prefix is text: signs that databases give a meaning have none.
    assert await revoke_all(office, Selection(prefix="%")) == (0, 0, 0)


@pytest.mark.parametrize("selection", [Selection(), Selection(kind=Kind.CONTRACT)])
async def test_an_empty_selection_selects_nothing(office: Office, selection: Selection) -> None:
    with pytest.raises(MarketError, match="nothing is selected"):
        await revoke_all(office, selection)


async def test_bulk_in_several_transactions(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHUNK", 3)
    emaids = [f"DEPNCA{number:08}X" for number in range(10)]
    certificates = [await office.contract(emaid) for emaid in emaids]
    steps = office.authority.revoke_many(Selection(names=emaids), Reason.CESSATION_OF_OPERATION)
    first = await anext(steps)
    assert (first.done, first.total, first.revoked) == (3, 10, 3)
    await steps.aclose()  # the caller goes away, or the process is killed
    assert [await asked(office, each) for each in certificates] == [Rule.REVOKED] * 3 + [None] * 7
    assert await revoke_all(office, Selection(prefix="DEPNCA")) == (7, 0, 0)
    assert {await listed(office, each) for each in certificates} == {Rule.REVOKED}
    assert await revoke_all(office, Selection(names=emaids + emaids)) == (0, 10, 0)


async def test_a_signed_answer_is_used_again_while_it_is_true(office: Office) -> None:
    certificate = await office.contract(EMAID)
    question = build_request(certificate, office.hierarchy["mo_sub_ca2"].certificate)
    first = await office.authority.ocsp(question)
    office.clock.forward(minutes=40)
    assert (await office.authority.ocsp(question)).document == first.document
    office.clock.forward(minutes=10)  # less than a quarter of its time is left
    assert (await office.authority.ocsp(question)).document != first.document
    await office.authority.revoke(RevokeOrder(certificate))
    assert await asked(office, certificate) is Rule.REVOKED
    with_nonce = build_request(certificate, office.hierarchy["mo_sub_ca2"].certificate, nonce=b"12345678")
    fresh = await office.authority.ocsp(with_nonce)
    assert fresh.until is None


async def test_a_revocation_by_another_server_shows_at_once(
    office: Office, target: str | Path, hierarchy: Hierarchy
) -> None:
    certificate = await office.contract(EMAID)
    assert await asked(office, certificate) is None
    assert await listed(office, certificate) is None
    async with open_office(target, hierarchy, clock=office.clock) as other:
        await other.authority.revoke(RevokeOrder(certificate))
        assert await listed(other, certificate) is Rule.REVOKED
    assert await asked(office, certificate) is Rule.REVOKED
    assert await listed(office, certificate) is Rule.REVOKED


async def test_two_servers_revoke_the_same_at_once(
    office: Office, target: str | Path, hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK", 5)
    emaids = [f"DEPNCA{number:08}X" for number in range(40)]
    certificates = [await office.contract(emaid) for emaid in emaids]
    selection = Selection(names=emaids)
    async with open_office(target, hierarchy, clock=office.clock) as other:
        one, two = await asyncio.gather(revoke_all(office, selection), revoke_all(other, selection))
        fingerprint = fingerprint_sha256(hierarchy["mo_sub_ca2"].certificate)
        lists = await asyncio.gather(office.authority.crl(fingerprint), other.authority.crl(fingerprint))
    assert one[0] + two[0] == one[1] + two[1] == len(emaids)
    assert {len(parse_crl(each.document)) for each in lists} == {len(emaids)}
    # Each number stands for one list, whichever server made it.
    assert len({(each.number, each.document) for each in lists}) == len({each.number for each in lists})
    assert {await asked(office, each) for each in certificates} == {Rule.REVOKED}


async def test_lists_are_made_when_something_changed_and_numbered(office: Office) -> None:
    fingerprint = fingerprint_sha256(office.hierarchy["mo_sub_ca2"].certificate)
    first = await office.authority.crl(fingerprint)
    assert await office.authority.crl(fingerprint.upper()) == first
    await office.authority.revoke(RevokeOrder(await office.contract(EMAID)))
    second = await office.authority.crl(fingerprint)
    assert second.number == first.number + 1
    office.clock.forward(hours=25)
    third = await office.authority.crl(fingerprint)
    assert third.number == second.number + 1
    assert [len(parse_crl(each.document)) for each in (first, second, third)] == [0, 1, 1]
    many = await asyncio.gather(*(office.authority.crl(fingerprint) for _ in range(5)))
    assert {each.number for each in many} == {third.number}
    with pytest.raises(MarketError) as caught:
        await office.authority.crl("0" * 64)
    assert caught.value.code is Code.UNKNOWN


async def test_what_has_run_out_leaves_the_list(office: Office) -> None:
    fingerprint = fingerprint_sha256(office.hierarchy["mo_sub_ca2"].certificate)
    certificate = await office.contract(EMAID)
    await office.authority.revoke(RevokeOrder(certificate))
    office.clock.moment = certificate.not_valid_after_utc + timedelta(hours=1)
    assert len(parse_crl((await office.authority.crl(fingerprint)).document)) == 1
    office.clock.forward(days=2)
    assert len(parse_crl((await office.authority.crl(fingerprint)).document)) == 0


async def test_the_responders_certificate_is_renewed(office: Office) -> None:
    certificate = await office.contract(EMAID)
    for _ in range(4):
        assert await asked(office, certificate) is None
        office.clock.forward(days=20)


async def test_every_edition_has_its_authority(target: str | Path, hierarchy: Hierarchy) -> None:
    second = Hierarchy.create(
        now=hierarchy["mo_root"].certificate.not_valid_before_utc,
        entropy=SeededEntropy(4),
        edition=Edition.ISO20,
    )
    async with open_office(target, hierarchy) as office:
        authority = await CertificateOffice.open(
            office.database, [hierarchy, second], now=office.clock.now, entropy=SeededEntropy(1)
        )
        key = ec.generate_private_key(ec.SECP521R1())
        for branch, name in ((Branch.MO, EMAID), (Branch.VEHICLE, "WMIV1234567890ABCDEX")):
            certificate = await authority.enroll(branch, Edition.ISO20, request_for(name, key)[0])
            above = await authority.ca_certificates(branch, Edition.ISO20)
            profile = Edition.ISO20.profiles[branch.profile]
            validate(certificate, above[:-1], above[-1:], at=office.clock.now(), profile=profile)
            answer = await authority.ocsp(build_request(certificate, above[0]))
            OcspChecker([answer.document]).check(certificate, above[0], office.clock.now())
