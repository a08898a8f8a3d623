"""Captures of any stack made readable: from the bytes of a pcap or pcapng file to the events of a trace.

Every step is its own file, knows nothing of the ones above, and does no I/O but the first: :mod:`files` (pcap, pcapng),
:mod:`link` (down to TCP and UDP), :mod:`tcp` (reassembly), :mod:`tls` with :mod:`tls12` and :mod:`tls13`
(decryption), :mod:`dialogue` (V2GTP, schemas, messages), :mod:`sessions` (which of it belongs together).
"""
