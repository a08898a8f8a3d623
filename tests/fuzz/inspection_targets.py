"""What `exi explain` and `exi decode` make of any bytes: the account of every bit, the set that was found."""

from collections.abc import Iterable

from exi.command import UsageError
from exi.detect import Sureness, identify
from exi.explain import explain
from exi.inputs import recognise
from exi.registry import message_sets
from exi.schema import XsdType
from tests.exi.vectors import VECTORS
from tests.fuzz.exi_targets import decoded, engines, same
from tests.fuzz.target import Features, Target, demand, error_features, kind_of, value_features

SETS = list(message_sets().values())


def run_explain(data: bytes) -> Features:
    """Explain; the first byte chooses the message set, and whether it is a fragment."""
    if not data:
        return set()
    fragment = data[0] >= 128
    schema = SETS[data[0] % 128 % len(SETS)]
    stream = data[1:]
    told = explain(stream, schema, fragment=fragment)
    outcome = decoded(engines(schema).decoder, stream, fragment=fragment)
    demand(same((told.message, told.fault), outcome), "the account ends as decoding does", told, outcome)
    position = 0
    found: Features = set()
    for piece in told.pieces:
        demand(piece.offset == position and piece.width == len(piece.bits), "no gap and no overlap", piece)
        position += piece.width
        found.add(f"{piece.event} {piece.datatype}")
    demand(position == len(stream) * 8, "every bit is told", position, told.pieces)
    written = "".join(f"{byte:08b}" for byte in stream)
    demand("".join(piece.bits for piece in told.pieces) == written, "the bits are those of the data", told)
    return found | (error_features(told.fault) if told.fault else value_features(told.message))


def run_detect(data: bytes) -> Features:
    """Recognise how EXI was written down, then find its message set."""
    try:
        source = recognise("input", data)
    except UsageError as error:
        return {kind_of(str(error))}
    found = identify(source.data, SETS, payload_type=source.frame.payload_type if source.frame else None)
    demand(bool(found.candidates) == (found.sure is not Sureness.NONE), "sure of something", found)
    for candidate in found.candidates:
        outcome = decoded(engines(candidate.schema).decoder, source.data, fragment=candidate.fragment)
        named = candidate.fragment or not isinstance(candidate.item.value, XsdType)
        value = candidate.item if named else candidate.item.value
        demand(outcome == (value, None), "a candidate is what decodes", candidate, outcome)
    shown = {f"{source.form} {source.frame is not None}", f"{found.sure}: {kind_of(found.reason)}"}
    shown |= {f"{candidate.schema.name} {candidate.doubts}"[:80] for candidate in found.candidates}
    return shown


def explain_seeds() -> Iterable[bytes]:
    """Yield the vectors behind the byte that chooses their set."""
    numbers = {schema.namespace: number for number, schema in enumerate(SETS)}
    for vector in VECTORS:
        yield bytes([numbers[vector.schema] + 128 * (vector.kind == "fragment")]) + vector.exi


def detect_seeds() -> Iterable[bytes]:
    """Yield vectors as raw bytes, hexadecimal, base64 and in a frame."""
    for number, vector in enumerate(VECTORS):
        frame = b"\x01\xfe\x80\x01" + len(vector.exi).to_bytes(4, "big") + vector.exi
        yield (vector.exi, frame, vector.exi.hex().encode(), frame.hex(" ").encode())[number % 4]


TARGETS = [
    Target("explain", "the account of every bit", run_explain, explain_seeds, 3000),
    Target("detect", "the message set of any bytes", run_detect, detect_seeds, 3000),
]
