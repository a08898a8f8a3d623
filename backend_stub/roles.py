"""The roles of the market, by name."""

from enum import StrEnum


class Role(StrEnum):
    """A role that a process can run; the value is its folder, and what the command line calls it."""

    RCP = "rcp"
    PCP = "pcp"
    CCP = "ccp"
    CPS = "cps"
    OEM = "oem"
    MSP = "msp"
    REGISTER = "register"
