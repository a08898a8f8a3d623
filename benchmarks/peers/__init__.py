"""Programs that let :mod:`benchmarks.exi_peers` measure codecs which are installed in another environment.

Each is run by that environment's own Python, knows nothing of PnC Lab, and calls the codec as a Python user does.
"""
