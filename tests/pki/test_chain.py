"""Chains that hold, and chains that do not, rule by rule. The defects have a matrix of their own."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from pki import chain
from pki.defects import Chain, _build, _one_level, defect, sound_chain
from pki.entropy import SeededEntropy
from pki.errors import CertificateError, PkiError, Rule
from pki.hierarchy import MEMBERS, Hierarchy
from pki.issuing import Identity, draft
from pki.keys import new_signing_key
from pki.profiles import (
    CONTRACT,
    CPS_LEAF,
    CPS_SUB_CA2,
    OEM_PROVISIONING,
    SECC_LEAF,
    V2G_ROOT,
    Edition,
    KeyUse,
    Profile,
)
from tests.pki.material import DAY, LEAVES, NOW, bench, hierarchy, judge
from v2g.messages import iso2

VECTORS = {
    vector["name"]: bytes.fromhex(vector["exi_hex"])
    for vector in map(
        json.loads, (Path(__file__).parents[1] / "vectors" / "signed_messages.jsonl").read_text().splitlines()
    )
}


def subject(domains: list[str], common_name: str = "X") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    return x509.Name(parts + [x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain) for domain in domains])


def rule_of(*arguments: object, **keywords: object) -> Rule:
    with pytest.raises(CertificateError) as caught:
        chain.validate(*arguments, **keywords)  # type: ignore[arg-type] # whatever validate takes
    return caught.value.rule


class TestAccepted:
    @pytest.mark.parametrize("profile", LEAVES, ids=lambda profile: profile.name)
    def test_every_kind_of_leaf(self, profile: Profile) -> None:
        made = sound_chain(bench(profile))
        path = judge(made, profile)
        assert path == (made.leaf.certificate, *made.intermediates, made.root)
        assert len(path) == 4

    @pytest.mark.parametrize("name", ["cps_sub_ca1", "cps_sub_ca2", "mo_sub_ca2", "oem_sub_ca1"])
    def test_a_sub_ca_by_its_own_profile(self, name: str) -> None:
        certificate, *above = hierarchy().chain(name)
        root = hierarchy().root_of(name).certificate
        assert chain.validate(certificate, above, [root], at=NOW, profile=MEMBERS[name].profile)[-1] == root

    def test_a_leaf_right_under_sub_ca_1(self) -> None:
        assert len(judge(_one_level(bench(SECC_LEAF)), SECC_LEAF)) == 3

    def test_the_right_root_among_many(self) -> None:
        others = [
            Hierarchy.create(now=NOW, entropy=SeededEntropy(seed))["v2g_root"].certificate for seed in (8, 9)
        ]
        made = sound_chain(bench(SECC_LEAF))
        roots = [others[0], made.root, others[1]]
        path = chain.validate(made.leaf.certificate, made.intermediates, roots, at=NOW, profile=SECC_LEAF)
        assert path[-1] == made.root

    @pytest.mark.parametrize(
        ("profile", "accepted"), [(SECC_LEAF, True), (CPS_LEAF, False), (CONTRACT, False)]
    )
    def test_sub_cas_of_the_v2g_domain(self, profile: Profile, accepted: bool) -> None:
        """Charger operators have them; elsewhere one could pass off its leaves as another branch's."""
        name = MEMBERS[bench(profile).sub_cas[0].name].common_name
        made = _build(bench(profile), sub_ca2={"subject": subject(["V2G"], name)})
        if accepted:
            judge(made, profile)
        else:
            with pytest.raises(CertificateError, match="wrong_domain"):
                judge(made, profile)

    def test_certificates_made_elsewhere(self) -> None:
        """Those in the published messages; their roots are not published, so sub-CA 1 is the anchor."""
        message = exi.decode(VECTORS["iso2_certificate_installation_res"], iso2.SCHEMA)
        assert isinstance(message, iso2.V2G_Message)
        response = message.body.body_element
        assert isinstance(response, iso2.CertificateInstallationRes)
        for sent, profile in (
            (response.sa_provisioning_certificate_chain, CPS_LEAF),
            (response.contract_signature_cert_chain, CONTRACT),
        ):
            assert sent.sub_certificates is not None
            sub_ca2, sub_ca1 = map(chain.parse, sent.sub_certificates.certificate)
            leaf = chain.parse(sent.certificate)
            at = NOW.replace(year=2025)
            assert len(chain.validate(leaf, [sub_ca2], [sub_ca1], at=at, profile=profile)) == 3

    @pytest.mark.parametrize("seconds", [0, 1])
    def test_on_the_first_and_last_second(self, seconds: int) -> None:
        made = sound_chain(bench(CONTRACT))
        judge(made, CONTRACT, made.leaf.certificate.not_valid_before_utc)
        judge(made, CONTRACT, made.leaf.certificate.not_valid_after_utc)


class TestRefused:
    def test_before_and_after(self) -> None:
        made = sound_chain(bench(CONTRACT))
        second = DAY / 86_400
        with pytest.raises(CertificateError) as caught:
            judge(made, CONTRACT, NOW - second)
        assert caught.value.rule is Rule.NOT_YET_VALID
        with pytest.raises(CertificateError) as caught:
            judge(made, CONTRACT, made.leaf.certificate.not_valid_after_utc + second)
        assert caught.value.rule is Rule.EXPIRED

    def test_an_expired_root(self) -> None:
        made = sound_chain(bench(CONTRACT))
        key = hierarchy()["mo_root"].signing_key()
        plan = draft(
            V2G_ROOT,
            common_name="MO Root CA",
            public_key=key.public_key(),
            issuer=None,
            now=NOW - 2 * DAY,
            entropy=SeededEntropy(1),
            validity=DAY,
        )
        with pytest.raises(CertificateError) as caught:
            judge(replace(made, root=plan.sign(key)), CONTRACT)
        assert caught.value.rule is Rule.EXPIRED
        assert "Root" in caught.value.subject

    def test_no_roots_at_all(self) -> None:
        made = sound_chain(bench(SECC_LEAF))
        assert (
            rule_of(made.leaf.certificate, made.intermediates, [], at=NOW, profile=SECC_LEAF)
            is Rule.UNKNOWN_ISSUER
        )

    def test_no_sub_cas_at_all(self) -> None:
        made = sound_chain(bench(SECC_LEAF))
        assert (
            rule_of(made.leaf.certificate, [], [made.root], at=NOW, profile=SECC_LEAF) is Rule.UNKNOWN_ISSUER
        )

    def test_a_leaf_of_another_kind(self) -> None:
        """A charger's certificate is none of a provisioning service, although the same root stands above."""
        made = sound_chain(bench(SECC_LEAF))
        with pytest.raises(CertificateError) as caught:
            judge(made, CPS_LEAF)
        assert caught.value.rule is Rule.WRONG_DOMAIN

    def test_a_ca_where_a_leaf_is_expected(self) -> None:
        certificate, *above = hierarchy().chain("cps_sub_ca2")
        root = hierarchy()["v2g_root"].certificate
        assert rule_of(certificate, above, [root], at=NOW, profile=CPS_LEAF) is Rule.LEAF_IS_CA

    def test_a_leaf_where_a_ca_is_expected(self) -> None:
        made = _one_level(bench(CPS_LEAF))
        assert (
            rule_of(made.leaf.certificate, made.intermediates, [made.root], at=NOW, profile=CPS_SUB_CA2)
            is Rule.NOT_A_CA
        )

    def test_a_leaf_may_not_sign_certificates(self) -> None:
        uses = CPS_LEAF.key_usage | {KeyUse.KEY_CERT_SIGN}
        with pytest.raises(CertificateError) as caught:
            judge(_build(bench(CPS_LEAF), leaf={"key_usage": uses}), CPS_LEAF)
        assert caught.value.rule is Rule.WRONG_KEY_USAGE

    @pytest.mark.parametrize("uses", [{KeyUse.DIGITAL_SIGNATURE}, {KeyUse.KEY_AGREEMENT}])
    def test_a_car_must_sign_and_agree(self, uses: set[KeyUse]) -> None:
        with pytest.raises(CertificateError) as caught:
            judge(_build(bench(OEM_PROVISIONING), leaf={"key_usage": frozenset(uses)}), OEM_PROVISIONING)
        assert caught.value.rule is Rule.WRONG_KEY_USAGE

    @pytest.mark.parametrize("domains", [[], ["CPO", "CPS"], ["CPS", "CPS"], ["cps"]])
    def test_exactly_one_domain_component(self, domains: list[str]) -> None:
        with pytest.raises(CertificateError) as caught:
            judge(_build(bench(CPS_LEAF), leaf={"subject": subject(domains)}), CPS_LEAF)
        assert caught.value.rule is Rule.WRONG_DOMAIN

    def test_a_signature_by_the_right_key_over_something_else(self) -> None:
        made = sound_chain(bench(CPS_LEAF))
        root = made.root.public_bytes(Encoding.DER)
        forged = root[:-1] + bytes([root[-1] ^ 1])
        sub_ca1 = made.intermediates[1].public_bytes(Encoding.DER)
        broken = chain.parse(sub_ca1[:-1] + bytes([sub_ca1[-1] ^ 1]))
        with pytest.raises(CertificateError) as caught:
            judge(replace(made, intermediates=(made.intermediates[0], broken)), CPS_LEAF)
        assert caught.value.rule is Rule.BAD_SIGNATURE
        # The root's own signature is not looked at: it is trusted because it is here.
        judge(replace(made, root=chain.parse(forged)), CPS_LEAF)

    def test_callers_errors(self) -> None:
        made = sound_chain(bench(CPS_LEAF))
        with pytest.raises(ValueError, match="time zone"):
            judge(made, CPS_LEAF, NOW.replace(tzinfo=None))
        with pytest.raises(ValueError, match="trusted, not validated"):
            chain.validate(made.root, [], [made.root], at=NOW, profile=V2G_ROOT)


def plain_certificate(
    *, usage: x509.KeyUsage | None, critical: bool = True, constraints_critical: bool = True
) -> Identity:
    """A CPS sub-CA 2 with extensions that :class:`pki.issuing.Draft` would not write."""
    authority = hierarchy()["cps_sub_ca1"]
    key = hierarchy()["cps_sub_ca2"].signing_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(hierarchy()["cps_sub_ca2"].certificate.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=constraints_critical)
    )
    if usage is not None:
        builder = builder.add_extension(usage, critical=critical)
    return Identity("cps_sub_ca2", builder.sign(authority.signing_key(), hashes.SHA256()), key)


CERT_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@pytest.mark.parametrize(
    ("authority", "rule"),
    [
        (plain_certificate(usage=None), Rule.WRONG_KEY_USAGE),
        (plain_certificate(usage=CERT_SIGN, critical=False), Rule.WRONG_KEY_USAGE),
        (plain_certificate(usage=CERT_SIGN, constraints_critical=False), Rule.NOT_A_CA),
        (plain_certificate(usage=CERT_SIGN), None),
    ],
    ids=["no key usage", "key usage not critical", "constraints not critical", "as it should be"],
)
def test_extensions_of_a_ca(authority: Identity, rule: Rule | None) -> None:
    """Without key identifiers the names and the signature decide."""
    sub_ca1 = hierarchy()["cps_sub_ca1"].certificate
    root = hierarchy()["v2g_root"].certificate
    arguments = (authority.certificate, [sub_ca1], [root])
    if rule is None:
        assert len(chain.validate(*arguments, at=NOW, profile=CPS_SUB_CA2)) == 3
    else:
        assert rule_of(*arguments, at=NOW, profile=CPS_SUB_CA2) is rule


class TestParse:
    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_bytes_give_the_one_error(self, data: bytes) -> None:
        with pytest.raises(CertificateError) as caught:
            chain.parse(data)
        assert caught.value.rule is Rule.UNREADABLE

    @pytest.mark.parametrize("part", range(8))
    def test_every_flipped_bit_is_refused(self, part: int) -> None:
        """All of them, those outside of what is signed included: no certificate has a second fingerprint."""
        # This leaf's signature happens to end in zero bits, where a wrong count of unused bits would pass.
        made = next(
            made
            for made in (sound_chain(bench(CONTRACT, seed)) for seed in range(100))
            if made.leaf.certificate.signature[-1] & 3 == 0
        )
        genuine = made.leaf.certificate.public_bytes(Encoding.DER)
        for bit in range(part, len(genuine) * 8, 8):
            der = bytearray(genuine)
            der[bit // 8] ^= 0x80 >> bit % 8
            with pytest.raises(CertificateError):
                chain.validate(
                    chain.parse(bytes(der)), made.intermediates, [made.root], at=NOW, profile=CONTRACT
                )

    @given(st.data())
    @settings(max_examples=100, deadline=None)
    def test_truncated_or_extended(self, data: st.DataObject) -> None:
        der = hierarchy()["cps_leaf"].certificate.public_bytes(Encoding.DER)
        cut = data.draw(st.integers(0, len(der) - 1))
        for wrong in (der[:cut], der + der[: cut + 1]):
            with pytest.raises(CertificateError) as caught:
                chain.parse(wrong)
            assert caught.value.rule is Rule.UNREADABLE

    def test_public_key_of_another_kind(self) -> None:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
        name = subject(["CPS"])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + DAY)
            .sign(key, None)
        )
        with pytest.raises(CertificateError) as caught:
            chain.public_key(certificate)
        assert caught.value.rule is Rule.WRONG_KEY_TYPE
        assert chain.key_name(certificate) == "ed25519"

    def test_public_key(self) -> None:
        identity = hierarchy()["cps_leaf"]
        key = chain.public_key(identity.certificate)
        assert isinstance(key.curve, ec.SECP256R1)
        assert chain.key_name(identity.certificate) == "secp256r1"


def test_the_error_says_rule_subject_and_detail() -> None:
    error = CertificateError(Rule.EXPIRED, "CN=X", "it ended")
    assert isinstance(error, PkiError)
    assert str(error) == "expired: CN=X: it ended"
    assert str(CertificateError(Rule.UNREADABLE, "", "junk")) == "unreadable: certificate: junk"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _items(content: bytes) -> list[bytes]:
    """The values that stand one after another in ``content``, each with its tag and length."""
    items = []
    while content:
        start, size = 2, content[1]
        if size >= 0x80:
            start = 2 + (size & 0x7F)
            size = int.from_bytes(content[2:start], "big")
        items.append(content[: start + size])
        content = content[start + size :]
    return items


def _inside(item: bytes) -> bytes:
    return item[2 + (item[1] & 0x7F if item[1] >= 0x80 else 0) :]


def test_version_one() -> None:
    """A certificate of 1988: no extensions, hence no way to tell a CA from a leaf."""
    signed, algorithm, value = _items(_inside(hierarchy()["cps_leaf"].certificate.public_bytes(Encoding.DER)))
    without_version_and_extensions = b"".join(_items(_inside(signed))[1:-1])
    with pytest.raises(CertificateError) as caught:
        chain.parse(_der(0x30, _der(0x30, without_version_and_extensions) + algorithm + value))
    assert caught.value.rule is Rule.WRONG_VERSION


@pytest.mark.parametrize("serial", [b"\x00", b"\xff"])
def test_serial_number_that_is_not_positive(serial: bytes) -> None:
    signed, algorithm, value = _items(_inside(hierarchy()["cps_leaf"].certificate.public_bytes(Encoding.DER)))
    parts = _items(_inside(signed))
    parts[1] = _der(0x02, serial)
    with pytest.raises(CertificateError) as caught:
        chain.parse(_der(0x30, _der(0x30, b"".join(parts)) + algorithm + value))
    assert caught.value.rule is Rule.UNREADABLE


@pytest.mark.parametrize("edition", Edition)
def test_extensions_that_annex_b_of_iso20_marks_critical(edition: Edition) -> None:
    """Key identifiers and places to ask for revocation: critical there, never in -2."""
    profile = edition.profiles["cps_leaf"]
    here = bench(profile)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl")], None, None, None)
    key = new_signing_key(edition.key_type, here.entropy)
    plan = draft(
        profile,
        common_name="CPS Leaf",
        public_key=key.public_key(),
        issuer=here.sub_cas[0],
        now=NOW,
        entropy=here.entropy,
    )
    extensions = (x509.CRLDistributionPoints([point]), True)
    leaf = replace(plan, extensions=(extensions,)).sign(here.sub_cas[0].signer())
    above = [identity.certificate for identity in here.sub_cas]

    def validate() -> None:
        chain.validate(leaf, above, [here.root.certificate], at=NOW, profile=profile)

    if edition is Edition.ISO2:
        with pytest.raises(CertificateError) as caught:
            validate()
        assert caught.value.rule is Rule.UNKNOWN_CRITICAL_EXTENSION
    else:
        validate()


class TestSignaturesCheckedElsewhere:
    """TLS has checked a path already: exactly its signatures count as checked."""

    def judge_with(self, made: Chain, verified: list[x509.Certificate]) -> None:
        leaf, above = made.leaf.certificate, made.intermediates
        chain.validate(leaf, above, [made.root], at=NOW, profile=CPS_LEAF, verified=verified)

    def test_taken_for_granted(self) -> None:
        forged = defect("wrong_signature").make(bench(CPS_LEAF))
        self.judge_with(forged, [forged.leaf.certificate, *forged.intermediates, forged.root])

    def test_only_where_they_stand_in_the_path(self) -> None:
        forged, sound = (defect("wrong_signature").make(bench(CPS_LEAF)), sound_chain(bench(CPS_LEAF)))
        for path in (
            [],
            [sound.leaf.certificate, *sound.intermediates, sound.root],
            [forged.leaf.certificate],
            [*forged.intermediates, forged.root],
        ):
            with pytest.raises(CertificateError) as caught:
                self.judge_with(forged, path)
            assert caught.value.rule is Rule.BAD_SIGNATURE

    def test_everything_else_is_checked(self) -> None:
        expired = defect("expired").make(bench(CPS_LEAF))
        with pytest.raises(CertificateError) as caught:
            self.judge_with(expired, [expired.leaf.certificate, *expired.intermediates, expired.root])
        assert caught.value.rule is Rule.EXPIRED


class TestCheckRoot:
    @pytest.mark.parametrize("edition", list(Edition))
    def test_roots_of_every_edition(self, edition: Edition) -> None:
        pki = Hierarchy.create(now=NOW, entropy=SeededEntropy(5), edition=edition)
        for name in ("v2g_root", "oem_root", "mo_root"):
            chain.check_root(pki[name].certificate, at=NOW, profile=edition.profiles[name])

    @pytest.mark.parametrize(
        ("name", "days", "rule"),
        [
            ("mo_sub_ca1", 0, Rule.UNEXPECTED_CERTIFICATE),
            ("v2g_root", -1, Rule.NOT_YET_VALID),
            ("v2g_root", 365 * 50, Rule.EXPIRED),
        ],
    )
    def test_what_is_no_root_now(self, name: str, days: int, rule: Rule) -> None:
        pki = Hierarchy.create(now=NOW, entropy=SeededEntropy(5))
        with pytest.raises(CertificateError) as caught:
            chain.check_root(pki[name].certificate, at=NOW + timedelta(days=days), profile=V2G_ROOT)
        assert caught.value.rule is rule

    def test_a_signature_by_another_key(self) -> None:
        first = hierarchy()["v2g_root"]
        second = Hierarchy.create(now=NOW, entropy=SeededEntropy(6))["v2g_root"]
        plan = draft(
            V2G_ROOT,
            common_name="V2G Root CA",
            public_key=chain.any_public_key(first.certificate),
            issuer=second,
            now=NOW,
            entropy=SeededEntropy(3),
        )
        forged = plan.sign(second.signer())
        with pytest.raises(CertificateError):
            chain.check_root(forged, at=NOW, profile=V2G_ROOT)

    def test_callers_errors(self) -> None:
        root = Hierarchy.create(now=NOW, entropy=SeededEntropy(5))["mo_root"].certificate
        with pytest.raises(ValueError, match="not a root"):
            chain.check_root(root, at=NOW, profile=CPS_LEAF)
        with pytest.raises(ValueError, match="time zone"):
            chain.check_root(root, at=NOW.replace(tzinfo=None), profile=V2G_ROOT)
