"""The charger (SECC): an ISO 15118 session as a table, an AC station, and contract bundles from a backend.

``secc.cli`` is the command, ``secc.server`` the process, ``secc.connection`` one car. The protocol is in
``secc.session`` (rules that hold for all), ``secc.iso2`` (table and handlers); neither of them does I/O.
"""
