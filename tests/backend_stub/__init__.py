"""Tests of the contract market."""
