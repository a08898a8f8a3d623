"""The envelope against published values, and against everything that could be wrong with one."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.entropy import SeededEntropy
from v2g.errors import EnvelopeError
from v2g.security import envelope as subject
from v2g.security.envelope import Envelope

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "key_envelope.json").read_text())
ISO2: dict[str, str] = VECTORS["iso2"]
P521: dict[str, str] = VECTORS["iso20_secp521"]
X448: dict[str, str] = VECTORS["iso20_x448"]

P256_ORDER = ec.SECP256R1().group_order
P521_ORDER = ec.SECP521R1().group_order
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Script:
    """Entropy that hands out what a vector says."""

    def __init__(self, *chunks: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.chunks = list(chunks)
        self.key = key

    def bytes(self, count: int) -> "bytes":
        chunk = self.chunks.pop(0)
        assert len(chunk) == count
        return chunk

    def ec_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        assert self.key is not None
        assert self.key.curve.name == curve.name
        return self.key


def key_of(hex_scalar: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int(hex_scalar, 16), curve)


def certificate_for(
    public_key: ec.EllipticCurvePublicKey | x448.X448PublicKey | ed448.Ed448PublicKey,
) -> x509.Certificate:
    """A certificate for any key; only the key in it is looked at."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DE83DUIEN83QGZD")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(ec.derive_private_key(1, ec.SECP256R1()), hashes.SHA256())
    )


def p256(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def refused(step: str, action: Callable[[], Any]) -> EnvelopeError:
    with pytest.raises(EnvelopeError) as caught:
        action()
    assert caught.value.step == step
    return caught.value


class TestPublishedValues:
    def test_iso2_secret_and_key(self) -> None:
        receiver = key_of(ISO2["oem_d"], ec.SECP256R1())
        sender = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), bytes.fromhex(ISO2["DHpublickey"])
        )
        secret = receiver.exchange(ec.ECDH(), sender)
        assert secret.hex() == ISO2["Z"]
        assert subject.derive_key_iso2(secret).hex() == ISO2["K"]

    def test_iso2_key_is_not_one_that_wrong_implementations_derive(self) -> None:
        derived = subject.derive_key_iso2(bytes.fromhex(ISO2["Z"])).hex()
        assert derived not in {ISO2["wrong_K_no_otherinfo"], ISO2["wrong_K_x963"]}

    def test_iso2_sealed_byte_for_byte(self) -> None:
        field = bytes.fromhex(ISO2["ContractSignatureEncryptedPrivateKey"])
        entropy = Script(field[:16], key=key_of(ISO2["eph_d"], ec.SECP256R1()))
        contract = key_of(ISO2["contract_d"], ec.SECP256R1())
        sealed = subject.seal_iso2(contract, key_of(ISO2["oem_d"], ec.SECP256R1()).public_key(), entropy)
        assert sealed == Envelope(field, bytes.fromhex(ISO2["DHpublickey"]))

    def test_iso2_opened(self) -> None:
        contract = key_of(ISO2["contract_d"], ec.SECP256R1())
        opened = subject.open_iso2(
            Envelope(
                bytes.fromhex(ISO2["ContractSignatureEncryptedPrivateKey"]),
                bytes.fromhex(ISO2["DHpublickey"]),
            ),
            key_of(ISO2["oem_d"], ec.SECP256R1()),
            certificate=certificate_for(contract.public_key()),
        )
        assert opened.private_numbers().private_value == int(ISO2["contract_d"], 16)
        assert ISO2["contract_d"].startswith("00"), "the vector has a leading zero byte on purpose"

    def test_p521_secret_and_key(self) -> None:
        receiver = key_of(P521["oem_d"], ec.SECP521R1())
        sender = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP521R1(), bytes.fromhex(P521["DHPublicKey"])
        )
        secret = receiver.exchange(ec.ECDH(), sender)
        assert secret.hex() == P521["Z"]
        assert subject.derive_key_iso20(secret).hex() == P521["K"]

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
        assert subject.derive_key_iso20(secret).hex() == X448["K"]
        bound_to = X448["AAD"].encode()
        entropy = Script(bytes.fromhex(X448["eph_d"]), field[:12])
        sealed = subject.seal_iso20_x448(contract, receiver.public_key(), entropy, associated_data=bound_to)
        assert sealed == Envelope(field, bytes.fromhex(X448["DHPublicKey"]))
        opened = subject.open_iso20_x448(
            sealed, receiver, associated_data=bound_to, certificate=certificate_for(contract.public_key())
        )
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


class TestIso2:
    RECEIVER = p256(0xA11CE)
    CONTRACT = p256(0xC0FFEE)
    CERTIFICATE = certificate_for(CONTRACT.public_key())
    SEALED = subject.seal_iso2(CONTRACT, RECEIVER.public_key(), SeededEntropy(1))

    def open(self, field: bytes | None = None, point: bytes | None = None) -> ec.EllipticCurvePrivateKey:
        changed = Envelope(
            self.SEALED.encrypted_private_key if field is None else field,
            self.SEALED.dh_public_key if point is None else point,
        )
        return subject.open_iso2(changed, self.RECEIVER, certificate=self.CERTIFICATE)

    def seal_number(self, number: int) -> Envelope:
        """An envelope whose plaintext is any 32 bytes, as a faulty backend could make it."""
        with_key = subject.seal_iso2(p256(1), self.RECEIVER.public_key(), SeededEntropy(2))
        field = bytearray(with_key.encrypted_private_key)
        secret = self.RECEIVER.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), with_key.dh_public_key)
        )
        key = algorithms.AES128(subject.derive_key_iso2(secret))
        cipher = Cipher(key, modes.CBC(bytes(field[:16]))).encryptor()
        field[16:] = cipher.update(number.to_bytes(32, "big")) + cipher.finalize()
        return Envelope(bytes(field), with_key.dh_public_key)

    def test_sizes(self) -> None:
        assert len(self.SEALED.encrypted_private_key) == 48
        assert len(self.SEALED.dh_public_key) == 65
        assert self.SEALED.dh_public_key[0] == 4

    def test_a_key_for_another_car(self) -> None:
        error = refused(
            "key_match", lambda: subject.open_iso2(self.SEALED, p256(0xB0B), certificate=self.CERTIFICATE)
        )
        assert "certif" in error.reason

    def test_a_certificate_of_another_contract(self) -> None:
        other = certificate_for(p256(77).public_key())
        refused("key_match", lambda: subject.open_iso2(self.SEALED, self.RECEIVER, certificate=other))

    def test_a_certificate_with_a_key_on_another_curve(self) -> None:
        other = certificate_for(ec.derive_private_key(0xC0FFEE, ec.SECP384R1()).public_key())
        refused("key_match", lambda: subject.open_iso2(self.SEALED, self.RECEIVER, certificate=other))

    @pytest.mark.parametrize("length", [0, 16, 32, 47, 49, 64])
    def test_lengths_of_the_field(self, length: int) -> None:
        refused("encrypted_private_key", lambda: self.open(field=bytes(length)))

    @pytest.mark.parametrize("length", [0, 1, 33, 64, 66, 133])
    def test_lengths_of_the_point(self, length: int) -> None:
        refused("dh_public_key", lambda: self.open(point=b"\x04" * length))

    @pytest.mark.parametrize("prefix", [0, 2, 3, 5, 6, 7, 255])
    def test_point_form(self, prefix: int) -> None:
        refused("dh_public_key", lambda: self.open(point=bytes([prefix]) + self.SEALED.dh_public_key[1:]))

    def test_point_off_the_curve(self) -> None:
        point = bytearray(self.SEALED.dh_public_key)
        point[-1] ^= 1
        refused("dh_public_key", lambda: self.open(point=bytes(point)))

    def test_coordinates_not_reduced(self) -> None:
        refused("dh_public_key", lambda: self.open(point=b"\x04" + b"\xff" * 64))

    @pytest.mark.parametrize("number", [0, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
    def test_numbers_that_are_no_private_key(self, number: int) -> None:
        sealed = self.seal_number(number)
        refused("scalar", lambda: subject.open_iso2(sealed, self.RECEIVER, certificate=self.CERTIFICATE))

    @pytest.mark.parametrize("number", [1, 2, P256_ORDER - 1])
    def test_numbers_at_the_edge(self, number: int) -> None:
        sealed = self.seal_number(number)
        opened = subject.open_iso2(
            sealed, self.RECEIVER, certificate=certificate_for(p256(number).public_key())
        )
        assert opened.private_numbers().private_value == number

    def test_keys_on_other_curves(self) -> None:
        foreign = ec.derive_private_key(5, ec.SECP384R1())
        refused("receiver", lambda: subject.seal_iso2(self.CONTRACT, foreign.public_key(), SeededEntropy(1)))
        refused(
            "contract_key", lambda: subject.seal_iso2(foreign, self.RECEIVER.public_key(), SeededEntropy(1))
        )
        refused("receiver", lambda: subject.open_iso2(self.SEALED, foreign, certificate=self.CERTIFICATE))

    def test_no_message_holds_the_key(self) -> None:
        number = P256_ORDER + 12345
        sealed = self.seal_number(number)
        error = refused(
            "scalar", lambda: subject.open_iso2(sealed, self.RECEIVER, certificate=self.CERTIFICATE)
        )
        assert str(number) not in str(error)
        assert f"{number:x}" not in str(error)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, P256_ORDER - 1), st.integers(1, P256_ORDER - 1), st.binary(max_size=8))
    def test_what_is_sealed_can_be_opened(
        self, contract_number: int, receiver_number: int, seed: bytes
    ) -> None:
        contract, receiver = p256(contract_number), p256(receiver_number)
        sealed = subject.seal_iso2(contract, receiver.public_key(), SeededEntropy(seed))
        opened = subject.open_iso2(sealed, receiver, certificate=certificate_for(contract.public_key()))
        assert opened.private_numbers().private_value == contract_number

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, (48 + 65) * 8 - 1))
    def test_any_flipped_bit_is_refused(self, bit: int) -> None:
        both = bytearray(self.SEALED.encrypted_private_key + self.SEALED.dh_public_key)
        both[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises(EnvelopeError):
            self.open(bytes(both[:48]), bytes(both[48:]))

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=60), st.binary(max_size=80))
    def test_any_bytes_are_refused_with_the_one_error(self, field: bytes, point: bytes) -> None:
        with pytest.raises(EnvelopeError):
            self.open(field, point)


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
        key = subject.derive_key_iso20(ephemeral.exchange(ec.ECDH(), self.RECEIVER.public_key()))
        field = subject._gcm_seal(key, bytes(12), bytearray(plaintext), self.BOUND_TO)
        return Envelope(field, subject._point(ephemeral.public_key()))

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
            dh_length=dh_length,
        )

    def open(self, sealed: Envelope, dh_length: int = 56) -> x448.X448PrivateKey:
        return subject.open_iso20_x448(
            sealed, self.RECEIVER, associated_data=b"", certificate=self.CERTIFICATE, dh_length=dh_length
        )

    @pytest.mark.parametrize("dh_length", subject.X448_DH_LENGTHS)
    def test_every_length_of_the_dh_key(self, dh_length: int) -> None:
        sealed = self.seal(dh_length)
        assert len(sealed.dh_public_key) == dh_length
        assert len(sealed.encrypted_private_key) == 84
        assert self.open(sealed, dh_length).private_bytes_raw() == b"c" * 56

    def test_another_length_than_agreed(self) -> None:
        refused("dh_public_key", lambda: self.open(self.seal(133)))
        with pytest.raises(ValueError, match="dh_length"):
            self.seal(58)
        with pytest.raises(ValueError, match="dh_length"):
            self.open(self.seal(), 58)

    def test_padding_must_be_zero(self) -> None:
        sealed = self.seal(57)
        dirty = Envelope(sealed.encrypted_private_key, sealed.dh_public_key[:-1] + b"\x01")
        refused("dh_public_key", lambda: self.open(dirty, 57))

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
