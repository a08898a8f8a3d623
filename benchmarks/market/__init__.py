"""Figures of a market with 100,000 cars and 300,000 contracts: ``python -m benchmarks.market``.

The market is seeded once and kept (:mod:`.ground`). Its server is a process of its own, and so is the client that
asks (:mod:`.load`): real requests, each signed by another car, at fixed moments whether or not earlier ones have
been answered, and every time is counted from the moment at which the request was due.
"""
