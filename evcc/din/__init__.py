"""The car's session in DIN 70121."""
