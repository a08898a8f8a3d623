"""The contract market behind the charger: OEM, MSP, CPS and the pools, one role a folder.

A role is reached through the Protocol in its ``interface`` module and nothing else: not its tables, not its
service class. :mod:`backend_stub.market` is the one place that wires them together.
"""
