"""Reads XSD files, and proves message classes equal to them.

``source`` reads files, ``model`` and ``reader`` what they declare, ``states`` derives from it which events EXI admits
in which order; ``declarations`` and ``tables`` hold the message classes and their tables against the two;
:func:`compare` does it all for one message set.
"""

from exi.xsd.compare import compare
from exi.xsd.differences import Comparison, Counts, Difference
from exi.xsd.reader import read_set
from exi.xsd.source import Folder, Place, XsdError

__all__ = ["Comparison", "Counts", "Difference", "Folder", "Place", "XsdError", "compare", "read_set"]
