"""The certificate authority: issues by EST, revokes, and tells by CRL and OCSP what is revoked."""
