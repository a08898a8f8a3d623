"""The DIN 70121 session of a DC charger as a table."""

from secc.classic.dc import DcSteps
from secc.din import charging, setup
from secc.din.states import WHILE_POWER_FLOWS, State
from secc.din.values import WORDS
from secc.table import Table, To, row
from v2g.messages import din

_STOPPABLE = [state for state in State if state is not State.SESSION_SETUP and state not in WHILE_POWER_FLOWS]
"""Where a car may leave: everywhere but while power flows, which PowerDelivery has to end first."""

TABLE = Table(
    State.SESSION_SETUP,
    (
        row(State.SESSION_SETUP, din.SessionSetupReq, setup.session_setup, State.SERVICE_DISCOVERY),
        row(
            State.SERVICE_DISCOVERY,
            din.ServiceDiscoveryReq,
            setup.service_discovery,
            State.SERVICE_SELECTION,
        ),
        row(
            State.SERVICE_SELECTION,
            din.ServicePaymentSelectionReq,
            setup.service_payment_selection,
            State.AUTHENTICATION,
        ),
        row(
            State.AUTHENTICATION,
            din.ContractAuthenticationReq,
            setup.contract_authentication,
            To(State.AUTHENTICATION, "Ongoing"),
            To(State.CHARGE_PARAMETERS, "Finished"),
        ),
        row(
            State.CHARGE_PARAMETERS,
            din.ChargeParameterDiscoveryReq,
            charging.charge_parameters,
            To(State.CHARGE_PARAMETERS, "Ongoing"),
            To(State.CABLE_CHECK, "Finished"),
        ),
        *DcSteps(WORDS).rows(),
        row(
            State.PRE_CHARGED,
            din.PowerDeliveryReq,
            charging.power_delivery,
            To(State.CURRENT_DEMAND, "ready"),
            To(State.WELDING_DETECTION, "not ready"),
        ),
        row(
            State.CHARGING_DC,
            din.PowerDeliveryReq,
            charging.power_delivery_while_charging,
            To(State.WELDING_DETECTION, "not ready"),
        ),
        *(row(state, din.SessionStop, charging.session_stop, None) for state in _STOPPABLE),
    ),
)
