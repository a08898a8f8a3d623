"""Who may do what at the doors: parties, scopes, tokens, rate limits.

``from backend_stub.access import Party, Scope, allow`` is all that a door needs.
"""

from backend_stub.access.guard import allow
from backend_stub.access.interface import OPEN, Party, Role, Scope

__all__ = ["OPEN", "Party", "Role", "Scope", "allow"]
