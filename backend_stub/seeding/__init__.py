"""Filling a market with cars and contracts by the hundred thousand: ``backend-stub market seed``.

Every certificate, sealed key and signature is as real as if each car had been built and each driver onboarded
one after the other. Only the way into the tables differs: many rows in one transaction, through the bulk
functions of the roles' stores. Like :mod:`backend_stub.market`, this package knows every role.
"""
