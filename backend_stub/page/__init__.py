"""The page of the market for people, at ``/``: one shell, one sheet, one program, and what it needs to read.

The program in the browser calls the very doors that everybody else calls. What no role has by itself, because
it is put together from several, are the calls under ``/market/v1`` here.
"""
