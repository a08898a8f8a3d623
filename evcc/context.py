"""What the steps of a session work with, whatever the protocol."""

import asyncio
from dataclasses import dataclass

from evcc.config import Config
from evcc.contracts import Contract, ContractStore
from evcc.errors import InstallationError
from evcc.exchange import Exchange
from evcc.identity import Iso20Identity
from evcc.report import Report
from evcc.vehicle import Vehicle
from v2g.net.clock import Clock
from v2g.trace import Tracer


@dataclass(frozen=True, slots=True)
class Paused:
    """A session that was stopped with the intention to come back: its SessionID, and who it was with.

    ``agreed`` is what the protocol wants to find again.
    """

    session_id: bytes
    protocol: str
    agreed: object = None


@dataclass(slots=True)
class Context:
    """One session on an established connection with the negotiated edition in force.

    ``store`` holds the contracts of this edition. ``resumed`` is the paused session that this one goes on
    with, if any. ``stopping`` is set when the driver wants to leave.
    """

    exchange: Exchange
    vehicle: Vehicle
    store: ContractStore
    config: Config
    clock: Clock
    tracer: Tracer
    report: Report
    stopping: asyncio.Event
    resumed: Paused | None = None
    contract: Contract | None = None
    """The contract that this session is paid with; None for external payment."""

    @property
    def iso20(self) -> Iso20Identity:
        """The car's -20 certificates; only to be asked for in a -20 session."""
        if self.vehicle.iso20 is None:
            raise RuntimeError("a -20 session without the certificates for it")
        return self.vehicle.iso20

    def opened(self, evse_id: str) -> None:
        """Take down that there is a session, and stop the communication set-up timer."""
        self.report.session_id = self.exchange.session_id.hex()
        self.report.evse_id = evse_id
        self.tracer = self.tracer.bind(session=self.report.session_id)
        self.exchange.settled(self.tracer)
        self.tracer.event("session.started")

    def use(self, contract: Contract) -> Contract:
        """Pay with ``contract``, and return it."""
        self.contract = contract
        self.report.emaid = contract.emaid
        self.tracer.event("contract.used", emaid=contract.emaid)
        return contract

    def turned_down(self, error: InstallationError) -> None:
        """Note in the trace that a delivered contract was refused."""
        self.tracer.event("contract.refused", fault=error.fault, rule=error.rule, detail=error.detail)

    def signed(self, message: str, reference: str) -> None:
        """Note in the trace that the car signed ``message`` under the Id ``reference``."""
        self.tracer.event("signature.created", what=message, references=[reference])
