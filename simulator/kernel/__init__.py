"""How time passes for a borrower: all compiled code, and the only package that imports numba.

`names` and `tables` are plain Python and cheap to import; every other module goes through `cache.njit`.
"""
