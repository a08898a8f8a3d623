"""The kinds of keys, and the X448 form of an Ed448 key."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.entropy import SeededEntropy
from pki.keys import KeyType, new_key, new_signing_key, type_name, x448_private, x448_public


@pytest.mark.parametrize("key_type", KeyType)
def test_new_keys(key_type: KeyType) -> None:
    first, again, other = (new_key(key_type, SeededEntropy(seed)) for seed in (1, 1, 2))
    assert type_name(first) == type_name(first.public_key()) == key_type
    assert first.public_key() == again.public_key()
    assert first.public_key() != other.public_key()


def test_an_edwards_key_fits_an_envelope() -> None:
    key = new_key(KeyType.ED448, SeededEntropy(1))
    assert isinstance(key, ed448.Ed448PrivateKey)
    assert key.private_bytes_raw()[56:] == b"\0"


def test_x448_neither_signs_nor_is_a_curve_of_ecdsa() -> None:
    for call in (lambda: new_signing_key(KeyType.X448, SeededEntropy(1)), lambda: KeyType.ED448.curve):
        with pytest.raises(ValueError, match=r"made by pki\.keys\.new_key"):
            call()
    assert KeyType.ED448.signature_hash is None
    assert isinstance(KeyType.SECP521R1.curve, ec.SECP521R1)


@given(st.binary(min_size=57, max_size=57))
@settings(max_examples=25, deadline=None)
def test_the_two_forms_belong_together(seed: bytes) -> None:
    key = ed448.Ed448PrivateKey.from_private_bytes(seed)
    assert x448_private(key).public_key() == x448_public(key.public_key())


def test_a_secret_agreed_on_with_the_public_form() -> None:
    car = ed448.Ed448PrivateKey.from_private_bytes(bytes(range(57)))
    sender = x448.X448PrivateKey.from_private_bytes(bytes(range(56)))
    mine = sender.exchange(x448_public(car.public_key()))
    assert mine == x448_private(car).exchange(sender.public_key())


@pytest.mark.parametrize("y", [0, 1, 2**448 - 1, 2**448 - 2**224])
def test_points_without_an_x448_form(y: int) -> None:
    key = ed448.Ed448PublicKey.from_public_bytes(y.to_bytes(56, "little") + b"\0")
    if y == 0:
        assert x448_public(key).public_bytes_raw() == bytes(56)
    else:
        with pytest.raises(ValueError, match="not a point"):
            x448_public(key)
