"""The car's session in ISO 15118-20."""
