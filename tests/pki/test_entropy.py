"""Random bytes and keys, repeatable where asked for."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pki.entropy import SeededEntropy, SystemEntropy

CURVES = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())


@given(st.binary(max_size=20), st.lists(st.integers(0, 200), max_size=10))
def test_the_stream_does_not_depend_on_how_it_is_cut(seed: bytes, cuts: list[int]) -> None:
    whole, pieces = SeededEntropy(seed), SeededEntropy(seed)
    assert b"".join(pieces.bytes(cut) for cut in cuts) == whole.bytes(sum(cuts))


def test_known_stream() -> None:
    """The stream is part of what makes a run repeatable elsewhere: it must never change."""
    assert SeededEntropy(7).bytes(16).hex() == "f6fef1f396eaea386940ab9fb464ee5b"


def test_seeds_give_different_streams() -> None:
    seeds: list[int | bytes] = [0, 1, -1, 2**70, b"", b"0", b"1", b"int:1"]
    assert len({SeededEntropy(seed).bytes(16) for seed in seeds}) == len(seeds)


def test_no_negative_count() -> None:
    with pytest.raises(ValueError, match="-1"):
        SeededEntropy(1).bytes(-1)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_seeded_keys_repeat(curve: ec.EllipticCurve) -> None:
    first, again, other = (
        SeededEntropy(1).ec_key(curve),
        SeededEntropy(1).ec_key(curve),
        SeededEntropy(2).ec_key(curve),
    )
    assert first.private_numbers() == again.private_numbers()
    assert first.private_numbers() != other.private_numbers()
    assert first.curve.name == curve.name


def test_successive_keys_differ() -> None:
    entropy = SeededEntropy(1)
    keys = {entropy.ec_key(ec.SECP256R1()).private_numbers().private_value for _ in range(20)}
    assert len(keys) == 20


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_the_systems_entropy(curve: ec.EllipticCurve) -> None:
    entropy = SystemEntropy()
    assert len(entropy.bytes(33)) == 33
    assert entropy.bytes(16) != entropy.bytes(16)
    assert entropy.ec_key(curve).private_numbers() != entropy.ec_key(curve).private_numbers()
