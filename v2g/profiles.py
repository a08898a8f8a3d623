"""How public EXI codecs depart from the schema: profiles that :mod:`exi` reproduces on request.

Each line was held against the codec itself: messages of ours, written by the one and read by the other, both
ways. ``tests/vectors/profiles.jsonl`` keeps what came out.
"""

from typing import Final

from exi.profile import EVERYWHERE, Change, Profile

_ISO2: Final = "iso2"
_DIN: Final = "din"
_COMMON: Final = "iso20-common"
_WPT: Final = "iso20-wpt"

_SIGNATURE_ROOTS: Final = frozenset(
    {
        "CanonicalizationMethod",
        "DigestMethod",
        "KeyInfo",
        "Object",
        "RSAKeyValue",
        "Reference",
        "RetrievalMethod",
        "Signature",
        "SignatureMethod",
        "SignatureValue",
        "SignedInfo",
        "Transform",
        "Transforms",
        "X509Data",
        "X509IssuerSerial",
    }
)

_WRITTEN = "its encoder writes so, its decoder reads nothing else"
_REFUSED = "its encoder and decoder refuse more"

LIBCBV2G: Final = Profile(
    name="libcbv2g",
    codec="libcbv2g of EVerest (C, made by cbExiGen), the copyright of 2022 to 2023",
    changes=(
        Change(
            "lists with a bound of three or more keep their event codes behind the last item, "
            "where the schema leaves the end only",
            "its encoder writes so; its decoder agrees for some lists (SubCertificates, energy transfer modes), and "
            "for others (ProfileEntry, SAScheduleTuple, TaxCosts) reads what the schema says, not what it writes",
        ),
        Change(
            "lists are cut: supportedAppProtocolReq 5; -2 PMaxScheduleEntry and SalesTariffEntry 12, ParameterSet 5, "
            "RootCertificateID 5; CommonMessages ParameterSet 4, Parameter 8, PriceRuleStack 64; DIN Service, "
            "Parameter, Certificate and Reference 1, PaymentOption 2, PMaxScheduleEntry, SAScheduleTuple, "
            "SalesTariffEntry, ParameterSet and RootCertificateID 5, SelectedService 16, ProfileEntry 24, Cost and "
            "ConsumptionCost 1; xmldsig Transform, Object and SignatureProperty 1, Reference 4",
            _REFUSED,
        ),
        Change(
            "strings and binaries without a bound (mostly xmldsig's) have at most 64 characters and 350 bytes; "
            "integers without a bound at most 203 bits",
            _REFUSED,
        ),
        Change("strings are ASCII", _REFUSED),
        Change(
            "an empty value is written as characters of length zero, and the escape is not read",
            _WRITTEN,
        ),
        Change("the Body of -2 and DIN is never empty", _REFUSED),
        Change(
            "documents of ACDP: both Connect and Disconnect requests come before the responses (codes 0 to 3); "
            "documents of all -20 sets: Signature comes behind SignatureProperty",
            _WRITTEN,
        ),
        Change(
            "WPT: VendorSpecificDataContainer occurs at most twice in fine positioning messages, and what follows it "
            "occurs only behind it; lists of two items at least (pulse sequences, transmitter and receiver data) "
            "have no end",
            f"{_WRITTEN}; it cannot write the latter at all",
        ),
        Change(
            "xmldsig: no text and no foreign elements; repeated groups (in Transform, KeyInfo, X509Data) occur once; "
            "KeyValue, DSAKeyValue, PGPData and SPKIData have grammars of their own and are refused",
            "event codes and their widths, state by state",
        ),
        Change(
            "documents and fragments are those that it has functions for; OEMProvisioningCertificateChain and "
            "SignedMeteringData are no fragments, eMAID is one by its own type's grammar",
            _WRITTEN,
        ),
    ),
    open_from={EVERYWHERE: 3},
    capacities={
        ("appprotocol", "SupportedAppProtocolReq", "AppProtocol"): 5,
        (_ISO2, "ListOfRootCertificateIDs", "RootCertificateID"): 5,
        (_ISO2, "PMaxSchedule", "PMaxScheduleEntry"): 12,
        (_ISO2, "SalesTariff", "SalesTariffEntry"): 12,
        (_ISO2, "ServiceParameterList", "ParameterSet"): 5,
        (_COMMON, "ParameterSet", "Parameter"): 8,
        (_COMMON, "PriceRuleStackList", "PriceRuleStack"): 64,
        (_COMMON, "ServiceParameterList", "ParameterSet"): 4,
        (_DIN, "ChargingProfile", "ProfileEntry"): 24,
        (_DIN, "ConsumptionCost", "Cost"): 1,
        (_DIN, "ListOfRootCertificateIDs", "RootCertificateID"): 5,
        (_DIN, "PMaxSchedule", "PMaxScheduleEntry"): 5,
        (_DIN, "ParameterSet", "Parameter"): 1,
        (_DIN, "PaymentOptions", "PaymentOption"): 2,
        (_DIN, "SAScheduleList", "SAScheduleTuple"): 5,
        (_DIN, "SalesTariff", "SalesTariffEntry"): 5,
        (_DIN, "SalesTariffEntry", "ConsumptionCost"): 1,
        (_DIN, "SelectedServiceList", "SelectedService"): 16,
        (_DIN, "ServiceParameterList", "ParameterSet"): 5,
        (_DIN, "ServiceTagList", "Service"): 1,
        (_DIN, "SignedInfo", "Reference"): 1,
        (_DIN, "SubCertificates", "Certificate"): 1,
        (EVERYWHERE, "Manifest", "Reference"): 4,
        (EVERYWHERE, "Signature", "Object"): 1,
        (EVERYWHERE, "SignatureProperties", "SignatureProperty"): 1,
        (EVERYWHERE, "SignedInfo", "Reference"): 4,
        (EVERYWHERE, "Transforms", "Transform"): 1,
    },
    chained=frozenset(
        (_WPT, f"WPT_FinePositioning{kind}", "VendorSpecificDataContainer")
        for kind in ("SetupReq", "SetupRes", "Req", "Res")
    ),
    endless=frozenset(
        {
            *((EVERYWHERE, cls) for cls in ("KeyValue", "DSAKeyValue", "PGPData", "SPKIData")),
            *(
                (_WPT, f"WPT_{cls}")
                for cls in ("TxRxPackageSpecData", "LF_TransmitterData", "LF_ReceiverData")
            ),
        }
    ),
    whole=frozenset({(_ISO2, "Body"), (_DIN, "Body")}),
    lone=True,
    longest_text=64,
    longest_binary=350,
    longest_integer=203,
    ascii_only=True,
    empty_as_text=True,
    documents={_ISO2: frozenset({"V2G_Message"}), _DIN: frozenset({"V2G_Message"}), "xmldsig": frozenset()},
    roots_of_class=True,
    fragments={
        "appprotocol": frozenset(),
        _DIN: frozenset(),
        _ISO2: frozenset(
            {
                "AuthorizationReq",
                "CertificateInstallationReq",
                "CertificateUpdateReq",
                "ContractSignatureCertChain",
                "ContractSignatureEncryptedPrivateKey",
                "DHpublickey",
                "MeteringReceiptReq",
                "SalesTariff",
                "SignedInfo",
                "eMAID",
            }
        ),
        _COMMON: frozenset(
            {
                "AbsolutePriceSchedule",
                "CertificateInstallationReq",
                "MeteringConfirmationReq",
                "PnC_AReqAuthorizationMode",
                "SignedInfo",
                "SignedInstallationData",
            }
        ),
        "iso20-ac": frozenset({"AC_ChargeParameterDiscoveryRes", "SignedInfo"}),
        "iso20-dc": frozenset({"DC_ChargeParameterDiscoveryRes", "SignedInfo"}),
        _WPT: frozenset(),
        "iso20-acdp": frozenset(),
        "xmldsig": _SIGNATURE_ROOTS | {"Manifest", "SignatureProperties", "SignatureProperty"},
    },
    order=(
        ("ACDP_ConnectReq", "ACDP_DisconnectReq", "ACDP_ConnectRes", "ACDP_DisconnectRes"),
        ("SignatureMethod", "SignatureProperties", "SignatureProperty", "Signature"),
    ),
    plain_fragments=True,
)

ISO15118_JAR: Final = Profile(
    name="iso15118-jar",
    codec="the grammars inside EXICodec.jar of the package iso15118, 0.31.2 (EXIficient, Java)",
    changes=(
        Change(
            "-2: lists with a bound of 16 or more (Parameter, SelectedService, RootCertificateID, ProfileEntry, "
            "ParameterSet, PMaxScheduleEntry, SalesTariffEntry) keep their event codes behind the last item; those of "
            "8 or fewer end as in the schema",
            "full lists of 4, 8, 16, 20, 24, 255 and 1024 items, both directions",
        ),
        Change(
            "CommonMessages: the same for bounds of 1024 and more (power and price schedules, power profiles); "
            "those of 128 or fewer end as in the schema",
            "full lists of 8, 16, 32, 128, 1024 and 2048 items, both directions",
        ),
    ),
    open_from={_ISO2: 16, _COMMON: 1024},
)
