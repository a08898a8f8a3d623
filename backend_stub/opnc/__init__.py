"""OPNC 1.0: the same services behind other paths and shapes. docs/market/opnc.md tells its traps."""
