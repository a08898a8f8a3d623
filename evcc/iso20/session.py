"""The ISO 15118-20 session of a car, AC or DC; :meth:`Session.run` reads like the sequence diagram.

Any error ends the session at once, as in -2: the car closes the connection and sends no SessionStopReq.
"""

from dataclasses import dataclass, field

from evcc import choice
from evcc.config import Payment
from evcc.context import Context, Paused
from evcc.contracts import Contract
from evcc.errors import NoContractError, NotOfferedError, ProtocolViolationError
from evcc.iso20 import authorization, installation, services
from evcc.iso20.ac import AcTransfer
from evcc.iso20.charging import Charging, Transfer
from evcc.iso20.dc import DcTransfer
from evcc.iso20.parking import check_in, check_out
from evcc.iso20.services import Agreement
from evcc.ongoing import until_finished
from evcc.report import Stop
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ResponseCode
from v2g.protocols import UNSENT
from v2g.services import ServiceId

_TERMINATIONS = {
    Stop.PAUSE: cm.ChargingSession.Pause,
    Stop.SERVICE_RENEGOTIATION: cm.ChargingSession.ServiceRenegotiation,
}


@dataclass(slots=True)
class Session:
    """One session on an established connection with the -20 schemas in force."""

    context: Context
    _setup: cm.AuthorizationSetupRes = field(init=False)
    _offer: cm.ServiceDiscoveryRes = field(init=False)

    async def run(self) -> Paused | None:
        """Go through the whole session; return it if it was paused. Raises what ended it early."""
        checks_in = self.context.config.charging.check_in
        await self.session_setup()
        if checks_in:
            await check_in(self.context)
        await self.authorization_setup()
        contract = await self.contract_to_pay_with()
        await self.authorization(contract)
        stopped_by = Stop.SERVICE_RENEGOTIATION
        while stopped_by is Stop.SERVICE_RENEGOTIATION:
            await self.service_discovery()
            agreement = await self.service_detail()
            await self.service_selection(agreement)
            stopped_by = await self.charge(agreement)
            if checks_in and stopped_by is not Stop.SERVICE_RENEGOTIATION:
                await check_out(self.context)
            await self.session_stop(stopped_by)
        if stopped_by is not Stop.PAUSE:
            return None
        return Paused(self.context.exchange.session_id, self.context.exchange.edition.key)

    async def charge(self, agreement: Agreement) -> Stop:
        """Charge as agreed until there is a reason to stop; return it."""
        transfer = self._transfer(agreement)
        charging = Charging(self.context, agreement, transfer)
        await transfer.charge_parameter_discovery()
        if (stop := await charging.schedule_exchange()) is not None:
            return charging.ended(stop)
        await transfer.connect()
        stopped_by = Stop.RENEGOTIATION
        while stopped_by is Stop.RENEGOTIATION:
            await charging.start()
            stopped_by = await charging.loop()
            if stopped_by is Stop.RENEGOTIATION:
                stopped_by = await charging.renegotiate()
        await charging.stop()
        await transfer.disconnect()
        return charging.ended(stopped_by)

    def _transfer(self, agreement: Agreement) -> Transfer:
        inlet = self.context.vehicle.dc
        if inlet is None or agreement.service not in {ServiceId.DC, ServiceId.DC_BPT}:
            return AcTransfer(self.context, agreement)
        return DcTransfer(self.context, agreement, inlet)

    async def session_setup(self) -> None:
        """Introduce the car and take the SessionID; one that was paused may be joined again."""
        context = self.context
        wanted_id = context.exchange.session_id
        request = cm.SessionSetupReq(header=UNSENT, evcc_id=context.vehicle.evccid_iso20)
        response = await context.exchange.open(request, cm.SessionSetupRes)
        joined = response.response_code is ResponseCode.OK_OldSessionJoined
        if joined and (context.resumed is None or context.exchange.session_id != wanted_id):
            raise ProtocolViolationError("SessionSetupRes", "it joins a session that the car does not have")
        context.opened(response.evse_id)
        context.report.resumed = joined

    async def authorization_setup(self) -> None:
        """Ask how the driver may identify himself, and whether contracts can be installed."""
        request = cm.AuthorizationSetupReq(header=UNSENT)
        self._setup = await self.context.exchange.ask(request, cm.AuthorizationSetupRes)

    async def contract_to_pay_with(self) -> Contract | None:
        """Return the contract, installed now if there is none; None to identify at the charger."""
        if self.context.config.payment is Payment.CONTRACT:
            try:
                contract = await self._usable_or_new_contract()
            except (NotOfferedError, NoContractError):
                if not self._may_identify_instead():
                    raise
            else:
                self.context.report.payment = cm.Authorization.PnC
                return self.context.use(contract)
        self._identify_at_the_charger()
        return None

    async def _usable_or_new_contract(self) -> Contract:
        """Return a stored contract, or one that is installed now.

        Raises :class:`NoContractError` and :class:`NotOfferedError` when there is none to be had.
        """
        setup = self._setup
        ways = ", ".join(setup.authorization_services)
        if cm.Authorization.PnC not in setup.authorization_services:
            raise NotOfferedError("payment by contract", ways)
        installable = setup.certificate_installation_service
        contract = choice.usable_contract(
            self.context, installable=installable, providers=authorization.providers(setup)
        )
        if contract is not None:
            return contract
        if not installable:
            raise NotOfferedError("certificate installation, and the car has no usable contract", ways)
        try:
            return await installation.install(self.context)
        except NoContractError:
            # One that was about to be replaced may still do.
            contract = choice.usable_contract(self.context, installable=False)
            if contract is None:
                raise
            return contract

    def _identify_at_the_charger(self) -> None:
        """Take down that the driver identifies himself, if the charger offers that."""
        ways = self._setup.authorization_services
        if cm.Authorization.EIM not in ways:
            raise NotOfferedError("external payment", ", ".join(ways))
        self.context.report.payment = cm.Authorization.EIM
        self.context.report.emaid = self.context.contract = None

    def _may_identify_instead(self) -> bool:
        """Whether the driver may take the place of a contract that cannot be had, or is not accepted."""
        fallback = self.context.config.contract.fallback_external
        return fallback and cm.Authorization.EIM in self._setup.authorization_services

    async def authorization(self, contract: Contract | None) -> None:
        """Prove that the car holds the contract, or wait for the driver to identify himself.

        A contract that the charger warns of may be followed by the driver, if the configuration says so.
        """
        if contract is not None:
            request, signature = authorization.signed(self.context, contract, self._setup)
            response = await until_finished(self.context, request, cm.AuthorizationRes, signature)
            if not (authorization.refused(response) and self._may_identify_instead()):
                authorization.check(response)
                return
            self._identify_at_the_charger()
        response = await until_finished(self.context, authorization.external(), cm.AuthorizationRes)
        authorization.check(response)

    async def service_discovery(self) -> None:
        """Ask which services the charger has."""
        request = cm.ServiceDiscoveryReq(header=UNSENT)
        self._offer = await self.context.exchange.ask(request, cm.ServiceDiscoveryRes)

    async def service_detail(self) -> Agreement:
        """Look into the services that the car can use; return the first that suits it."""
        context = self.context
        energy = [service.service_id for service in self._offer.energy_transfer_service_list.service]
        for service in services.wanted(context):
            if service not in energy:
                continue
            request = cm.ServiceDetailReq(header=UNSENT, service_id=service)
            response = await context.exchange.ask(request, cm.ServiceDetailRes)
            if response.service_id != service:
                reason = f"it is about {services.named([response.service_id])}, not {service.name}"
                raise ProtocolViolationError("ServiceDetailRes", reason)
            found = services.agreed(context, service, response.service_parameter_list.parameter_set)
            if found is not None:
                return found
        raise NotOfferedError(services.described(context), services.named(energy))

    async def service_selection(self, agreement: Agreement) -> None:
        """Select what was agreed on."""
        request = cm.ServiceSelectionReq(header=UNSENT, selected_energy_transfer_service=agreement.selected)
        await self.context.exchange.ask(request, cm.ServiceSelectionRes)
        report = self.context.report
        report.service, report.control = agreement.service.name, agreement.control
        self.context.tracer.event("service.selected", service=report.service, control=report.control)

    async def session_stop(self, stopped_by: Stop) -> None:
        """Say goodbye, or that the car comes back."""
        ending = _TERMINATIONS.get(stopped_by, cm.ChargingSession.Terminate)
        request = cm.SessionStopReq(header=UNSENT, charging_session=ending)
        await self.context.exchange.ask(request, cm.SessionStopRes)
