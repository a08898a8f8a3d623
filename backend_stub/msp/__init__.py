"""The mobility service provider: makes contracts for drivers."""
