"""Sales tariffs of ISO 15118-2: whether they are genuine, and what they say about prices.

The mobility operator's sub-CA 2, which issued the contract, signs them. Tariffs that nobody vouches for are not
looked at; the car then charges by the schedules alone [V2G2-906].
"""

from collections.abc import Sequence

from evcc.classic.schedules import steps_of
from evcc.context import Context
from evcc.staircase import Staircase
from pki.chain import public_key
from pki.errors import CertificateError
from v2g.errors import SignatureError
from v2g.messages import iso2
from v2g.security.signature import verify_sales_tariffs

_WHAT = "SalesTariff"
_DAY_S = 86_400.0


def genuine(context: Context, offered: Sequence[iso2.SAScheduleTuple]) -> bool:
    """Whether there are tariffs, signed by the issuer of the contract that this session is paid with."""
    tariffs = [found.sales_tariff for found in offered if found.sales_tariff is not None]
    contract = context.contract
    if not tariffs or contract is None or not contract.sub_certificates:
        return False
    try:
        verify_sales_tariffs(context.exchange.signature, tariffs, public_key(contract.sub_certificates[0]))
    except (SignatureError, CertificateError) as error:
        context.tracer.event("signature.failed", what=_WHAT, reason=str(error))
        return False
    context.tracer.event("signature.verified", what=_WHAT, references=[tariff.id for tariff in tariffs])
    return True


def prices(tariff: iso2.SalesTariff) -> Staircase[float] | None:
    """Return the price level over time, 1 the cheapest; None for a tariff without levels.

    Raises :class:`evcc.errors.ProtocolViolationError` for entries that are not in order.
    """
    levels = [entry.e_price_level for entry in tariff.sales_tariff_entry]
    if None in levels:
        return None
    entries = [(entry.time_interval, float(entry.e_price_level or 0)) for entry in tariff.sales_tariff_entry]
    steps = steps_of(entries, iso2.RelativeTimeInterval)
    return Staircase(tuple(start for start, _ in steps), tuple(level for _, level in steps), _DAY_S)
