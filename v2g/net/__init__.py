"""Where the protocol meets asyncio: TCP, UDP, TLS, clocks, and links that are simulated in virtual time."""
