"""Where measures are shown: tables, and the page's sections by their headings.

A measure names those it stands in, `shown_in`, with its rank there; equal ranks stand in the registry's order.
"""

ANSWER = "answer"  # the terminal's columns, the page's first sentences and its figure of differences
SWAPPED = "swapped"  # summary.json and comparison.parquet, of applicants whom a variant and the baseline swap
SWAPS = "swaps"  # the page's table of them
CELLS = "cells"  # the page's table of segments and products
LOSS_RATES = "loss rates"  # where one moves against the net loss, a caution says so

LOSS, LOSS_TAIL, OWN_LOSS = "Loss", "Tail of the loss", "Own loss, after insurers and partners"
DELINQUENCY, VALUE, PROVISIONS, FLOWS = "Delinquency", "Value", "Provisions", "Flows"
NUMBERS = (LOSS, LOSS_TAIL, OWN_LOSS, DELINQUENCY, VALUE, PROVISIONS, FLOWS)  # "The comparison in numbers"

BAD_DEBT = "Net loss on debt overdue by cause"
CLOSURES = "Accounts closed for lateness"
GOOD_CLOSURES = "Of them good customers: the better half by quality"
MEAN_DPD30 = "Accounts 30 or more days overdue, mean of all months"
MEAN_DPD90 = "Accounts 90 or more days overdue, mean of all months"
BY_CAUSE = (BAD_DEBT, CLOSURES, GOOD_CLOSURES, MEAN_DPD30, MEAN_DPD90)  # "Bad debt, closures and overdue by cause"

STAGES = "Stages of IFRS 9"
GENERAL_CLASSES = "Five classes, general rule (above 90, 270, 360 days)"
CARD_CLASSES = "Five classes, card rule (above 90, 120, 180 days)"
ALLOWANCES = "Allowances"
SUPERVISORS = (STAGES, GENERAL_CLASSES, CARD_CLASSES, ALLOWANCES)  # "As supervisors and accountants see it"

TABLES = (ANSWER, SWAPPED, SWAPS, CELLS, LOSS_RATES, *NUMBERS, *BY_CAUSE, *SUPERVISORS)
