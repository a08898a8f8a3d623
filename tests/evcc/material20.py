"""One market's certificates of ISO 15118-20, beside those of -2, and contracts in it."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from evcc.contracts import Contract
from pki import vehicle_files
from pki.hierarchy import Hierarchy
from pki.issuing import issue
from pki.keys import SigningKey, new_signing_key
from pki.profiles import Edition
from pki.vehicle_files import VehicleFiles
from tests.evcc.material import EMAIDS, World

PCID = "WPNC0000000000001X"


@dataclass
class World20(World):
    """A market of both generations; ``suite`` is that of -20."""

    pcid: str = PCID
    suite: Edition = Edition.ISO20

    @cached_property
    def pki(self) -> Hierarchy:
        return Hierarchy.create(now=self.at, entropy=self.entropy, edition=self.suite)

    @cached_property
    def car(self) -> VehicleFiles:
        return vehicle_files.issue(
            self.pki, evccid=f"EVCC{self.pcid}", pcid=self.pcid, now=self.at, entropy=self.entropy
        )

    def contract20(
        self,
        emaid: str = EMAIDS[0],
        *,
        validity: timedelta | None = None,
        key: SigningKey | None = None,
    ) -> Contract:
        """A contract of -20; ``key`` replaces the private key, not the certificate."""
        own = new_signing_key(self.suite.key_type, self.entropy)
        certificate = issue(
            self.suite.profiles["contract"],
            common_name=emaid,
            public_key=own.public_key(),
            issuer=self.pki["mo_sub_ca2"],
            now=self.at,
            entropy=self.entropy,
            validity=validity,
        )
        return Contract(emaid, certificate, tuple(self.pki.chain("mo_sub_ca2")), key or own)
