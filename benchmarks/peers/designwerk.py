"""The exi_converter of designwerk (C++ behind pybind11), from and to Python objects.

It takes and gives JSON text; what a Python program has are objects, so that the standard library's ``json`` belongs to it.
"""

import json

import answers  # type: ignore[import-not-found] # beside this script, found where it is run
import exi_converter  # type: ignore[import-not-found] # in the environment that runs this

if __name__ == "__main__":
    codec = exi_converter.ExiCodec()
    answers.answer(
        lambda message, namespace: codec.encode(json.dumps(message), namespace),
        lambda data, namespace: json.loads(codec.decode(data, len(data), namespace)),
    )
