"""``pnclab explain``: a captured certificate installation, taken apart step by step.

:mod:`lab.explain.source` finds request, response and key; :mod:`lab.explain.installation` reads both editions into
one shape; :mod:`lab.explain.signed` and :mod:`lab.explain.sealed` walk through signatures and envelope and give
:class:`lab.explain.steps.Step` values; :mod:`lab.explain.telling` puts them together, :mod:`lab.explain.view` shows them.
"""
