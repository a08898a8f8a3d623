"""The envelopes of ISO 15118-20 against published values, and against everything that could be wrong with one."""

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from hypothesis import given, settings
from hypothesis import strategies as st

from pki import vehicle_files
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, new_identity
from pki.keys import KeyType, PrivateKey, new_key
from pki.profiles import Edition
from tests.v2g.security.material import (
    NOW,
    P521,
    P521_ORDER,
    X448,
    Script,
    certificate_for,
    key_of,
    p256,
    refused,
)
from v2g.errors import EnvelopeError
from v2g.messages.iso20.common_messages import EcdhCurve
from v2g.security import envelope_iso20 as subject
from v2g.security.dialects import DIALECTS, STANDARD, X448_DH_LENGTHS, Aad, Dialect, Kdf
from v2g.security.envelope import Envelope, derive_key_iso20, point


class TestPublishedValues:
    def test_p521_secret_and_key(self) -> None:
        receiver = key_of(P521["oem_d"], ec.SECP521R1())
        sender = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP521R1(), bytes.fromhex(P521["DHPublicKey"])
        )
        secret = receiver.exchange(ec.ECDH(), sender)
        assert secret.hex() == P521["Z"]
        assert derive_key_iso20(secret).hex() == P521["K"]

    def test_p521_sealed_byte_for_byte_and_opened(self) -> None:
        field = bytes.fromhex(P521["SECP521_EncryptedPrivateKey"])
        receiver = key_of(P521["oem_d"], ec.SECP521R1())
        contract = key_of(P521["contract_d"], ec.SECP521R1())
        bound_to = P521["AAD"].encode()
        entropy = Script(field[:12], key=key_of(P521["eph_d"], ec.SECP521R1()))
        sealed = subject.seal_iso20_secp521(
            contract, receiver.public_key(), entropy, associated_data=bound_to
        )
        assert sealed == Envelope(field, bytes.fromhex(P521["DHPublicKey"]))
        assert (len(field), len(sealed.dh_public_key)) == (94, 133)
        opened = subject.open_iso20_secp521(
            sealed, receiver, associated_data=bound_to, certificate=certificate_for(contract.public_key())
        )
        assert opened.private_numbers().private_value == int(P521["contract_d"], 16)

    def test_x448_sealed_byte_for_byte_and_opened(self) -> None:
        field = bytes.fromhex(X448["X448_EncryptedPrivateKey"])
        receiver = x448.X448PrivateKey.from_private_bytes(bytes.fromhex(X448["oem_d"]))
        ephemeral = x448.X448PrivateKey.from_private_bytes(bytes.fromhex(X448["eph_d"]))
        contract = x448.X448PrivateKey.from_private_bytes(bytes.fromhex(X448["contract_d"]))
        secret = ephemeral.exchange(receiver.public_key())
        assert secret.hex() == X448["Z"]
        assert derive_key_iso20(secret).hex() == X448["K"]
        bound_to = X448["AAD"].encode()
        entropy = Script(bytes.fromhex(X448["eph_d"]), field[:12])
        raw = replace(STANDARD, x448_dh_length=56)
        sealed = subject.seal_iso20_x448(
            contract, receiver.public_key(), entropy, associated_data=bound_to, dialect=raw
        )
        assert sealed == Envelope(field, bytes.fromhex(X448["DHPublicKey"]))
        opened = subject.open_iso20_x448(
            sealed, receiver, associated_data=bound_to, certificate=certificate_for(contract.public_key())
        )
        assert isinstance(opened, x448.X448PrivateKey)
        assert opened.private_bytes_raw().hex() == X448["contract_d"]

    def test_associated_data(self) -> None:
        assert (
            subject.associated_data_iso20("wmi-KAT0123456789A-B", bytes.fromhex("0123456789abcdef")).decode()
            == P521["AAD"]
        )

    def test_associated_data_of_peers_that_take_sixteen_bytes(self) -> None:
        assert len(subject.associated_data_iso20("WMIKAT0123456789AB", bytes(16))) == 50

    @pytest.mark.parametrize(
        ("pcid", "ski"),
        [("WMIKAT0123456789A", bytes(8)), ("WMIKAT0123456789AB", bytes(20)), ("é" * 18, bytes(8))],
    )
    def test_associated_data_of_wrong_parts(self, pcid: str, ski: bytes) -> None:
        refused("associated_data", lambda: subject.associated_data_iso20(pcid, ski))


class TestIso20:
    RECEIVER = ec.derive_private_key(0xA11CE, ec.SECP521R1())
    CONTRACT = ec.derive_private_key(0xC0FFEE, ec.SECP521R1())
    CERTIFICATE = certificate_for(CONTRACT.public_key())
    BOUND_TO = subject.associated_data_iso20("WMIKAT0123456789AB", bytes(8))
    SEALED = subject.seal_iso20_secp521(
        CONTRACT, RECEIVER.public_key(), SeededEntropy(1), associated_data=BOUND_TO
    )

    def open(self, sealed: Envelope, bound_to: bytes | None = None) -> ec.EllipticCurvePrivateKey:
        return subject.open_iso20_secp521(
            sealed,
            self.RECEIVER,
            associated_data=self.BOUND_TO if bound_to is None else bound_to,
            certificate=self.CERTIFICATE,
        )

    def seal_plaintext(self, plaintext: bytes) -> Envelope:
        ephemeral = SeededEntropy(3).ec_key(ec.SECP521R1())
        key = derive_key_iso20(ephemeral.exchange(ec.ECDH(), self.RECEIVER.public_key()))
        field = subject._gcm_seal(key, bytes(12), bytearray(plaintext), self.BOUND_TO)
        return Envelope(field, point(ephemeral.public_key()))

    def test_bound_to_another_car_or_contract(self) -> None:
        other = subject.associated_data_iso20("WMIKAT0123456789AC", bytes(8))
        refused("decryption", lambda: self.open(self.SEALED, other))

    def test_another_car_cannot_open_it(self) -> None:
        other = ec.derive_private_key(5, ec.SECP521R1())
        refused(
            "decryption",
            lambda: subject.open_iso20_secp521(
                self.SEALED, other, associated_data=self.BOUND_TO, certificate=self.CERTIFICATE
            ),
        )

    @pytest.mark.parametrize("top", [0x02, 0x04, 0x80, 0xFF])
    def test_top_seven_bits(self, top: int) -> None:
        error = refused("scalar", lambda: self.open(self.seal_plaintext(bytes([top]) + bytes(64) + b"\x01")))
        assert "top seven bits" in error.reason

    @pytest.mark.parametrize("number", [0, P521_ORDER, 2**521 - 1])
    def test_numbers_that_are_no_private_key(self, number: int) -> None:
        error = refused("scalar", lambda: self.open(self.seal_plaintext(number.to_bytes(66, "big"))))
        assert "no private key" in error.reason

    def test_a_key_of_another_contract(self) -> None:
        refused("key_match", lambda: self.open(self.seal_plaintext((5).to_bytes(66, "big"))))

    @pytest.mark.parametrize("length", [0, 48, 93, 95, 206])
    def test_lengths(self, length: int) -> None:
        refused(
            "encrypted_private_key", lambda: self.open(Envelope(bytes(length), self.SEALED.dh_public_key))
        )
        field = self.SEALED.encrypted_private_key
        refused("dh_public_key", lambda: self.open(Envelope(field, b"\x04" * length)))

    def test_keys_on_other_curves(self) -> None:
        foreign = p256(5)
        refused(
            "receiver",
            lambda: subject.seal_iso20_secp521(
                self.CONTRACT, foreign.public_key(), SeededEntropy(1), associated_data=self.BOUND_TO
            ),
        )
        refused(
            "contract_key",
            lambda: subject.seal_iso20_secp521(
                foreign, self.RECEIVER.public_key(), SeededEntropy(1), associated_data=self.BOUND_TO
            ),
        )

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, (94 + 133) * 8 - 1))
    def test_any_flipped_bit_is_refused(self, bit: int) -> None:
        both = bytearray(self.SEALED.encrypted_private_key + self.SEALED.dh_public_key)
        both[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises(EnvelopeError):
            self.open(Envelope(bytes(both[:94]), bytes(both[94:])))


class TestX448:
    RECEIVER = x448.X448PrivateKey.from_private_bytes(b"r" * 56)
    CONTRACT = x448.X448PrivateKey.from_private_bytes(b"c" * 56)
    CERTIFICATE = certificate_for(CONTRACT.public_key())

    def seal(self, dh_length: int = 56) -> Envelope:
        return subject.seal_iso20_x448(
            self.CONTRACT,
            self.RECEIVER.public_key(),
            SeededEntropy(1),
            associated_data=b"",
            dialect=replace(STANDARD, x448_dh_length=dh_length),
        )

    def open(self, sealed: Envelope) -> x448.X448PrivateKey:
        opened = subject.open_iso20_x448(
            sealed, self.RECEIVER, associated_data=b"", certificate=self.CERTIFICATE
        )
        assert isinstance(opened, x448.X448PrivateKey)
        return opened

    @pytest.mark.parametrize("dh_length", X448_DH_LENGTHS)
    def test_every_length_of_the_dh_key(self, dh_length: int) -> None:
        sealed = self.seal(dh_length)
        assert len(sealed.dh_public_key) == dh_length
        assert len(sealed.encrypted_private_key) == 84
        assert self.open(sealed).private_bytes_raw() == b"c" * 56

    def test_any_other_length(self) -> None:
        sealed = self.seal()
        odd = Envelope(sealed.encrypted_private_key, sealed.dh_public_key + bytes(2))
        refused("dh_public_key", lambda: self.open(odd))
        with pytest.raises(ValueError, match="x448_dh_length"):
            self.seal(58)

    def test_padding_must_be_zero(self) -> None:
        sealed = self.seal(57)
        dirty = Envelope(sealed.encrypted_private_key, sealed.dh_public_key[:-1] + b"\x01")
        refused("dh_public_key", lambda: self.open(dirty))

    def test_point_of_small_order(self) -> None:
        weak = Envelope(self.seal().encrypted_private_key, bytes(56))
        assert "small order" in refused("dh_public_key", lambda: self.open(weak)).reason

    def test_a_key_of_another_contract(self) -> None:
        other = certificate_for(ed448.Ed448PrivateKey.from_private_bytes(b"e" * 57).public_key())
        refused(
            "key_match",
            lambda: subject.open_iso20_x448(
                self.seal(), self.RECEIVER, associated_data=b"", certificate=other
            ),
        )

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 84 * 8 - 1))
    def test_any_flipped_bit_is_refused(self, bit: int) -> None:
        sealed = self.seal()
        field = bytearray(sealed.encrypted_private_key)
        field[bit // 8] ^= 0x80 >> bit % 8
        refused("decryption", lambda: self.open(Envelope(bytes(field), sealed.dh_public_key)))


PCID = "WMIKAT0123456789AB"


class Case:
    """A car and a contract of one suite, issued as a market issues them."""

    def __init__(self, edition: Edition) -> None:
        entropy = SeededEntropy(11)
        made = Hierarchy.create(now=NOW, entropy=entropy, edition=edition)
        self.car = vehicle_files.issue(made, evccid="WMIKATEVCC001", pcid=PCID, now=NOW, entropy=entropy)
        self.contract = self.another(made, entropy)
        self.other = self.another(made, entropy)
        self.curve, self.receiver = next(iter(subject.receivers(self.car.provisioning.certificate).items()))

    @staticmethod
    def another(made: Hierarchy, entropy: SeededEntropy) -> Identity:
        return new_identity(
            made.edition.profiles["contract"],
            common_name="DE83DUIEN83QGZD",
            issuer=made["mo_sub_ca2"],
            now=NOW,
            entropy=entropy,
        )

    def seal(self, dialect: Dialect = STANDARD) -> Envelope:
        return subject.seal_iso20(
            self.contract.private_key(),
            self.receiver,
            SeededEntropy(3),
            pcid=PCID,
            certificate=self.contract.certificate,
            dialect=dialect,
        )

    def open(
        self,
        sealed: Envelope,
        dialect: Dialect = STANDARD,
        *,
        pcid: str = PCID,
        key: PrivateKey | None = None,
        certificate: x509.Certificate | None = None,
    ) -> PrivateKey:
        return subject.open_iso20(
            sealed,
            key or self.car.receiver_key,
            pcid=pcid,
            certificate=certificate or self.contract.certificate,
            dialect=dialect,
        )


CASES = {edition: Case(edition) for edition in (Edition.ISO20, Edition.ISO20_ED448)}
EDITIONS = pytest.mark.parametrize("case", CASES.values(), ids=[str(edition) for edition in CASES])


class TestWholeEnvelope:
    """Sealed by the market for a car by its certificate, opened by the car."""

    @EDITIONS
    def test_opened(self, case: Case) -> None:
        sealed = case.seal()
        assert subject.curve_of(sealed) is case.curve
        assert len(sealed.dh_public_key) == 133, "as the XSD fixes it, on either curve"
        opened = case.open(sealed)
        assert opened.public_key() == case.contract.certificate.public_key()
        assert isinstance(opened, type(case.contract.private_key()))

    @EDITIONS
    def test_bound_to_car_and_contract(self, case: Case) -> None:
        sealed = case.seal()
        refused("decryption", lambda: case.open(sealed, pcid="WMIKAT0123456789AC"))
        refused("decryption", lambda: case.open(sealed, certificate=case.other.certificate))
        other = replace(STANDARD, aad=Aad.NONE)
        refused("key_match", lambda: case.open(case.seal(other), other, certificate=case.other.certificate))

    @EDITIONS
    def test_a_key_of_the_other_kind(self, case: Case) -> None:
        other = CASES[Edition.ISO20_ED448 if case is CASES[Edition.ISO20] else Edition.ISO20]
        refused("receiver", lambda: case.open(case.seal(), key=other.car.receiver_key))
        refused(
            "contract_key",
            lambda: subject.seal_iso20(
                other.contract.private_key(),
                case.receiver,
                SeededEntropy(1),
                pcid=PCID,
                certificate=other.contract.certificate,
            ),
        )

    @EDITIONS
    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
    def test_every_dialect_opens_what_it_seals(self, case: Case, dialect: Dialect) -> None:
        """Forms of the AAD that want a long SKI fail by name on one of eight bytes, or are the standard's."""
        opened = case.open(case.seal(dialect), dialect)
        assert opened.public_key() == case.contract.certificate.public_key()

    @EDITIONS
    @pytest.mark.parametrize("name", ["wwcp", "x963", "aad-raw", "aad-lower"])
    def test_what_peers_do_is_refused_unless_asked_for(self, case: Case, name: str) -> None:
        refused("decryption", lambda: case.open(case.seal(DIALECTS[name])))

    def test_a_reversed_key_is_not_the_certified_one(self) -> None:
        case = CASES[Edition.ISO20_ED448]
        refused("key_match", lambda: case.open(case.seal(DIALECTS["x448-reversed"])))

    @EDITIONS
    def test_for_a_tpm(self, case: Case) -> None:
        sealed = Envelope(bytes(206), bytes(133))
        assert "TPM 2.0" in refused("tpm", lambda: case.open(sealed)).reason

    @EDITIONS
    @pytest.mark.parametrize("length", [0, 48, 83, 95])
    def test_any_other_length(self, case: Case, length: int) -> None:
        refused("encrypted_private_key", lambda: case.open(Envelope(bytes(length), bytes(133))))

    @EDITIONS
    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def test_any_flipped_bit_is_refused(self, case: Case, data: st.DataObject) -> None:
        sealed = case.seal()
        field, public = bytearray(sealed.encrypted_private_key), bytearray(sealed.dh_public_key)
        target = data.draw(st.sampled_from([field, public]))
        bit = data.draw(st.integers(0, len(target) * 8 - 1))
        target[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises(EnvelopeError):
            case.open(Envelope(bytes(field), bytes(public)))


class TestReceivers:
    def test_by_the_certificate(self) -> None:
        for edition, case in CASES.items():
            found = subject.receivers(case.car.provisioning.certificate)
            assert list(found) == [EcdhCurve.SECP521 if edition is Edition.ISO20 else EcdhCurve.X448]
            assert found[case.curve] == case.car.receiver_key.public_key()

    def test_a_certificate_of_iso2_receives_nothing(self) -> None:
        assert subject.receivers(certificate_for(p256(5).public_key())) == {}

    def test_a_certificate_with_both(self) -> None:
        """The main key on secp521r1, the alternate one on X448, as [V2G20-2534] has it."""
        entropy = SeededEntropy(4)
        made = Hierarchy.create(now=NOW, entropy=entropy, edition=Edition.ISO20)
        second = new_key(KeyType.X448, entropy).public_key()
        car = new_identity(
            Edition.ISO20.profiles["oem_provisioning"],
            common_name=PCID,
            issuer=made["oem_sub_ca2"],
            now=NOW,
            entropy=entropy,
            alternate_key=second,
        )
        found = subject.receivers(car.certificate)
        assert found == {EcdhCurve.SECP521: car.certificate.public_key(), EcdhCurve.X448: second}

    def test_an_ed448_key_receives_by_itself(self) -> None:
        """A certificate without alternate key."""
        case, key = CASES[Edition.ISO20_ED448], new_key(KeyType.ED448, SeededEntropy(5))
        found = subject.receivers(certificate_for(key.public_key()))
        sealed = subject.seal_iso20(
            case.contract.private_key(),
            found[EcdhCurve.X448],
            SeededEntropy(1),
            pcid=PCID,
            certificate=case.contract.certificate,
        )
        assert case.open(sealed, key=key).public_key() == case.contract.certificate.public_key()

    def test_an_ed448_key_that_is_no_point(self) -> None:
        bad = ed448.Ed448PublicKey.from_public_bytes(b"\x01" + bytes(56))
        case = CASES[Edition.ISO20_ED448]
        refused(
            "receiver",
            lambda: subject.seal_iso20(
                case.contract.private_key(),
                bad,
                SeededEntropy(1),
                pcid=PCID,
                certificate=case.contract.certificate,
            ),
        )


def test_an_ed448_key_that_has_no_room() -> None:
    """RFC 8032 gives it 57 bytes, -20 transmits 56."""
    case = CASES[Edition.ISO20_ED448]
    key = ed448.Ed448PrivateKey.from_private_bytes(b"k" * 57)
    refused(
        "contract_key",
        lambda: subject.seal_iso20(
            key, case.receiver, SeededEntropy(1), pcid=PCID, certificate=certificate_with_ski(key)
        ),
    )


def certificate_with_ski(key: ed448.Ed448PrivateKey) -> x509.Certificate:
    made = Hierarchy.create(now=NOW, entropy=SeededEntropy(4), edition=Edition.ISO20_ED448)
    from pki.issuing import issue

    return issue(
        Edition.ISO20_ED448.profiles["contract"],
        common_name="DE83DUIEN83QGZD",
        public_key=key.public_key(),
        issuer=made["mo_sub_ca2"],
        now=NOW,
        entropy=SeededEntropy(6),
    )


def test_a_contract_certificate_without_key_identifier() -> None:
    certificate = certificate_for(p256(5).public_key())
    error = refused("associated_data", lambda: subject.subject_key_identifier(certificate))
    assert "no subject key identifier" in error.reason


SKI20 = bytes(range(0xA0, 0xB4))


@pytest.mark.parametrize(
    ("form", "ski", "expected"),
    [
        (Aad.PCID_SKI, SKI20[:8], b"WMIKAT0123456789ABA0A1A2A3A4A5A6A7"),
        (Aad.PCID_SKI_8, SKI20, b"WMIKAT0123456789ABA0A1A2A3A4A5A6A7"),
        (Aad.PCID_SKI_16, SKI20, b"WMIKAT0123456789ABA0A1A2A3A4A5A6A7A8A9AAABACADAEAF"),
        (Aad.PCID_SKI_WHOLE, SKI20, b"WMIKAT0123456789AB" + SKI20.hex().upper().encode()),
        (Aad.PCID_SKI_LOWER, SKI20[:8], b"WMIKAT0123456789ABa0a1a2a3a4a5a6a7"),
        (Aad.PCID_SKI_RAW, SKI20[:8], b"WMIKAT0123456789AB" + SKI20[:8]),
        (Aad.NONE, SKI20, b""),
    ],
)
def test_forms_of_the_associated_data(form: Aad, ski: bytes, expected: bytes) -> None:
    assert subject.associated_data_iso20("WMI-KAT0123456789-AB", ski, form) == expected


@pytest.mark.parametrize("kdf", Kdf)
def test_key_derivations_differ(kdf: Kdf) -> None:
    secret = bytes.fromhex(P521["Z"])
    others = {derive_key_iso20(secret, other) for other in Kdf if other is not kdf}
    assert len(others) == 3
    assert derive_key_iso20(secret, kdf) not in others
