"""Certificates of the Plug & Charge world: profiles, issuing, hierarchies on disk, chain validation.

Knows X.509 and the profiles of ISO 15118, nothing of messages or sessions. Start at :mod:`pki.hierarchy`
to make certificates and at :mod:`pki.chain` to judge them.
"""
