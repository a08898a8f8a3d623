"""Figures: what a session, a message and a process cost here."""
