"""The vehicle register at work."""

import re
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from backend_stub import proofs
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from backend_stub.register import store
from backend_stub.register.interface import MAX_NUMBER_LENGTH, Registered, Registration
from backend_stub.vins import check_vin
from pki.entropy import Entropy
from v2g.identifiers import IdentifierError, Pcid

_SEPARATORS = re.compile(r"[\s·-]+")


class Register:
    """Keeps registrations; of a keeper's document it keeps a hash only."""

    def __init__(self, database: Database, now: Callable[[], datetime], entropy: Entropy) -> None:
        self._database = database
        self._now = now
        self._entropy = entropy

    async def enter(self, number: str, vin: str, pcid: str, keeper: str) -> Registered:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""
        plate = _normal(number)
        if not plate or len(plate) > MAX_NUMBER_LENGTH or not plate.isalnum():
            raise MarketError(
                Code.REQUEST,
                f"{number!r} is no registration number: 1 to {MAX_NUMBER_LENGTH} letters and digits",
            )
        if not keeper.strip():
            raise MarketError(Code.REQUEST, "a car has a keeper")
        try:
            name = str(Pcid.parse(pcid))
        except IdentifierError as error:
            raise MarketError(Code.REQUEST, str(error)) from error
        entry = Registration(plate, check_vin(vin), name, keeper.strip(), self._now())
        document = proofs.new_secret(self._entropy)
        hashed = proofs.digest(name, document)
        try:
            await self._database.write(lambda connection: store.put(connection, entry, hashed))
        except IntegrityError as error:
            raise MarketError(Code.CONFLICT, f"number {plate} or PCID {name} is on another car") from error
        return Registered(entry, document)

    async def by_number(self, number: str) -> Registration | None:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""
        return await self._database.read(lambda connection: store.by_number(connection, _normal(number)))

    async def by_vin(self, vin: str) -> Registration | None:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""
        return await self._database.read(lambda connection: store.by_vin(connection, vin.upper()))

    async def check_document(self, pcid: str, document: str) -> None:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""

        def work(connection: sa.Connection) -> str:
            found = store.document_of(connection, pcid)
            if found is None:
                return f"PCID {pcid} is not in the vehicle register"
            hashed, wrong_tries = found
            if wrong_tries >= proofs.MAX_WRONG_TRIES:
                return "too many wrong tries: the register must issue a new keeper's document"
            if not proofs.fits(pcid, document, hashed):
                store.count_wrong_try(connection, pcid)
                return f"not the reference of the keeper's document for PCID {pcid}"
            return ""

        # The refusal leaves the transaction as a value: raised inside, it would undo the count.
        if problem := await self._database.write(work):
            raise MarketError(Code.ENTITLEMENT, problem)


def _normal(number: str) -> str:
    return _SEPARATORS.sub("", number).upper()
