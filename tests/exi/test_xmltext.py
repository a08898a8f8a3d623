import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.registry import message_sets
from exi.schema import Item, MessageSet
from exi.xmltext import item_from_xml
from tests.exi.strategies import documents, fragments
from tests.exi.test_encoder import wrong
from v2g.messages import iso2, xmldsig

SETS = list(message_sets().values())
BODY = "urn:iso:15118:2:2013:MsgBody"
TYPES = "urn:iso:15118:2:2013:MsgDataTypes"
DS = xmldsig.NAMESPACE


@settings(deadline=None, max_examples=50)
@given(st.data())
@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_reading_undoes_writing(schema: MessageSet, data: st.DataObject) -> None:
    message = data.draw(documents(schema, xml=True))
    for indent in (None, 2):
        assert exi.from_xml(exi.to_xml(message, schema, indent=indent), schema) == message
    item = data.draw(fragments(schema, xml=True))
    assert item_from_xml(exi.to_xml(item, schema), schema) == item


def test_prefixes_are_those_of_the_modules() -> None:
    request = iso2.AuthorizationReq(id="ID1", gen_challenge=bytes(16))
    assert exi.to_xml(request, iso2.SCHEMA, indent=1) == (
        f'<v2gci_b:AuthorizationReq xmlns:v2gci_b="{BODY}" v2gci_b:Id="ID1">\n'
        " <v2gci_b:GenChallenge>AAAAAAAAAAAAAAAAAAAAAA==</v2gci_b:GenChallenge>\n"
        "</v2gci_b:AuthorizationReq>"
    )


def test_a_fragment_of_simple_type_is_an_item() -> None:
    item = Item("EVCCID", BODY, bytes.fromhex("3f0a71c25bd4"))
    text = exi.to_xml(item, iso2.SCHEMA)
    assert text == f'<v2gci_b:EVCCID xmlns:v2gci_b="{BODY}">3F0A71C25BD4</v2gci_b:EVCCID>'
    assert exi.from_xml(text, iso2.SCHEMA) == item
    assert exi.decode_fragment(exi.encode_fragment(item, iso2.SCHEMA), iso2.SCHEMA) == item.value


def test_an_element_with_two_types_is_read_by_its_attributes() -> None:
    plain = exi.from_xml(f'<eMAID xmlns="{BODY}">DE1ABCD2EF357A</eMAID>', iso2.SCHEMA)
    assert plain == Item("eMAID", BODY, "DE1ABCD2EF357A")
    text = f'<b:eMAID xmlns:b="{BODY}" xmlns:t="{TYPES}" t:Id="id4">DE1ABCD2EF357A</b:eMAID>'
    assert exi.from_xml(text, iso2.SCHEMA) == iso2.EMAID(id="id4", value="DE1ABCD2EF357A")


def test_lexical_forms() -> None:
    """White space around values collapses, base64 may be broken, hex may be small, booleans may be digits."""
    text = f"""<MeterInfo xmlns="{BODY}" xmlns:t="{TYPES}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:schemaLocation="a b"><!-- a comment -->
        <t:MeterID> M 1 </t:MeterID><t:MeterReading> +12 </t:MeterReading>
        <t:SigMeterReading>AQ ID
        BA==</t:SigMeterReading></MeterInfo>"""
    assert exi.from_xml(text, iso2.SCHEMA) == iso2.MeterInfo(
        meter_id=" M 1 ", meter_reading=12, sig_meter_reading=b"\1\2\3\4"
    )
    parameter = (
        f'<Parameter xmlns="{TYPES}" xmlns:t="{TYPES}" t:Name="p"><boolValue> 1 </boolValue></Parameter>'
    )
    assert exi.from_xml(parameter, iso2.SCHEMA) == iso2.Parameter(name="p", bool_value=True)
    key = '<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">\n <KeyName/>\n tail\n</KeyInfo>'
    assert exi.from_xml(key, xmldsig.SCHEMA) == xmldsig.KeyInfo(
        content=[Item("KeyName", DS, ""), "\n tail\n"]
    )


@pytest.mark.parametrize(
    ("text", "reason", "path"),
    [
        ("<a", "not well-formed XML: ", ""),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "a document type declaration is not allowed", ""),
        ("<a/>", "iso2 has no element a in no namespace", ""),
        (f'<SessionSetupReq xmlns="{BODY}"/>', "EVCCID is missing", "/SessionSetupReq"),
        (f'<SessionSetupReq xmlns="{BODY}" Id="a"/>', "@Id where EVCCID belongs", "/SessionSetupReq"),
        (f'<SessionSetupReq xmlns="{BODY}"><X/></SessionSetupReq>', "X where EVCCID belongs", "/SessionSetupReq"),
        (f'<SessionSetupReq xmlns="{BODY}">text</SessionSetupReq>', "text where EVCCID belongs", "/SessionSetupReq"),
        (f'<EVCCID xmlns="{BODY}">3F0</EVCCID>', "'3F0' is no base16 text", "/EVCCID"),
        (f'<EVCCID xmlns="{BODY}">00000000000000</EVCCID>', "length 7 is above the maximum 6", "/EVCCID"),
        (f'<EVCCID xmlns="{BODY}" a="b">00</EVCCID>', "an element of simple type has no attribute a", "/EVCCID"),
        (f'<EVCCID xmlns="{BODY}"><a/></EVCCID>', "an element of simple type has no children", "/EVCCID"),
        (f'<GenChallenge xmlns="{BODY}">A===</GenChallenge>', "'A===' is no base64 text", "/GenChallenge"),
        (f'<ServiceID xmlns="{BODY}">1.0</ServiceID>', "'1.0' is no unsigned", "/ServiceID"),
        (f'<ServiceID xmlns="{BODY}">\u0661</ServiceID>', "'\u0661' is no unsigned", "/ServiceID"),
        (f'<ServiceID xmlns="{BODY}">{"9" * 5000}</ServiceID>', f"'{'9' * 79} is no unsigned", "/ServiceID"),
        (f'<ChargeProgress xmlns="{BODY}">start</ChargeProgress>', "'start' is no enumeration", "/ChargeProgress"),
        (f'<ReceiptRequired xmlns="{BODY}">yes</ReceiptRequired>', "'yes' is no boolean", "/ReceiptRequired"),
        (f'<BodyElement xmlns="{BODY}"/>', "the element or its type is abstract", "/BodyElement"),
        (f'<eMAID xmlns="{BODY}">short</eMAID>', "length 5 is below the minimum 14", "/eMAID"),
        (f'<Reference xmlns="{DS}"><DigestMethod Algorithm=""/><DigestValue>!</DigestValue></Reference>', "'!' is no base64 text", "/Reference/DigestValue"),
        (f'<Transforms xmlns="{DS}"><Transform Algorithm=""/><Transform/></Transforms>', "@Algorithm is missing", "/Transforms/Transform[2]"),
        (f'<Object xmlns="{DS}"><a xmlns="b"/></Object>', "there is no global element a in b that a wildcard could admit", "/Object"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_path(text: str, reason: str, path: str) -> None:
    with pytest.raises(exi.ExiError) as caught:
        exi.from_xml(text, iso2.SCHEMA)
    assert caught.value.reason.startswith(reason)
    assert (caught.value.path, caught.value.bit_offset) == (path, None)


def test_xml_nests_no_deeper_than_exi() -> None:
    text = f'<Object xmlns="{DS}">' * 70 + "</Object>" * 70
    with pytest.raises(exi.ExiError, match="elements nest deeper than 64"):
        exi.from_xml(text, xmldsig.SCHEMA)
    value = xmldsig.Object()
    for _ in range(70):
        value = xmldsig.Object(content=[Item("Object", DS, value)])
    with pytest.raises(exi.ExiError, match="elements nest deeper than 64"):
        exi.to_xml(value, xmldsig.SCHEMA)


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        (iso2.SessionSetupReq(evcc_id=bytes(7)), "length 7 is above the maximum 6", "/SessionSetupReq/EVCCID"),
        (iso2.MeterInfo(meter_id="\0"), "XML cannot hold the character U+0000", ""),
        (iso2.ListOfRootCertificateIDs(root_certificate_id=[wrong(None)]), "NoneType where RootCertificateID belongs", "/ListOfRootCertificateIDs"),
        (iso2.ListOfRootCertificateIDs(root_certificate_id=wrong(None)), "root_certificate_id is NoneType where a list belongs", "/ListOfRootCertificateIDs"),
        (iso2.ListOfRootCertificateIDs(root_certificate_id=[]), "RootCertificateID is missing", "/ListOfRootCertificateIDs"),
        (iso2.PMaxScheduleEntry(time_interval=iso2.RelativeTimeInterval(start=0), p_max=wrong(None)), "PMax is missing", "/PMaxScheduleEntry"),
    ],
)  # fmt: skip
def test_what_no_text_can_be_made_of(value: object, reason: str, path: str) -> None:
    with pytest.raises(exi.ExiError) as caught:
        exi.to_xml(value, iso2.SCHEMA)  # type: ignore[arg-type]
    assert (caught.value.reason, caught.value.path) == (reason, path)


def test_an_item_of_a_list_of_enumerations_is_named_by_its_number() -> None:
    modes = [iso2.EnergyTransferMode.AC_single_phase_core, iso2.EnergyTransferMode.DC_core]
    request = iso2.SupportedEnergyTransferMode(energy_transfer_mode=modes)
    service = iso2.ChargeService(
        service_id=1,
        service_category=iso2.ServiceCategory.EVCharging,
        free_service=True,
        supported_energy_transfer_mode=request,
    )
    response = iso2.ServiceDiscoveryRes(
        response_code=iso2.ResponseCode.OK,
        payment_option_list=iso2.PaymentOptionList(payment_option=[iso2.PaymentOption.Contract]),
        charge_service=service,
    )
    message = iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=bytes(8)), body=iso2.Body(body_element=response)
    )
    text = exi.to_xml(message, iso2.SCHEMA)
    with pytest.raises(exi.ExiError) as read:
        exi.from_xml(text.replace("DC_core", "DC_sore"), iso2.SCHEMA)
    assert read.value.path.endswith("/EnergyTransferMode[2]")
    request.energy_transfer_mode[1] = "DC_sore"  # type: ignore[call-overload]
    with pytest.raises(exi.ExiError) as written:
        exi.to_xml(message, iso2.SCHEMA)
    assert written.value.path.endswith("/EnergyTransferMode[2]")
