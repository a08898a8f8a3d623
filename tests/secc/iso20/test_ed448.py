"""The alternative suite of -20: Ed448 certificates and signatures, from installation to the receipt."""

from pki.profiles import Edition
from secc.charger import Trust
from secc.iso20 import AC
from secc.iso20.states import State
from tests.secc.iso20 import kit, messages
from tests.secc.iso20.kit import Desk
from tests.secc.iso20.market import market20
from v2g.messages.iso20.common_types import ResponseCode

MARKET = market20(Edition.ISO20_ED448)


def desk() -> Desk:
    charger = kit.make_charger()
    roots = {name: (MARKET.pki[f"{name}_root"].certificate,) for name in ("mo", "v2g", "oem")}
    charger.trust20 = Trust(**roots)
    made = Desk(AC, charger)
    made.ask(messages.setup())
    made.ask(messages.authorization_setup())
    return made


def test_a_session_from_installation_to_receipt() -> None:
    car = desk()
    oem, contract = MARKET.car.provisioning.signer(), MARKET.contract.signer()
    car.ask(MARKET.installation_request(), key=oem, outcome=MARKET.bundles())
    assert car.state is State.AUTHORIZATION
    car.ask(messages.by_contract(car.context.challenge, MARKET.contract_chain()), key=contract)
    for request in (
        messages.discovery(),
        messages.selection(1),
        messages.ac_parameters(),
        messages.schedule(),
        messages.delivery(given=messages.profile()),
    ):
        car.ask(request)
    info = car.ask(messages.ac_loop()).meter_info
    car.ask(messages.confirmation(car.context.session_id, info), key=contract)
    verified = [event["what"] for event in car.sink.of("signature.verified")]
    assert verified == [
        "CertificateInstallationReq",
        "SignedInstallationData",
        "PnC_AReqAuthorizationMode",
        "SignedMeteringData",
    ]


def test_a_signature_of_the_other_suite_is_refused() -> None:
    car = desk()
    request = messages.by_contract(car.context.challenge, MARKET.contract_chain())
    answer = car.send(request, key=market20().contract.signer())
    assert answer.code == ResponseCode.FAILED_SignatureError


def test_a_contract_of_the_other_suite_is_refused() -> None:
    car = desk()
    request = messages.by_contract(car.context.challenge)
    answer = car.send(request, key=market20().contract.signer())
    assert answer.code == ResponseCode.WARNING_CertificateValidationError
