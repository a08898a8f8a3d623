"""The root certificate pool: which trust anchors the market knows."""
