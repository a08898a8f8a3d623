"""Who the cars and contracts of a seed are: the same names for the same seed, and no name twice.

The keys of the cars follow from the seed, too, but only for who has the key of the CA that certifies them: it
could make itself any car anyway. So cars that nobody wrote down can be put on the road later.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.numbering import DIGITS_AND_CAPITALS, WITHOUT_LOOKALIKES, check_character, draw
from backend_stub.proofs import new_secret
from backend_stub.vins import new_vin
from pki.entropy import SeededEntropy
from pki.issuing import Identity
from pki.profiles import OEM_PROVISIONING
from v2g.identifiers import new_emaid

MAX_CONTRACTS = 8
"""Contracts for one car; over the air a driver may have five."""

_PCID_SERIAL_LENGTH = 14
_INSTANCE_LENGTH = 9
_INSTANCES = len(DIGITS_AND_CAPITALS) ** _INSTANCE_LENGTH
_MACS = 1 << 46
_LOW_BITS = 8 * 5
_UNICAST_AND_LOCAL = 0b10
_LABEL = b"pnclab seeded cars\0"


@dataclass(frozen=True, slots=True)
class Car:
    """What a seeded car is called. ``code`` is its maker's one-time code."""

    pcid: str
    vin: str
    evccid: bytes
    code: str

    def __repr__(self) -> str:
        """Return who the car is: never its code."""
        return f"<Car {self.pcid}>"


class Fleet:
    """The cars of one maker under one seed, by their numbers from 0."""

    def __init__(self, seed: int, wmi: str) -> None:
        self._wmi = wmi
        self._label = b"car\0%d\0%s\0" % (seed, wmi.encode())
        self._macs = _Scatter(SeededEntropy(b"mac\0" + self._label), _MACS)

    def car(self, number: int) -> Car:
        """Return what car ``number`` is called."""
        entropy = SeededEntropy(self._label + b"%d" % number)
        name = self._wmi + draw(entropy, WITHOUT_LOOKALIKES, _PCID_SERIAL_LENGTH)
        pcid = name + check_character(name)
        vin = new_vin(self._wmi, entropy)
        return Car(pcid, vin, self._evccid(number), new_secret(entropy))

    def _evccid(self, number: int) -> bytes:
        drawn = self._macs.place(number)
        first = (drawn >> _LOW_BITS) << 2 | _UNICAST_AND_LOCAL
        return bytes([first]) + (drawn & (1 << _LOW_BITS) - 1).to_bytes(5, "big")


class CarKeys:
    """The private keys of a fleet, made again whenever they are needed; ``maker`` certifies its cars."""

    def __init__(self, seed: int, maker: Identity) -> None:
        number = maker.signing_key().private_numbers().private_value
        secret = hashlib.sha512(_LABEL + number.to_bytes((number.bit_length() + 7) // 8, "big")).digest()
        self._stem = secret + b"%d\0" % seed

    def __repr__(self) -> str:
        """Return nothing that keys follow from."""
        return "<CarKeys>"

    def key(self, number: int) -> ec.EllipticCurvePrivateKey:
        """Return the key of car ``number``."""
        return SeededEntropy(self._stem + b"%d" % number).ec_key(OEM_PROVISIONING.key_type.curve)


class Emaids:
    """The contracts of one mobility operator under one seed."""

    def __init__(self, seed: int, country: str, provider_id: str) -> None:
        self._country = country
        self._provider_id = provider_id
        label = b"emaid\0%d\0%s%s" % (seed, country.encode(), provider_id.encode())
        self._instances = _Scatter(SeededEntropy(label), _INSTANCES)

    def emaid(self, car: int, number: int) -> str:
        """Return the eMAID of contract ``number`` (below :data:`MAX_CONTRACTS`) of a car."""
        drawn = self._instances.place(car * MAX_CONTRACTS + number)
        signs = []
        for _ in range(_INSTANCE_LENGTH):
            drawn, sign = divmod(drawn, len(DIGITS_AND_CAPITALS))
            signs.append(DIGITS_AND_CAPITALS[sign])
        return str(new_emaid(self._country, self._provider_id, "".join(reversed(signs))))


class _Scatter:
    """Numbers spread over ``size`` places, no two at one: a random line, taken modulo ``size``."""

    def __init__(self, entropy: SeededEntropy, size: int) -> None:
        self._size = size
        self._start = int.from_bytes(entropy.bytes(16), "big") % size
        # 1 modulo 6: no factor in common with a size of twos and threes.
        self._step = int.from_bytes(entropy.bytes(16), "big") % size // 6 * 6 + 1

    def place(self, number: int) -> int:
        return (self._start + number * self._step) % self._size
