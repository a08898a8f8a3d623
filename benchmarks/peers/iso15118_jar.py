"""The EXI codec of the package iso15118 (Java behind py4j), as its car and charger call it."""

import answers  # type: ignore[import-not-found] # beside this script, found where it is run
from iso15118.shared.exificient_exi_codec import ExificientEXICodec  # type: ignore[import-not-found]

if __name__ == "__main__":
    codec = ExificientEXICodec()
    answers.answer(codec.encode, codec.decode)
