"""The contract certificate pool: signed bundles, ready for the cars they were made for."""
