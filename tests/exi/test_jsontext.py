import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.codec import decode_item
from exi.jsontext import dump, item_from_json
from exi.registry import message_sets
from exi.schema import Item, MessageSet
from tests.exi import small
from tests.exi.strategies import documents, fragments
from tests.exi.vectors import VECTORS
from v2g.messages import appprotocol, iso2, iso20, xmldsig
from v2g.messages.iso20 import common_messages

SETS = {schema.namespace: schema for schema in message_sets().values()}
BODY = "urn:iso:15118:2:2013:MsgBody"
TYPES = "urn:iso:15118:2:2013:MsgDataTypes"
DS = xmldsig.NAMESPACE


def wrong(value: object) -> Any:
    """Let a value of the wrong type pass the type checker."""
    return value


def test_reading_undoes_writing_for_all_vectors() -> None:
    for vector in VECTORS:
        schema = SETS[vector.schema]
        message: Any
        if vector.kind == "document":
            message = exi.decode(vector.exi, schema)
            read = exi.from_json(exi.to_json(message, schema), schema)
            assert exi.encode(read, schema) == vector.exi, vector.name
        else:
            message = decode_item(vector.exi, schema)
            read = item_from_json(exi.to_json(message, schema, indent=2), schema)
            assert exi.encode_fragment(read, schema) == vector.exi, vector.name
        assert read == message, vector.name


@settings(deadline=None, max_examples=50)
@given(st.data())
@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_reading_undoes_writing(schema: MessageSet, data: st.DataObject) -> None:
    message = data.draw(documents(schema))
    for indent in (None, 2):
        assert exi.from_json(exi.to_json(message, schema, indent=indent), schema) == message
    item = data.draw(fragments(schema))
    assert item_from_json(exi.to_json(item, schema), schema) == item


def test_names_are_those_of_the_standard() -> None:
    message = iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=bytes.fromhex("3f0a71c25bd4e896")),
        body=iso2.Body(
            body_element=iso2.ServiceDetailRes(
                response_code=iso2.ResponseCode.OK,
                service_id=2,
                service_parameter_list=iso2.ServiceParameterList(
                    parameter_set=[
                        iso2.ParameterSet(
                            parameter_set_id=1,
                            parameter=[
                                iso2.Parameter(name="a", bool_value=True),
                                iso2.Parameter(name="b", byte_value=-1),
                                iso2.Parameter(name="c", string_value=""),
                            ],
                        )
                    ]
                ),
            )
        ),
    )
    parameters = [
        {"@Name": "a", "boolValue": True},
        {"@Name": "b", "byteValue": -1},
        {"@Name": "c", "stringValue": ""},
    ]
    assert json.loads(exi.to_json(message, iso2.SCHEMA)) == {
        "V2G_Message": {
            "Header": {"SessionID": "3F0A71C25BD4E896"},
            "Body": {
                "ServiceDetailRes": {
                    "ResponseCode": "OK",
                    "ServiceID": 2,
                    "ServiceParameterList": {
                        "ParameterSet": [{"ParameterSetID": 1, "Parameter": parameters}]
                    },
                }
            },
        }
    }


def test_text_beside_attributes_has_a_key_of_its_own() -> None:
    emaid = iso2.EMAID(id="id1", value="DE1ABCD2EF357A")
    text = exi.to_json(emaid, iso2.SCHEMA)
    assert json.loads(text) == {"eMAID": {"@Id": "id1", "#text": "DE1ABCD2EF357A"}}
    assert exi.from_json(text, iso2.SCHEMA) == emaid
    assert exi.from_json('{"eMAID": "DE1ABCD2EF357A"}', iso2.SCHEMA) == Item("eMAID", BODY, "DE1ABCD2EF357A")


def test_integers_are_numbers_however_large() -> None:
    serial = iso2.ListOfRootCertificateIDs(
        root_certificate_id=[xmldsig.X509IssuerSerial(x509_issuer_name="CN=a", x509_serial_number=2**159 - 1)]
    )
    text = exi.to_json(serial, iso2.SCHEMA)
    assert f'"X509SerialNumber": {2**159 - 1}' in text
    assert exi.from_json(text, iso2.SCHEMA) == serial


def test_binaries_are_hex_or_base64_as_declared() -> None:
    request = iso2.AuthorizationReq(id="ID1", gen_challenge=bytes(16))
    assert exi.to_json(request, iso2.SCHEMA) == (
        '{"AuthorizationReq": {"@Id": "ID1", "GenChallenge": "AAAAAAAAAAAAAAAAAAAAAA=="}}'
    )
    item = Item("EVCCID", BODY, b"\xab\xcd")
    assert exi.to_json(item, iso2.SCHEMA) == '{"EVCCID": "ABCD"}'
    assert exi.from_json('{"EVCCID": "abcd"}', iso2.SCHEMA) == item


def test_content_is_an_ordered_list() -> None:
    key = xmldsig.KeyInfo(
        content=["a", Item("KeyName", DS, "one"), "b\n", Item("MgmtData", DS, ""), Item("KeyName", DS, "two")]
    )
    text = exi.to_json(key, xmldsig.SCHEMA)
    assert json.loads(text) == {
        "KeyInfo": {"#content": ["a", {"KeyName": "one"}, "b\n", {"MgmtData": ""}, {"KeyName": "two"}]}
    }
    assert exi.from_json(text, xmldsig.SCHEMA) == key
    assert exi.to_json(xmldsig.Object(), xmldsig.SCHEMA) == '{"Object": {}}'


def test_what_a_wildcard_admits() -> None:
    transform = xmldsig.Transform(algorithm="a", content=[Item("SignatureValue", "no such", b"")])
    with pytest.raises(exi.ExiError, match="there is no global element"):
        exi.to_json(transform, xmldsig.SCHEMA)
    signature = Item("SignedInfo", DS, None)
    with pytest.raises(exi.ExiError, match="NoneType where SignedInfo belongs at /Object/SignedInfo"):
        exi.to_json(xmldsig.Object(content=[signature]), xmldsig.SCHEMA)


def test_a_name_in_two_namespaces_is_written_with_its_own() -> None:
    text = '{"{urn:iso:15118:2:2013:MsgBody}ServiceID": 1}'
    assert exi.to_json(Item("ServiceID", BODY, 1), iso2.SCHEMA) == text
    assert exi.from_json(text, iso2.SCHEMA) == Item("ServiceID", BODY, 1)
    with pytest.raises(
        exi.ExiError, match=r"ServiceID is declared in urn:.* and urn:.*: write \{namespace\}"
    ):
        exi.from_json('{"ServiceID": 1}', iso2.SCHEMA)
    # Where only one of the two is a root, the plain name is its.
    receipt = exi.to_json(Item("Exponent", "urn:iso:std:iso:15118:-20:CommonTypes", 1), iso20.DC)
    assert receipt == '{"{urn:iso:std:iso:15118:-20:CommonTypes}Exponent": 1}'
    status = exi.decode_fragment(
        exi.encode_fragment(Item("AC_EVSEStatus", TYPES, _ac_status()), iso2.SCHEMA), iso2.SCHEMA
    )
    assert exi.to_json(status, iso2.SCHEMA).startswith('{"AC_EVSEStatus": ')


def _ac_status() -> iso2.AC_EVSEStatus:
    return iso2.AC_EVSEStatus(
        notification_max_delay=0, evse_notification=iso2.EVSENotification.None_, rcd=False
    )


def test_nothing_in_the_text_steers_a_terminal() -> None:
    text = dump({"a": "\x1b[31m\x9b31m\u202eabc\u2028\x7f\u20ac"})
    assert text == '{"a": "\\u001b[31m\\u009b31m\\u202eabc\\u2028\\u007f\u20ac"}'
    assert json.loads(text) == {"a": "\x1b[31m\x9b31m\u202eabc\u2028\x7f\u20ac"}


def _message(body: str) -> str:
    return f'{{"V2G_Message": {{"Header": {{"SessionID": "00"}}, "Body": {body}}}}}'


SETUP = "/V2G_Message/Body/SessionSetupReq"


@pytest.mark.parametrize(
    ("text", "reason", "path"),
    [
        ("", "not JSON: Expecting value: line 1 column 1", ""),
        ('{"a": 1,\n}', "not JSON: ", ""),
        ("[" * 100_000, "not JSON that can be read: it nests too deep", ""),
        (f'{{"ServiceID": {"9" * 5000}}}', "not JSON that can be read: a number has too many digits", ""),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice in one object", ""),
        ("[]", "an array where an object with an element's name belongs", ""),
        ("null", "null (leave out what is absent) where an object with an element's name belongs", ""),
        ("{}", "0 keys where the name of one element belongs", ""),
        ('{"EVCCID": "00", "X": 1}', "2 keys where the name of one element belongs", ""),
        ('{"X": 1}', "iso2 has no element X", ""),
        ('{"{urn:x}EVCCID": 1}', "iso2 has no element {urn:x}EVCCID", ""),
        ('{"{EVCCID": 1}', "iso2 has no element {EVCCID", ""),
        ('{"BodyElement": {}}', "the element or its type is abstract", "/BodyElement"),
        (_message("[]"), "an array where an object belongs", "/V2G_Message/Body"),
        (_message('{"SessionSetupReq": {}}'), "EVCCID is missing", SETUP),
        (_message('{"SessionSetupReq": {"EvccId": "00"}}'), "EvccId does not belong here; perhaps EVCCID is meant", SETUP),
        (_message('{"SessionSetupReq": {"X": "00"}}'), "X does not belong here; EVCCID can be here", SETUP),
        (_message('{"Q": 1}'), "Q does not belong here; AuthorizationReq, AuthorizationRes, BodyElement, CableCheckReq and others can be here", "/V2G_Message/Body"),
        (_message('{"SessionSetupReq": {"EVCCID": 1}}'), "the number 1 where a string belongs", f"{SETUP}/EVCCID"),
        (_message('{"SessionSetupReq": {"EVCCID": null}}'), "null (leave out what is absent) where a string belongs", f"{SETUP}/EVCCID"),
        (_message('{"SessionSetupReq": {"EVCCID": "0"}}'), "'0' is no base16 text", f"{SETUP}/EVCCID"),
        (_message('{"SessionSetupReq": {"EVCCID": "00000000000000"}}'), "length 7 is above the maximum 6", f"{SETUP}/EVCCID"),
        (_message('{"SessionStopReq": {"ChargingSession": "x"}}'), "'x' is no enumeration", "/V2G_Message/Body/SessionStopReq/ChargingSession"),
        (_message('{"SessionStopReq": {"ChargingSession": "Pause"}, "AuthorizationReq": {}}'), "AuthorizationReq and SessionStopReq exclude each other", "/V2G_Message/Body"),
        (_message('{"ServiceDetailReq": {"ServiceID": true}}'), "true where an integer belongs", "/V2G_Message/Body/ServiceDetailReq/ServiceID"),
        (_message('{"ServiceDetailReq": {"ServiceID": 1.0}}'), "the number 1.0 where an integer belongs", "/V2G_Message/Body/ServiceDetailReq/ServiceID"),
        (_message('{"ServiceDetailReq": {"ServiceID": NaN}}'), "the number nan where an integer belongs", "/V2G_Message/Body/ServiceDetailReq/ServiceID"),
        (_message('{"ServiceDetailReq": {"ServiceID": -1}}'), "-1 is below the minimum 0", "/V2G_Message/Body/ServiceDetailReq/ServiceID"),
        (_message('{"ServiceDetailReq": {"ServiceID": "1"}}'), "a string where an integer belongs", "/V2G_Message/Body/ServiceDetailReq/ServiceID"),
        (_message('{"MeteringReceiptReq": {"@Id": 1}}'), "the number 1 where a string belongs", "/V2G_Message/Body/MeteringReceiptReq/@Id"),
        ('{"ReceiptRequired": 0}', "the number 0 where true or false belongs", "/ReceiptRequired"),
        ('{"Parameter": {"@Name": "a"}}', "boolValue or byteValue or shortValue or intValue or others is missing", "/Parameter"),
        ('{"Parameter": {"@Name": "a", "intValue": 1, "boolValue": true}}', "intValue where its end belongs", "/Parameter"),
        ('{"ParameterSet": {"ParameterSetID": 1, "Parameter": {}}}', "an object where an array belongs", "/ParameterSet/Parameter"),
        ('{"ParameterSet": {"ParameterSetID": 1, "Parameter": []}}', "Parameter is missing", "/ParameterSet"),
        ('{"SubCertificates": {"Certificate": ["", "", "!"]}}', "'!' is no base64 text", "/SubCertificates/Certificate[3]"),
        ('{"SubCertificates": {"Certificate": ["", "", "", "", ""]}}', "Certificate[5] where its end belongs", "/SubCertificates"),
        ('{"eMAID": {"@Id": "a"}}', "its text is missing", "/eMAID"),
        ('{"eMAID": {"@Id": "a", "#text": 1}}', "the number 1 where a string belongs", "/eMAID/#text"),
        ('{"eMAID": {"@Id": "\\ud800", "#text": "DE1ABCD2EF357A"}}', "a lone surrogate is not a character", "/eMAID/@Id"),
        ('{"KeyInfo": {"#content": {}}}', "an object where an array belongs", "/KeyInfo/#content"),
        ('{"KeyInfo": {"#content": ["", 1]}}', "the number 1 where an object with an element's name belongs", "/KeyInfo/#content[2]"),
        ('{"KeyInfo": {"#content": [{"KeyName": []}]}}', "an array where a string belongs", "/KeyInfo/#content[1]/KeyName"),
        ('{"KeyValue": {"#content": [{"KeyName": ""}]}}', "the wildcard admits no element of http://www.w3.org/2000/09/xmldsig#", "/KeyValue/#content[1]"),
        ('{"X509Data": {"#content": [{"KeyName": ""}]}}', "the wildcard admits no element of http://www.w3.org/2000/09/xmldsig#", "/X509Data/#content[1]"),
        ('{"X509Data": {"#content": [""]}}', "text where X509IssuerSerial or X509SKI or X509SubjectName or X509Certificate or others belongs", "/X509Data/#content[1]"),
        ('{"KeyInfo": {"#content": [{"P": ""}]}}', "there is no global element P in http://www.w3.org/2000/09/xmldsig# that a wildcard could admit", "/KeyInfo/#content[1]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(text: str, reason: str, path: str) -> None:
    with pytest.raises(exi.ExiError) as caught:
        exi.from_json(text, iso2.SCHEMA)
    assert caught.value.reason.startswith(reason)
    assert (caught.value.path, caught.value.bit_offset) == (path, None)


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["V2G_Message", "Header", "Body", "SessionID", "#content", "#text", "@Id"]) | st.text(), inner)))  # fmt: skip
def test_any_json_gives_a_message_or_the_one_error(tree: Any) -> None:
    for content in (tree, {"V2G_Message": tree}, {"KeyInfo": tree}, {"eMAID": tree}, {"Signature": tree}):
        with suppress(exi.ExiError):
            message = exi.from_json(json.dumps(content), iso2.SCHEMA)
            assert exi.from_json(exi.to_json(message, iso2.SCHEMA), iso2.SCHEMA) == message


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        (iso2.SessionSetupReq(evcc_id=bytes(7)), "length 7 is above the maximum 6", "/SessionSetupReq/EVCCID"),
        (iso2.AuthorizationReq(id=wrong(1)), "int where a string belongs", "/AuthorizationReq/@Id"),
        (iso2.ListOfRootCertificateIDs(root_certificate_id=[wrong(None)]), "NoneType where RootCertificateID belongs", "/ListOfRootCertificateIDs"),
        (iso2.ListOfRootCertificateIDs(root_certificate_id=wrong(None)), "root_certificate_id is NoneType where a list belongs", "/ListOfRootCertificateIDs"),
        (iso2.ListOfRootCertificateIDs(root_certificate_id=[]), "RootCertificateID is missing", "/ListOfRootCertificateIDs"),
        (iso2.Body(body_element=wrong(appprotocol.SupportedAppProtocolRes(response_code=appprotocol.ResponseCode.Failed_NoNegotiation))), "SupportedAppProtocolRes where ", "/Body"),
        (common_messages.AuthorizationReq, "iso2 has no element of the type", ""),
    ],
)  # fmt: skip
def test_what_no_text_can_be_made_of(value: Any, reason: str, path: str) -> None:
    with pytest.raises(exi.ExiError) as caught:
        exi.to_json(value, iso2.SCHEMA)
    assert caught.value.reason.startswith(reason)
    assert caught.value.path == path


def test_json_nests_no_deeper_than_exi() -> None:
    text = '{"Object": {"#content": [' * 70 + "]}}" * 70
    with pytest.raises(exi.ExiError, match="elements nest deeper than 64"):
        exi.from_json(text, xmldsig.SCHEMA)
    value = xmldsig.Object()
    for _ in range(63):
        value = xmldsig.Object(content=[Item("Object", DS, value)])
    assert exi.from_json(exi.to_json(value, xmldsig.SCHEMA), xmldsig.SCHEMA) == value
    for _ in range(3):
        value = xmldsig.Object(content=[Item("Object", DS, value)])
    with pytest.raises(exi.ExiError, match="elements nest deeper than 64"):
        exi.to_json(value, xmldsig.SCHEMA)


def test_a_list_of_elements_of_several_names() -> None:
    left, right = small.Left(), small.Right()
    holder = small.Holder(head=[left, left, right])
    text = exi.to_json(holder, small.SCHEMA)
    assert text == '{"Holder": {"Left": [{}, {}], "Right": [{}]}}'
    assert exi.from_json(text, small.SCHEMA) == holder
    with pytest.raises(
        exi.ExiError, match="JSON cannot hold Left after an element of another name in one list"
    ):
        exi.to_json(small.Holder(head=[left, right, left]), small.SCHEMA)


def test_repeated_groups() -> None:
    text = '{"Grouped": {"#content": [{"A": "x"}, {"B": 1}, {"A": ""}]}}'
    names: list[Item | str] = [
        Item("A", small.NAMESPACE, "x"),
        Item("B", small.NAMESPACE, 1),
        Item("A", small.NAMESPACE, ""),
    ]
    assert exi.from_json(text, small.SCHEMA) == small.Grouped(content=names)
    assert exi.to_json(small.Grouped(content=names), small.SCHEMA) == text
    for wrong_text, reason in (
        ('{"Grouped": {"#content": [{"B": 1}]}}', "B where A belongs at /Grouped/#content[1]"),
        ('{"Grouped": {"#content": ["x"]}}', "text where A belongs at /Grouped/#content[1]"),
        ('{"Grouped": {}}', "A is missing at /Grouped"),
    ):
        with pytest.raises(exi.ExiError) as caught:
            exi.from_json(wrong_text, small.SCHEMA)
        assert str(caught.value) == reason
