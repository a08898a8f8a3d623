"""The exi_converter of designwerk (C++ behind pybind11): JSON text to bytes and back."""

import answers  # type: ignore[import-not-found] # beside this script, found where it is run
import exi_converter  # type: ignore[import-not-found] # in the environment that runs this

if __name__ == "__main__":
    codec = exi_converter.ExiCodec()
    answers.answer(codec.encode, lambda data, namespace: codec.decode(data, len(data), namespace))
