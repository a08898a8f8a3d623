"""Profiles: what public codecs wrote, and the same results and errors on every engine."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.cli import main
from exi.codec import engine_of, tables_for
from exi.explain import explain
from exi.registry import message_sets, profile_named, profiles
from exi.schema import Item, MessageSet
from exi.tables import tables_of
from exi.verify import Vector, check, read_vectors
from tests.exi import small
from tests.exi.strategies import documents, fragments
from tests.exi.vectors import FOLDER, PROFILE_VECTORS
from tests.fuzz.exi_targets import encode_everywhere, run_kind
from v2g.messages import appprotocol, iso2, xmldsig

SETS = list(message_sets().values())
BY_NAMESPACE = {schema.namespace: schema for schema in SETS}
NAMES = list(profiles())

every_profile = pytest.mark.parametrize("profile", NAMES)
every_set = pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)


@pytest.mark.parametrize("vector", PROFILE_VECTORS, ids=lambda vector: vector.name)
def test_what_the_codec_wrote(vector: Vector) -> None:
    assert check(vector, BY_NAMESPACE[vector.schema]) == []
    run_kind(BY_NAMESPACE[vector.schema], vector.exi, vector.profile, fragment=vector.kind == "fragment")


def test_without_a_profile_the_schema_is_followed() -> None:
    departing = 0
    for line in (FOLDER / "profiles.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        schema, data = BY_NAMESPACE[record["schema"]], bytes.fromhex(record["schema_hex"])
        if record["kind"] == "document":
            assert exi.encode(exi.decode(data, schema), schema) == data
        departing += record["exi_hex"] != record["schema_hex"]
    assert departing > 12


@settings(deadline=None, max_examples=40)
@given(st.data())
@every_profile
@every_set
def test_any_message_on_every_engine(schema: MessageSet, profile: str, data: st.DataObject) -> None:
    fragment = data.draw(st.booleans())
    value = data.draw(fragments(schema) if fragment else documents(schema))
    written, error = encode_everywhere(schema, value, profile, fragment=fragment)
    if error is None:
        run_kind(schema, written, profile, fragment=fragment)
        explained = explain(written, schema, fragment=fragment, profile=profile)
        assert explained.fault is None
        assert sum(piece.width for piece in explained.pieces) == len(written) * 8
    elif fragment:
        assert error.reason


@settings(deadline=None, max_examples=200)
@given(st.data())
@every_profile
def test_changed_bytes_on_every_engine(profile: str, data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(PROFILE_VECTORS))
    stream = bytearray(found.exi)
    for _ in range(data.draw(st.integers(1, 4))):
        bit = data.draw(st.integers(8, len(stream) * 8 - 1))
        stream[bit >> 3] ^= 0x80 >> (bit & 7)
    run_kind(BY_NAMESPACE[found.schema], bytes(stream), profile, fragment=found.kind == "fragment")


def refusal(message: Any, schema: MessageSet, *, fragment: bool = False) -> str:
    """Return what every engine says against a message in the profile of libcbv2g."""
    written, error = encode_everywhere(schema, message, "libcbv2g", fragment=fragment)
    assert written is None
    assert error is not None
    return str(error)


def installation(roots: int) -> iso2.V2G_Message:
    issuers = [
        xmldsig.X509IssuerSerial(x509_issuer_name="CN=r", x509_serial_number=number)
        for number in range(roots)
    ]
    return iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=bytes(8)),
        body=iso2.Body(
            body_element=iso2.CertificateInstallationReq(
                id="i",
                oem_provisioning_cert=b"1",
                list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(root_certificate_id=issuers),
            )
        ),
    )


BODY = "/V2G_Message/Body"


def test_beyond_its_capacity_a_list_is_refused_by_name() -> None:
    assert exi.encode(installation(5), profile="libcbv2g") == exi.encode(installation(5))
    assert refusal(installation(6), iso2.SCHEMA) == (
        f"libcbv2g holds at most 5 RootCertificateID at {BODY}/CertificateInstallationReq"
        "/ListOfRootCertificateIDs/RootCertificateID[6]"
    )
    data = exi.encode(installation(6))
    with pytest.raises(exi.ExiError, match="libcbv2g holds at most 5 RootCertificateID"):
        exi.decode(data, iso2.SCHEMA, profile="libcbv2g")


def test_what_the_c_types_cannot_hold_is_refused() -> None:
    long = appprotocol.AppProtocol(
        protocol_namespace="urn:é", version_number_major=1, version_number_minor=0, schema_id=1, priority=1
    )
    assert "libcbv2g knows ASCII characters only" in refusal(
        appprotocol.SupportedAppProtocolReq(app_protocol=[long]), appprotocol.SCHEMA
    )
    info = Item("SignatureValue", xmldsig.NAMESPACE, xmldsig.SignatureValue(id="x" * 65, value=b"1"))
    assert refusal(info, xmldsig.SCHEMA, fragment=True) == (
        "length 65 is above the maximum 64 at /SignatureValue/@Id"
    )
    huge = installation(1)
    body = huge.body.body_element
    assert isinstance(body, iso2.CertificateInstallationReq)
    body.list_of_root_certificate_ids.root_certificate_id[0].x509_serial_number = 1 << 203
    assert "an integer longer than 203 bits" in refusal(huge, iso2.SCHEMA)


def test_a_body_is_never_empty() -> None:
    empty = iso2.V2G_Message(header=iso2.MessageHeader(session_id=bytes(8)), body=iso2.Body())
    assert refusal(empty, iso2.SCHEMA).endswith(f"is missing at {BODY}")
    with pytest.raises(exi.ExiError, match=r"libcbv2g|before"):
        exi.decode(exi.encode(empty), iso2.SCHEMA, "libcbv2g")


def test_roots_that_it_has_no_function_for_are_refused() -> None:
    chain = iso2.CertificateChain(certificate=b"1")
    assert exi.encode_fragment(chain, iso2.SCHEMA, profile="libcbv2g")
    assert refusal(
        Item("SAProvisioningCertificateChain", "urn:iso:15118:2:2013:MsgBody", chain),
        iso2.SCHEMA,
        fragment=True,
    ) == ("libcbv2g has no fragment SAProvisioningCertificateChain at /SAProvisioningCertificateChain")
    assert "has no document SignedInfo" in refusal(signed_info(), xmldsig.SCHEMA)


def signed_info() -> xmldsig.SignedInfo:
    return xmldsig.SignedInfo(
        canonicalization_method=xmldsig.CanonicalizationMethod(algorithm="a"),
        signature_method=xmldsig.SignatureMethod(algorithm="b"),
        reference=[xmldsig.Reference(digest_method=xmldsig.DigestMethod(algorithm="c"), digest_value=b"1")],
    )


def test_the_escape_is_not_read() -> None:
    message = iso2.V2G_Message(
        header=iso2.MessageHeader(session_id=bytes(8)),
        body=iso2.Body(body_element=iso2.ServiceDiscoveryReq(service_scope="")),
    )
    with pytest.raises(exi.ExiError, match="libcbv2g knows no escape to an empty value"):
        exi.decode(exi.encode(message), iso2.SCHEMA, profile="libcbv2g")
    assert exi.decode(exi.encode(message, profile="libcbv2g"), iso2.SCHEMA) == message


def test_an_unknown_profile_is_told_from_the_installed_ones() -> None:
    with pytest.raises(ValueError, match="there is no profile 'nix'; installed: iso15118-jar, libcbv2g"):
        exi.encode(installation(1), profile="nix")
    with pytest.raises(ValueError, match="there is no profile 'nix'"):
        exi.decode(b"", iso2.SCHEMA, "nix")


def test_a_profile_changes_nothing_else() -> None:
    assert tables_for(iso2.SCHEMA) is tables_of(iso2.SCHEMA)
    assert tables_for(iso2.SCHEMA, "libcbv2g") is tables_of(iso2.SCHEMA, profile_named("libcbv2g"))
    assert engine_of(iso2.SCHEMA) is not engine_of(iso2.SCHEMA, "libcbv2g")
    assert tables_of(small.SCHEMA).refusals[2:] == ()


def test_commands_take_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    found = next(vector for vector in PROFILE_VECTORS if vector.name == "libcbv2g_iso2_emaid")
    arguments = ["--profile", "libcbv2g", "--schema", "iso2", "--fragment"]
    assert main(["decode", *arguments, "--compact", "--hex", found.exi.hex()]) == 0
    assert capsys.readouterr().out.strip() == found.xml
    assert main(["explain", *arguments, "--hex", found.exi.hex()]) == 0
    assert "eMAID" in capsys.readouterr().out
    assert main(["decode", "--profile", "nix", "--hex", "8098"]) == 2
    assert "there is no profile 'nix'" in capsys.readouterr().err


def test_encode_takes_a_profile(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = next(vector for vector in PROFILE_VECTORS if vector.name == "libcbv2g_iso2_emaid")
    file = tmp_path / "emaid.xml"
    file.write_text(found.xml, encoding="utf-8")
    assert main(["encode", "--profile", "libcbv2g", "--fragment", "--schema", "iso2", str(file)]) == 0
    assert capsys.readouterr().out.strip() == found.exi.hex()


def test_info_lists_the_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--profiles"]) == 0
    text = capsys.readouterr().out
    assert all(f"{name}: " in text for name in NAMES)
    assert main(["info", "--profiles", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [profile["name"] for profile in listed] == NAMES
    assert all(change["what"] and change["evidence"] for profile in listed for change in profile["changes"])


def test_vectors_name_their_profile(tmp_path: Any) -> None:
    assert main(["verify", str(FOLDER / "profiles.jsonl")]) == 0
    file = tmp_path / "v.jsonl"
    file.write_text(
        '{"name": "a", "schema": "s", "kind": "document", "xml": "", "exi_hex": "", "profile": "nix"}'
    )
    with pytest.raises(Exception, match="there is no profile 'nix'"):
        list(read_vectors(file))
