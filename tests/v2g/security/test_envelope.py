"""The envelope of ISO 15118-2 against published values, and against everything that could be wrong with one."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.entropy import SeededEntropy
from tests.v2g.security.material import ISO2, P256_ORDER, Script, certificate_for, key_of, p256, refused
from v2g.errors import EnvelopeError
from v2g.security import envelope as subject
from v2g.security.dialects import DIALECTS, Dialect, Kdf, Padding
from v2g.security.envelope import Envelope


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


class TestDialects:
    """What peers do instead, and that it is refused unless asked for."""

    RECEIVER = p256(0xA11CE)
    SHORT = p256(1 << 239)
    """Its first two bytes are zero."""

    @pytest.mark.parametrize("kdf", [kdf for kdf in Kdf if kdf is not Kdf.CONCATENATION])
    def test_other_ways_to_derive_the_key(self, kdf: Kdf) -> None:
        other = Dialect("other", "", kdf_iso2=kdf)
        certificate = certificate_for(self.SHORT.public_key())
        sealed = subject.seal_iso2(self.SHORT, self.RECEIVER.public_key(), SeededEntropy(1), other)
        opened = subject.open_iso2(sealed, self.RECEIVER, certificate=certificate, dialect=other)
        assert opened.public_key() == self.SHORT.public_key()
        with pytest.raises(EnvelopeError):
            subject.open_iso2(sealed, self.RECEIVER, certificate=certificate)

    def test_known_values_of_wrong_ways(self) -> None:
        secret = bytes.fromhex(ISO2["Z"])
        assert subject.derive_key_iso2(secret, Kdf.NO_OTHER_INFO).hex() == ISO2["wrong_K_no_otherinfo"]
        assert subject.derive_key_iso2(secret, Kdf.Z_COUNTER).hex() == ISO2["wrong_K_x963"]

    @pytest.mark.parametrize("number", [1 << 239, 0xC0FFEE00, P256_ORDER - 1, 3])
    def test_zeros_behind_the_number(self, number: int) -> None:
        rise, key = DIALECTS["rise-v2g"], p256(number)
        certificate = certificate_for(key.public_key())
        assert rise.padding is Padding.RIGHT
        sealed = subject.seal_iso2(key, self.RECEIVER.public_key(), SeededEntropy(1), rise)
        opened = subject.open_iso2(sealed, self.RECEIVER, certificate=certificate, dialect=rise)
        assert opened.public_key() == key.public_key()
        if number.bit_length() <= 248:
            refused("key_match", lambda: subject.open_iso2(sealed, self.RECEIVER, certificate=certificate))
