"""Builds the native EXI engine on the way, where cargo is at hand; without it the install succeeds all the same.

Everything else about the package is in pyproject.toml. ``PNCLAB_NATIVE`` in the environment: ``off`` builds
nothing, ``require`` fails where the engine cannot be built, ``abi3`` makes one module for every CPython from 3.11
on, which is somewhat slower than one for the Python that installs.
"""

import os

from setuptools import setup

try:
    from setuptools_rust import Binding, RustExtension, Strip
except ImportError:  # an isolated build without the registry: the Python engine does everything
    RustExtension = None

CHOICE = os.environ.get("PNCLAB_NATIVE", "auto")


def extensions() -> list[object]:
    """Return the one extension module, or none."""
    if RustExtension is None or CHOICE == "off":
        return []
    return [
        RustExtension(
            "exi._native",
            path="exi/native/Cargo.toml",
            binding=Binding.PyO3,
            strip=Strip.All,
            debug=False,
            features=["abi3"] if CHOICE == "abi3" else [],
            py_limited_api=CHOICE == "abi3",
            args=["--locked"],
            optional=CHOICE != "require",
        )
    ]


setup(rust_extensions=extensions())
