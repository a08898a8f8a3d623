"""Providers that are connected pairwise: what one does not have, it asks the others for.

Each federated pool implements the interface of the pool it stands in front of. A miss is asked of all peers at
once, marked so that they do not ask further; the first good answer wins. docs/market/federation.md tells the rules.
"""
