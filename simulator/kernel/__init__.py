"""How time passes for a borrower: all that is compiled.

`scalar` is the month of one borrower, steps 4 to 9 of docs/model.md, and `lender` goes on to step 12; `on_time` and
`delinquent` are steps 4 to 9 for many at once, `rolls` is the month of lines under roll rates. All take their formulas
from `rules`. `origination` fills a tile with borrowers, `driver` takes it through its months, `month_end` is what
follows for the tile as a whole. What functions are given is in `context`, what arrays hold in `model.layout`; the room
`jit` is how it is compiled.
"""
