"""Roles in other processes: the same interfaces, called over HTTP."""
