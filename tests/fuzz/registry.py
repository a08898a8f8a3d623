"""All fuzz targets by name."""

from typing import Final

from tests.fuzz import (
    encode_targets,
    exi_targets,
    inspection_targets,
    text_targets,
    trust_targets,
    wire_targets,
)
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for module in (
        exi_targets,
        encode_targets,
        inspection_targets,
        text_targets,
        wire_targets,
        trust_targets,
    )
    for target in module.TARGETS
}
