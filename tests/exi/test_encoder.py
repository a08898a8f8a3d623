from typing import Any

import pytest

from exi.decoder import Decoder
from exi.encoder import Encoder
from exi.errors import ExiError
from exi.schema import Item, XsdType
from exi.tables import tables_of
from v2g.messages import appprotocol, iso2, xmldsig

ISO2 = Encoder(tables_of(iso2.SCHEMA))
SAP = Encoder(tables_of(appprotocol.SCHEMA))
DSIG = Encoder(tables_of(xmldsig.SCHEMA))


def wrong(value: Any) -> Any:
    """Hide a value's type from the type checker."""
    return value


def message(body: Any, **header: Any) -> iso2.V2G_Message:
    fields = {"session_id": bytes(8)} | header
    return iso2.V2G_Message(header=iso2.MessageHeader(**fields), body=iso2.Body(body_element=body))


def amount(value: Any = 1, multiplier: Any = 0, unit: Any = iso2.UnitSymbol.A) -> iso2.PhysicalValue:
    return iso2.PhysicalValue(multiplier=multiplier, unit=unit, value=value)


def tariff(entries: int) -> iso2.SalesTariff:
    entry = iso2.SalesTariffEntry(time_interval=iso2.RelativeTimeInterval(start=0))
    return iso2.SalesTariff(sales_tariff_id=1, sales_tariff_entry=[entry] * entries)


def protocol(**fields: Any) -> appprotocol.SupportedAppProtocolReq:
    known: dict[str, Any] = {
        "protocol_namespace": "urn:x",
        "version_number_major": 1,
        "version_number_minor": 0,
        "schema_id": 1,
        "priority": 1,
    }
    return appprotocol.SupportedAppProtocolReq(app_protocol=[appprotocol.AppProtocol(**known | fields)])


BODY = "/V2G_Message/Body"


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        (message(iso2.SessionSetupReq(evcc_id=bytes(7))), "length 7 is above the maximum 6", f"{BODY}/SessionSetupReq/EVCCID"),
        (message(iso2.SessionSetupReq(evcc_id=wrong("3f0a"))), "str where bytes belong", f"{BODY}/SessionSetupReq/EVCCID"),
        (message(iso2.SessionSetupReq(evcc_id=wrong(None))), "EVCCID is missing", f"{BODY}/SessionSetupReq"),
        (message(None, session_id=None), "SessionID is missing", "/V2G_Message/Header"),
        (message(amount()), "PhysicalValue where AuthorizationReq or AuthorizationRes or CableCheckReq or CableCheckRes or others belongs", BODY),
        (message(iso2.BodyBase()), "BodyBase where AuthorizationReq or AuthorizationRes or CableCheckReq or CableCheckRes or others belongs", BODY),
        (message(iso2.AuthorizationReq(gen_challenge=bytes(15))), "length 15 is below the minimum 16", f"{BODY}/AuthorizationReq/GenChallenge"),
        (message(iso2.AuthorizationReq(id=wrong(5))), "int where a string belongs", f"{BODY}/AuthorizationReq/@Id"),
        (message(iso2.AuthorizationReq(id="\ud800")), "a lone surrogate is not a character", f"{BODY}/AuthorizationReq/@Id"),
        (message(iso2.SessionStopReq(charging_session=wrong("Halt"))), "'Halt' is not a value of ChargingSession", f"{BODY}/SessionStopReq/ChargingSession"),
        (message(iso2.SessionStopReq(charging_session=wrong([]))), "[] is not a value of ChargingSession", f"{BODY}/SessionStopReq/ChargingSession"),
        (message(iso2.ServiceDetailReq(service_id=65536)), "65536 is above the maximum 65535", f"{BODY}/ServiceDetailReq/ServiceID"),
        (message(iso2.ServiceDetailReq(service_id=-1)), "-1 is below the minimum 0", f"{BODY}/ServiceDetailReq/ServiceID"),
        (message(iso2.ServiceDetailReq(service_id=wrong(1.0))), "float where an integer belongs", f"{BODY}/ServiceDetailReq/ServiceID"),
        (message(iso2.ServiceDetailReq(service_id=10**5000)), "an integer longer than 4102 bits", f"{BODY}/ServiceDetailReq/ServiceID"),
        (protocol(priority=0), "0 is below the minimum 1", "/supportedAppProtocolReq/AppProtocol[1]/Priority"),
        (protocol(priority=False), "0 is below the minimum 1", "/supportedAppProtocolReq/AppProtocol[1]/Priority"),
        (protocol(priority=21), "21 is above the maximum 20", "/supportedAppProtocolReq/AppProtocol[1]/Priority"),
        (protocol(protocol_namespace="x" * 101), "length 101 is above the maximum 100", "/supportedAppProtocolReq/AppProtocol[1]/ProtocolNamespace"),
        (appprotocol.SupportedAppProtocolReq(app_protocol=[]), "AppProtocol is missing", "/supportedAppProtocolReq"),
        (appprotocol.SupportedAppProtocolReq(app_protocol=wrong(None)), "app_protocol is NoneType where a list belongs", "/supportedAppProtocolReq"),
        (appprotocol.SupportedAppProtocolReq(app_protocol=protocol().app_protocol * 21), "AppProtocol where its end belongs", "/supportedAppProtocolReq"),
        (appprotocol.SupportedAppProtocolReq(app_protocol=[wrong(None)]), "NoneType where AppProtocol belongs", "/supportedAppProtocolReq"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_path(value: XsdType, reason: str, path: str) -> None:
    encoder = SAP if isinstance(value, appprotocol.SupportedAppProtocolReq) else ISO2
    with pytest.raises(ExiError) as caught:
        encoder.encode_document(value)
    assert (caught.value.reason, caught.value.path, caught.value.bit_offset) == (reason, path, None)


def test_an_empty_bytearray_is_written_like_empty_bytes() -> None:
    chains = [iso2.CertificateChain(certificate=empty) for empty in (b"", wrong(bytearray()))]
    first, second = (ISO2.encode_fragment(chain, "ContractSignatureCertChain") for chain in chains)
    assert first == second


def test_a_root_of_another_set_is_refused() -> None:
    with pytest.raises(ExiError, match="AppProtocol is not the type of a global element of iso2"):
        ISO2.encode_document(protocol().app_protocol[0])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (iso2.Parameter(name="p"), "boolValue or byteValue or shortValue or intValue or others is missing"),
        (iso2.Parameter(name="p", bool_value=True, int_value=3), "int where its end belongs"),
        (iso2.Parameter(name="p", bool_value=wrong(1)), "int where a boolean belongs"),
        (iso2.Parameter(name=wrong(None), bool_value=True), "bool where @Name belongs"),
    ],
)
def test_exactly_one_alternative_of_a_choice(value: iso2.Parameter, reason: str) -> None:
    with pytest.raises(ExiError) as caught:
        ISO2.encode_fragment(value)
    assert caught.value.reason == reason
    assert caught.value.path.startswith("/Parameter")


def test_lists_are_bounded_exactly() -> None:
    assert ISO2.encode_fragment(tariff(1024))
    with pytest.raises(ExiError, match="SalesTariffEntry where its end belongs"):
        ISO2.encode_fragment(tariff(1025))
    with pytest.raises(ExiError, match="SalesTariffEntry is missing"):
        ISO2.encode_fragment(tariff(0))


def test_a_subclass_does_not_stand_for_its_base() -> None:
    """ChargeService extends Service; without xsi:type the receiver could not tell."""
    modes = iso2.SupportedEnergyTransferMode(energy_transfer_mode=[iso2.EnergyTransferMode.DC_core])
    charge = iso2.ChargeService(
        service_id=1,
        service_category=iso2.ServiceCategory.EVCharging,
        free_service=True,
        supported_energy_transfer_mode=modes,
    )
    with pytest.raises(ExiError) as caught:
        ISO2.encode_fragment(iso2.ServiceList(service=[charge]))
    assert caught.value.reason == "ChargeService where Service belongs"


DS = xmldsig.NAMESPACE


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (xmldsig.KeyInfo(id="k"), "KeyName or KeyValue or RetrievalMethod or X509Data or others is missing"),
        (xmldsig.KeyInfo(id="k", content=wrong([1])), "int where KeyName or KeyValue or RetrievalMethod or X509Data or others belongs"),
        (xmldsig.KeyInfo(content=[Item("Nothing", DS, None)]), f"there is no global element Nothing in {DS} that a wildcard could admit"),
        (xmldsig.KeyInfo(content=[Item("Object", DS, xmldsig.Object())]), f"the wildcard admits no element of {DS}"),
        (xmldsig.X509Data(content=["text"]), "text where X509IssuerSerial or X509SKI or X509SubjectName or X509Certificate or others belongs"),
        (xmldsig.DSAKeyValue(content=[Item("P", DS, b"1"), Item("Y", DS, b"2")]), "Y where Q belongs"),
    ],
)  # fmt: skip
def test_content_models(value: XsdType, reason: str) -> None:
    with pytest.raises(ExiError) as caught:
        DSIG.encode_fragment(value)
    assert caught.value.reason == reason


def test_what_is_equal_to_a_value_is_as_good() -> None:
    """Enumerations take their text, integers a bool, binaries a bytearray, lists a tuple."""
    text: Any = "Terminate"
    assert ISO2.encode_document(message(iso2.SessionStopReq(charging_session=text))) == ISO2.encode_document(
        message(iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate))
    )
    data: Any = bytearray(8)
    assert ISO2.encode_document(message(None, session_id=data)) == ISO2.encode_document(message(None))
    items: Any = tuple(protocol().app_protocol)
    assert SAP.encode_document(
        appprotocol.SupportedAppProtocolReq(app_protocol=items)
    ) == SAP.encode_document(protocol())
    assert SAP.encode_document(protocol(schema_id=True)) == SAP.encode_document(protocol(schema_id=1))


def test_empty_values_are_the_end_of_the_element() -> None:
    empty = ISO2.encode_document(message(None, session_id=b""))
    assert f"{int.from_bytes(empty, 'big'):b}"[15:].startswith("0" + "0" + "1000")
    emaid = iso2.EMAID(id="i", value="")
    with pytest.raises(ExiError, match="length 0 is below the minimum 14"):
        ISO2.encode_fragment(
            iso2.PaymentDetailsReq(
                emaid="", contract_signature_cert_chain=iso2.CertificateChain(certificate=b"")
            )
        )
    with pytest.raises(ExiError, match="length 0 is below the minimum 14"):
        ISO2.encode_fragment(emaid)


def test_the_content_of_an_element_with_attributes_may_be_empty() -> None:
    key = iso2.ContractSignatureEncryptedPrivateKey(id="id2", value=b"")
    assert Decoder(tables_of(iso2.SCHEMA)).decode_fragment(ISO2.encode_fragment(key)).value == key


def test_element_fragment_grammar_checks_like_any_other() -> None:
    with pytest.raises(ExiError) as caught:
        ISO2.encode_fragment(iso2.EMAID(id=wrong(None), value="DE1ABCD2EF357A"))
    assert (caught.value.reason, caught.value.path) == ("NoneType where a string belongs", "/eMAID/@Id")
