"""Message classes: one class for one type of a schema, one module for one namespace."""
