"""The message classes against the official XSD files of ISO 15118, DIN SPEC 70121 and the W3C.

The files are not in the repository: the environment variable PNCLAB_XSD_DIR names a folder that holds them, such as
``iso15118/shared/schemas`` of the package ``iso15118`` from PyPI.
"""

import os
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from exi.check_schema import check
from exi.registry import message_sets
from exi.tables import width_of
from exi.xsd import Counts, Folder, XsdError, compare
from tests.exi.xsd.mutations import mutations

DIRECTORY = os.environ.get("PNCLAB_XSD_DIR", "")
SETS = message_sets()

if not DIRECTORY:
    pytest.skip("PNCLAB_XSD_DIR does not name a folder with the official XSD files", allow_module_level=True)

XS = "{http://www.w3.org/2001/XMLSchema}"

# Document codes, fragment codes: established with other codecs, see docs/exi.md.
CODES = {
    "appprotocol": (3, 11),
    "din": (82, 247),
    "iso2": (81, 245),
    "iso20-ac": (43, 156),
    "iso20-acdp": (35, 131),
    "iso20-common": (55, 283),
    "iso20-dc": (49, 151),
    "iso20-wpt": (39, 195),
    "xmldsig": (25, 47),
}

FRAGMENTS = {
    "iso2": {
        "AuthorizationReq": 4,
        "CertificateInstallationReq": 15,
        "CertificateUpdateReq": 17,
        "ContractSignatureCertChain": 33,
        "ContractSignatureEncryptedPrivateKey": 34,
        "DHpublickey": 45,
        "MeteringReceiptReq": 121,
        "SalesTariff": 174,
        "SignedInfo": 208,
        "eMAID": 236,
    },
    "iso20-common": {
        "AbsolutePriceSchedule": 0,
        "CertificateInstallationReq": 27,
        "MeteringConfirmationReq": 119,
        "OEMProvisioningCertificateChain": 128,
        "PnC_AReqAuthorizationMode": 151,
        "SignedInfo": 230,
        "SignedInstallationData": 231,
        "SignedMeteringData": 232,
    },
    "xmldsig": {"SignedInfo": 32},
}
DOCUMENTS = {"iso2": {"V2G_Message": 76}, "din": {"V2G_Message": 77}}

# How much there is to compare in the package iso15118 0.31: a reader that loses sight of something shows here.
COMPARED = {
    "appprotocol": Counts(1, 8, 10, 0, 7, 89, *CODES["appprotocol"]),
    "din": Counts(5, 141, 302, 29, 118, 1642, *CODES["din"]),
    "iso2": Counts(5, 146, 300, 30, 125, 6444, *CODES["iso2"]),
    "iso20-ac": Counts(3, 74, 204, 20, 59, 1829, *CODES["iso20-ac"]),
    "iso20-acdp": Counts(3, 70, 140, 20, 85, 1128, *CODES["iso20-acdp"]),
    "iso20-common": Counts(3, 162, 328, 27, 95, 16844, *CODES["iso20-common"]),
    "iso20-dc": Counts(3, 80, 194, 20, 59, 1453, *CODES["iso20-dc"]),
    "iso20-wpt": Counts(3, 102, 224, 20, 93, 3728, *CODES["iso20-wpt"]),
    "xmldsig": Counts(1, 25, 46, 20, 0, 533, *CODES["xmldsig"]),
}


@cache
def folder() -> Folder:
    return Folder(Path(DIRECTORY))


def test_every_set_is_there_and_equal() -> None:
    report = check(Path(DIRECTORY), SETS)
    assert [str(error) for error in report.errors] == []
    assert {result.schema.name: result.status for result in report.results} == dict.fromkeys(CODES, "equal")
    assert report.exit_code == 0


@pytest.mark.parametrize("name", CODES)
def test_nothing_is_passed_over(name: str) -> None:
    assert compare(SETS[name], folder()).counts == COMPARED[name]


@pytest.mark.parametrize("name", CODES)
def test_event_codes_by_plain_counting(name: str) -> None:
    """Codes are places in a sorted list of names, taken here from the XML text with nothing of ours between."""
    elements: set[tuple[str, str]] = set()
    documents: set[tuple[str, str]] = set()
    for path in compare(SETS[name], folder()).files:
        root = ET.parse(path).getroot()
        namespace = root.attrib["targetNamespace"]
        local = namespace if root.get("elementFormDefault") == "qualified" else ""
        documents |= {(element.attrib["name"], namespace) for element in root.findall(f"{XS}element")}
        for above in root:
            elements |= {
                (element.attrib["name"], local)
                for element in above.iter(f"{XS}element")
                if element is not above and "name" in element.attrib
            }
    elements |= documents
    document_names, fragment_names = (
        [local for local, _ in sorted(names)] for names in (documents, elements)
    )
    assert (len(documents) + 1, len(elements) + 2) == CODES[name]
    assert {known: document_names.index(known) for known in DOCUMENTS.get(name, ())} == DOCUMENTS.get(
        name, {}
    )
    assert {known: fragment_names.index(known) for known in FRAGMENTS.get(name, ())} == FRAGMENTS.get(
        name, {}
    )


@pytest.mark.parametrize(("name", "bits"), [("iso2", (7, 8)), ("iso20-common", (6, 9)), ("xmldsig", (5, 6))])
def test_widths_of_the_first_code(name: str, bits: tuple[int, int]) -> None:
    documents, fragments = CODES[name]
    assert (width_of(documents), width_of(fragments)) == bits


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("appprotocol", 1),
        ("xmldsig", 11),
        ("din", 61),
        ("iso2", 131),
        ("iso20-acdp", 23),
        ("iso20-common", 211),
    ],
)
def test_single_changes_of_the_official_files_are_noticed(name: str, step: int) -> None:
    """A sample of all changes; those of the miniature set are tried without exception."""
    changes = [
        mutation
        for path in compare(SETS[name], folder()).files
        for mutation in mutations(folder().sources[path.resolve()].root)
    ]
    unnoticed: list[str] = []
    for mutation in changes[::step]:
        with mutation.applied():
            try:
                found = compare(SETS[name], folder()).differences
            except XsdError:
                continue
            if not found:
                unnoticed.append(mutation.label)
    assert not unnoticed
