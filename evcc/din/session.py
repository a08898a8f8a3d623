"""The DIN 70121 session of a DC car; :meth:`Session.run` reads like the sequence diagram.

The driver identifies himself at the charger; there is neither TLS nor a contract. Any error ends the session at
once, as in ISO 15118-2.
"""

from dataclasses import dataclass, field

from evcc.classic.charging import Charging
from evcc.classic.dc import DcTransfer
from evcc.context import Context
from evcc.din.charging import DinSpeech
from evcc.errors import NotOfferedError, ProtocolViolationError
from evcc.ongoing import until_finished
from v2g.messages import din
from v2g.messages.din import EVRequestedEnergyTransfer, PaymentOption, ResponseCode

_MODES = {
    "DC_core": EVRequestedEnergyTransfer.DC_core,
    "DC_extended": EVRequestedEnergyTransfer.DC_extended,
    "DC_combo_core": EVRequestedEnergyTransfer.DC_combo_core,
    "DC_dual": EVRequestedEnergyTransfer.DC_extended,
    "AC_core1p_DC_extended": EVRequestedEnergyTransfer.DC_extended,
    "AC_single_DC_core": EVRequestedEnergyTransfer.DC_core,
    "AC_single_phase_three_phase_core_DC_extended": EVRequestedEnergyTransfer.DC_extended,
    "AC_core3p_DC_extended": EVRequestedEnergyTransfer.DC_extended,
}
"""What a DC car asks for at an outlet of each energy transfer type."""


@dataclass(slots=True)
class Session:
    """One session on an established connection with the DIN schema in force."""

    context: Context
    _offer: din.ServiceDiscoveryRes = field(init=False)

    async def run(self) -> None:
        """Go through the whole session; raises what ended it early."""
        await self.session_setup()
        await self.service_discovery()
        await self.service_payment_selection()
        await self.contract_authentication()
        await self.charging().run()
        await self.session_stop()

    async def session_setup(self) -> None:
        """Introduce the car and take the new SessionID."""
        request = din.SessionSetupReq(evcc_id=self.context.vehicle.evccid.mac)
        response = await self.context.exchange.open(request, din.SessionSetupRes)
        if response.response_code is ResponseCode.OK_OldSessionJoined:
            raise ProtocolViolationError("SessionSetupRes", "it joins a session that the car does not have")
        self.context.opened(_text(response.evse_id))

    async def service_discovery(self) -> None:
        """Ask what the charger offers: DC, and external payment."""
        self._offer = await self.context.exchange.ask(din.ServiceDiscoveryReq(), din.ServiceDiscoveryRes)
        options = self._offer.payment_options.payment_option
        if PaymentOption.ExternalPayment not in options:
            raise NotOfferedError("external payment", ", ".join(options))
        self.context.report.payment = PaymentOption.ExternalPayment
        self.context.report.energy_transfer_mode = self._mode()

    async def service_payment_selection(self) -> None:
        """Select charging, and external payment."""
        service = din.SelectedService(service_id=self._offer.charge_service.service_tag.service_id)
        request = din.ServicePaymentSelectionReq(
            selected_payment_option=PaymentOption.ExternalPayment,
            selected_service_list=din.SelectedServiceList(selected_service=[service]),
        )
        await self.context.exchange.ask(request, din.ServicePaymentSelectionRes)

    async def contract_authentication(self) -> None:
        """Wait until the driver has identified himself at the charger."""
        request = din.ContractAuthenticationReq()
        await until_finished(self.context, request, din.ContractAuthenticationRes)

    def charging(self) -> Charging:
        """Return the charging part of the session."""
        context, inlet = self.context, self.context.vehicle.dc
        if inlet is None:
            raise RuntimeError("a DIN session of a car without a DC inlet")
        return Charging(context, DinSpeech(context, self._mode()), DcTransfer(context, din, inlet))

    async def session_stop(self) -> None:
        """Say goodbye."""
        await self.context.exchange.ask(din.SessionStop(), din.SessionStopRes)

    def _mode(self) -> EVRequestedEnergyTransfer:
        """Return the energy transfer type to ask for."""
        offered = str(self._offer.charge_service.energy_transfer_type)
        if offered not in _MODES:
            raise NotOfferedError("DC charging", offered)
        return _MODES[offered]


def _text(evse_id: bytes) -> str:
    """Return an EVSEID as text where it is that, else in hex."""
    text = evse_id.decode("ascii", errors="replace")
    return text if text.isprintable() and text.isascii() else evse_id.hex()
