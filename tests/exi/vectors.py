"""The vectors that the tests of the codec draw from."""

from pathlib import Path

from exi.verify import Vector, read_vectors

FOLDER = Path(__file__).parent.parent / "vectors"

FILES = sorted(FOLDER.glob("exi_*.jsonl"))

VECTORS = [found for file in FILES for found in read_vectors(file)]

PROFILE_VECTORS = list(read_vectors(FOLDER / "profiles.jsonl"))
"""Messages as public codecs wrote them that depart from the schema."""

_BY_NAME = {found.name: found for found in VECTORS}


def vector(name: str) -> Vector:
    """Return a vector by its name."""
    return _BY_NAME[name]
