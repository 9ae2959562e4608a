"""How time passes for a borrower: all compiled code, and the only package that imports numba.

`month` is the month of anybody, step by step; `dull` and `trouble` are the same month for many at once. `names` and
`tables` are plain Python and cheap to import; `kept` calls the driver's finished code without numba; every other
module goes through `cache.njit`.
"""
