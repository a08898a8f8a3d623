"""The charger (SECC): sessions of ISO 15118-2 and -20 as tables, AC and DC outlets, bundles from a backend.

``secc.cli`` is the command, ``secc.server`` the process, ``secc.connection`` one car. The protocols are in
``secc.session`` (rules that hold for all), ``secc.iso2`` and ``secc.iso20`` (tables and handlers); none of them
does I/O.
"""
