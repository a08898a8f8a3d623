"""The ISO 15118-2 session of a car, AC or DC; :meth:`Session.run` reads like the sequence diagram.

Any error ends the session at once: the car closes the connection and sends no SessionStopReq, which is
the orderly end of a session that worked. That holds for FAILED responses and expired timers, where the
standard has the car terminate, and equally for answers that the car itself turns down.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from evcc import choice
from evcc.classic.charging import Charging
from evcc.classic.dc import DcTransfer
from evcc.config import Current, Payment
from evcc.context import Context, Paused
from evcc.contracts import Contract
from evcc.errors import InstallationError, NotOfferedError, ProtocolViolationError
from evcc.iso2 import installation, update
from evcc.iso2.ac import PHASES, AcTransfer
from evcc.iso2.charging import Iso2Speech
from evcc.ongoing import until_finished
from evcc.report import Stop
from v2g.errors import ResponseCodeError
from v2g.messages import iso2, xmldsig
from v2g.messages.iso2 import EnergyTransferMode, PaymentOption, ResponseCode
from v2g.security.signature import sign_authorization_req

CERTIFICATE_SERVICE_ID = 2
INTERNET_SERVICE_ID = 3
INSTALLATION_PARAMETER_SET = 1
UPDATE_PARAMETER_SET = 2
AUTHORIZATION_ID = "id1"
_Delivery = TypeVar("_Delivery", iso2.CertificateInstallationRes, iso2.CertificateUpdateRes)


DC_MODES = (
    EnergyTransferMode.DC_extended,
    EnergyTransferMode.DC_combo_core,
    EnergyTransferMode.DC_core,
    EnergyTransferMode.DC_unique,
)
"""The energy transfer modes of a DC car, those it likes best first."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a car that pauses has agreed on, and asks for again when it comes back [V2G2-741]."""

    mode: EnergyTransferMode
    schedule_id: int


@dataclass(slots=True)
class Session:
    """One session on an established connection with the -2 schema in force."""

    context: Context
    _offer: iso2.ServiceDiscoveryRes = field(init=False)
    _mode: EnergyTransferMode = field(init=False)
    _extra: list[iso2.SelectedService] = field(init=False, default_factory=list)
    _agreed: Agreed | None = field(init=False, default=None)

    async def run(self) -> Paused | None:
        """Go through the whole session; return it if it was paused. Raises what ended it early."""
        await self.session_setup()
        await self.service_discovery()
        await self.internet_access()
        if self.context.config.payment is Payment.EXTERNAL:
            await self.payment_service_selection(PaymentOption.ExternalPayment)
            await self.authorization()
        else:
            contract = await self.contract_to_pay_with()
            challenge = await self.payment_details(contract)
            await self.signed_authorization(contract, challenge)
        charging = self.charging()
        stopped_by = await charging.run()
        await self.session_stop(stopped_by)
        if stopped_by is not Stop.PAUSE:
            return None
        context = self.context
        agreed = Agreed(self._mode, charging.schedule.number)
        return Paused(context.exchange.session_id, context.exchange.edition.key, agreed)

    def charging(self) -> Charging:
        """Return the charging part of the session, for the energy transfer mode that suits the car."""
        context, mode, inlet = self.context, self._mode, self.context.vehicle.dc
        transfer = (
            AcTransfer(context, mode) if mode in PHASES or inlet is None else DcTransfer(context, iso2, inlet)
        )
        return Charging(
            context,
            Iso2Speech(context, mode),
            transfer,
            pausable=True,
            renegotiable=True,
            preferred=self._agreed.schedule_id if self._agreed else None,
        )

    async def session_setup(self) -> None:
        """Introduce the car and take the SessionID; one that was paused may be joined again [V2G2-750]."""
        context = self.context
        wanted_id = context.exchange.session_id
        request = iso2.SessionSetupReq(evcc_id=context.vehicle.evccid.mac)
        response = await context.exchange.open(request, iso2.SessionSetupRes)
        joined = response.response_code is ResponseCode.OK_OldSessionJoined
        if joined and (context.resumed is None or context.exchange.session_id != wanted_id):
            raise ProtocolViolationError("SessionSetupRes", "it joins a session that the car does not have")
        context.opened(response.evse_id)
        context.report.resumed = joined
        if joined and context.resumed is not None and isinstance(context.resumed.agreed, Agreed):
            self._agreed = context.resumed.agreed

    async def service_discovery(self) -> None:
        """Ask what the charger offers, and for the payment and power that this session needs."""
        exchange, payment = self.context.exchange, self.context.config.payment
        self._offer = await exchange.ask(iso2.ServiceDiscoveryReq(), iso2.ServiceDiscoveryRes)
        wanted = PaymentOption.ExternalPayment if payment is Payment.EXTERNAL else PaymentOption.Contract
        options = self._offer.payment_option_list.payment_option
        if wanted not in options:
            raise NotOfferedError(f"payment by {wanted}", ", ".join(options))
        self.context.report.payment = wanted
        self._mode = self._energy_transfer_mode()
        self.context.report.energy_transfer_mode = self._mode

    async def internet_access(self) -> None:
        """Look for internet access that the car can use, if it wants any and the charger has it."""
        offered = self._service(INTERNET_SERVICE_ID)
        if offered is None or not self.context.config.internet:
            return
        sets = {
            parameter.string_value: found.parameter_set_id
            for found in await self.service_detail(INTERNET_SERVICE_ID)
            for parameter in found.parameter
            if parameter.name == "Protocol"
        }
        for protocol in ("https", "http"):
            if protocol in sets:
                self._extra.append(
                    iso2.SelectedService(service_id=INTERNET_SERVICE_ID, parameter_set_id=sets[protocol])
                )
                self.context.report.internet = protocol
                return

    async def contract_to_pay_with(self) -> Contract:
        """Select payment by contract; return the contract, updated or installed first if that is due."""
        old = update.due(self.context) if self._service(CERTIFICATE_SERVICE_ID) is not None else None
        if old is not None and UPDATE_PARAMETER_SET in await self.certificate_services():
            await self.payment_service_selection(PaymentOption.Contract, UPDATE_PARAMETER_SET)
            return await self.certificate_update(old)
        contract = self.usable_contract()
        if contract is not None:
            await self.payment_service_selection(PaymentOption.Contract)
            return contract
        offered = await self.certificate_services() if old is None else {INSTALLATION_PARAMETER_SET}
        if INSTALLATION_PARAMETER_SET not in offered:
            raise NotOfferedError("certificate installation", f"parameter sets {sorted(offered)}")
        await self.payment_service_selection(PaymentOption.Contract, INSTALLATION_PARAMETER_SET)
        return await self.certificate_installation()

    def usable_contract(self) -> Contract | None:
        """Return the contract to pay with, or None when a new one is to be installed."""
        installable = self._service(CERTIFICATE_SERVICE_ID) is not None
        contract = choice.usable_contract(self.context, installable=installable)
        if contract is not None:
            return self.context.use(contract)
        if not installable:
            services = self._offer.service_list.service if self._offer.service_list else []
            offered = ", ".join(service.service_category for service in services) or "no further service"
            raise NotOfferedError("certificate installation, and the car has no usable contract", offered)
        return None

    async def service_detail(self, service: int) -> list[iso2.ParameterSet]:
        """Ask what a service can do; return its parameter sets, none where the charger leaves them out."""
        request = iso2.ServiceDetailReq(service_id=service)
        response = await self.context.exchange.ask(request, iso2.ServiceDetailRes)
        if response.service_id != service:
            reason = f"it is about service {response.service_id}, not {service}"
            raise ProtocolViolationError("ServiceDetailRes", reason)
        listed = response.service_parameter_list
        return listed.parameter_set if listed is not None else []

    async def certificate_services(self) -> set[int]:
        """Return the parameter sets of the certificate service; one that names none has those of the standard."""
        sets = {found.parameter_set_id for found in await self.service_detail(CERTIFICATE_SERVICE_ID)}
        return sets or {INSTALLATION_PARAMETER_SET, UPDATE_PARAMETER_SET}

    async def payment_service_selection(self, option: PaymentOption, certificates: int | None = None) -> None:
        """Select charging, the way of payment, and a parameter set of the certificate service if it is needed."""
        selected = [iso2.SelectedService(service_id=self._offer.charge_service.service_id), *self._extra]
        if certificates is not None:
            selected.append(
                iso2.SelectedService(service_id=CERTIFICATE_SERVICE_ID, parameter_set_id=certificates)
            )
        request = iso2.PaymentServiceSelectionReq(
            selected_payment_option=option,
            selected_service_list=iso2.SelectedServiceList(selected_service=selected),
        )
        await self.context.exchange.ask(request, iso2.PaymentServiceSelectionRes)

    async def certificate_installation(self) -> Contract:
        """Ask for a contract, examine what comes, and store it; only then is it used."""
        car = self.context.vehicle
        request, signature = installation.build_request(
            car.provisioning_certificate, car.provisioning_key, car.v2g_roots
        )
        return await self._delivered(
            request, signature, iso2.CertificateInstallationRes, car.provisioning_key
        )

    async def certificate_update(self, old: Contract) -> Contract:
        """Ask for the successor of a contract, examine and store it; it takes the place of the old one."""
        request, signature = installation.build_update(old, self.context.vehicle.v2g_roots)
        try:
            contract = await self._delivered(request, signature, iso2.CertificateUpdateRes, old.ecdsa_key)
        except ResponseCodeError as error:
            update.refused(self.context, old, error)
            raise
        self.context.report.contract_updated = True
        return contract

    async def _delivered(
        self,
        request: iso2.CertificateInstallationReq | iso2.CertificateUpdateReq,
        signature: xmldsig.Signature,
        expected: type[_Delivery],
        key: ec.EllipticCurvePrivateKey,
    ) -> Contract:
        """Send a signed request for a contract; examine the answer, which is sealed for ``key``, and store it."""
        context = self.context
        car, clock, durations = context.vehicle, context.clock, context.report.durations
        context.signed(type(request).__name__, request.id)
        asked_at = clock.monotonic()
        response = await context.exchange.ask(request, expected, signature=signature)
        answered_at = clock.monotonic()
        durations.installation_s = answered_at - asked_at
        try:
            contract = installation.examine(
                response,
                context.exchange.signature,
                key=key,
                roots=car.v2g_roots,
                at=clock.now(),
                check_digit=context.config.check_digit,
                tracer=context.tracer,
            )
        except InstallationError as error:
            context.turned_down(error)
            raise
        contract = choice.keep(context, [contract])
        durations.checking_s = clock.monotonic() - answered_at
        return context.use(contract)

    async def payment_details(self, contract: Contract) -> bytes:
        """Show the contract, and return the challenge that the charger wants signed."""
        request = iso2.PaymentDetailsReq(
            emaid=contract.emaid, contract_signature_cert_chain=installation.chain_of(contract)
        )
        response = await self.context.exchange.ask(request, iso2.PaymentDetailsRes)
        return response.gen_challenge

    async def signed_authorization(self, contract: Contract, challenge: bytes) -> None:
        """Prove that the car holds the contract's key."""
        request = iso2.AuthorizationReq(id=AUTHORIZATION_ID, gen_challenge=challenge)
        signature = sign_authorization_req(request, contract.ecdsa_key)
        self.context.signed("AuthorizationReq", AUTHORIZATION_ID)
        await until_finished(self.context, request, iso2.AuthorizationRes, signature)

    async def authorization(self) -> None:
        """Wait until the driver has identified himself at the charger."""
        await until_finished(self.context, iso2.AuthorizationReq(), iso2.AuthorizationRes)

    async def session_stop(self, stopped_by: Stop) -> None:
        """Say goodbye, or that the car comes back."""
        pauses = stopped_by is Stop.PAUSE
        ending = iso2.ChargingSession.Pause if pauses else iso2.ChargingSession.Terminate
        await self.context.exchange.ask(iso2.SessionStopReq(charging_session=ending), iso2.SessionStopRes)

    def _service(self, service_id: int) -> iso2.Service | None:
        """Return a service besides charging, if the charger has it."""
        services = self._offer.service_list.service if self._offer.service_list else []
        return next((service for service in services if service.service_id == service_id), None)

    def _energy_transfer_mode(self) -> EnergyTransferMode:
        """Return the mode that suits the car best among those on offer; that of a paused session stays."""
        offered = self._offer.charge_service.supported_energy_transfer_mode.energy_transfer_mode
        wanted = [self._agreed.mode] if self._agreed else self._modes()
        for mode in wanted:
            if mode in offered:
                return mode
        raise NotOfferedError(" or ".join(wanted) or "DC charging", ", ".join(offered))

    def _modes(self) -> list[EnergyTransferMode]:
        """Return the modes that the car can use, those it likes best first."""
        car, current = self.context.vehicle, self.context.config.charging.current
        modes = list(DC_MODES) if car.dc is not None and current is not Current.AC else []
        if current is not Current.DC:
            modes += [mode for mode, phases in PHASES.items() if phases <= car.ac.phases]
        return modes
