"""One lane of the vector months: the steps of docs/model.md in 32 bits and without branches, numbers in, numbers out.

The same integers as `month`; what differs is that LLVM can do sixteen of them at once. Choices are written so that
no store depends on a condition, because of such stores LLVM makes branches, and then no vectors.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .jit.cache import njit

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64


@njit(forceinline=True)
def mul_q31_lane(x, r):
    """Return share `r` (q31) of `x` >= 0 as int32, rounded half up: `fixed.mul_q31` in 32-bit lanes."""
    return i4((u8(u4(x)) * u8(u4(r)) + u8(1 << 30)) >> u8(31))


@njit(forceinline=True)
def mul_q31_own_lane(x, r):
    """Return `mul_q31_lane` for a share that each lane has of its own: a little faster then, slower if all have one.

    Twice the product in two halves, for which there are instructions that keep the lanes where they are.
    """
    twice = u4(u4(x) << u4(1))
    return i4(u4((u8(twice) * u8(u4(r))) >> u8(32)) + u4(u4(twice * u4(r)) >> u4(31)))


@njit(forceinline=True)
def mul_q16_lane(x, m):
    """Return `x` >= 0 times multiplier `m` (q16) as int32, rounded half up: `fixed.mul_q16` in 32-bit lanes."""
    return i4((u8(u4(x)) * u8(u4(m)) + u8(1 << 15)) >> u8(16))


@njit(forceinline=True)
def half(word):
    """Return a word as a 31-bit number that compares with a q31 threshold, kept in 32 bits."""
    return u4(u4(word) >> u4(1))


@njit(forceinline=True)
def mask_of(condition):
    """Return -1 where `condition` holds, else 0."""
    return i4(-i4(condition))


@njit(forceinline=True)
def pick(mask, yes, no):
    """Return `yes` where `mask` is -1 and `no` where it is 0."""
    return i4((i4(yes) & mask) | (i4(no) & ~mask))


@njit(forceinline=True)
def only(condition, value):
    """Return `value` where `condition` holds, else 0."""
    return i4(i4(value) & mask_of(condition))


@njit(forceinline=True)
def is_held(status):
    """Return whether a status means an account or facility that is not written off, sold or gone."""
    return (status >= i4(ACTIVE)) & (status <= i4(CLOSED))


@njit(forceinline=True)
def followed(marks):
    """Return marks without those that ask for nothing month by month: above 0 where an account is FOLLOWED."""
    return i4(marks & i4(-FOLLOWED))


@njit(forceinline=True)
def is_idle(before, after):
    """Return whether a line owes nothing at the start of the month nor after it."""
    return max(before, after) <= i4(0)


@njit(forceinline=True)
def works(u, employed, job_loss, quality_factor, job_find):
    """Step 4: return whether the borrower has a job this month; `u` the job word >> 1."""
    loses = u < u4(mul_q31_lane(job_loss, quality_factor))
    return (employed & ~loses) | (~employed & (u < job_find))


@njit(forceinline=True)
def cash_of(buffer, kept, kept_unemployed, shock, employed, shocked):
    """Step 4: return the buffer after income, living cost and a shock; below 0 where it does not reach."""
    return i4(i4(buffer + pick(mask_of(employed), kept, kept_unemployed)) - only(shocked, shock))


@njit(forceinline=True)
def repays(buffer, outside, outside_max, at_most):
    """Step 4: return what is repaid elsewhere out of the buffer."""
    return min(min(i4(outside_max - outside), at_most), buffer)


@njit(forceinline=True)
def line_due(bill, floor, min_share):
    """Step 5: return the minimum due of a line without arrears."""
    return min(max(floor, mul_q31_lane(bill, min_share)), bill)


@njit(forceinline=True)
def loan_due(bill, instalment, months_left):
    """Step 5: return the instalment due of a loan without arrears; all of it in the last month."""
    return min(instalment, bill) if months_left > i4(1) else bill


@njit(forceinline=True)
def extra_of(full_payer, rest, revolver_share, buffer):
    """Steps 5 and 6: return what is paid beyond what is owed, out of `rest` of the bill and of the buffer."""
    want = pick(mask_of(full_payer != i4(0)), rest, mul_q31_lane(rest, revolver_share))
    return min(want, max(buffer, i4(0)))


@njit(forceinline=True)
def line_rate(clean, balance, limit, best, to_b, to_c, to_d):
    """Return the interest rate (q31 a month) of a line in bucket 0 and no plan, by its grade: `people.grade_of`.

    The rate of grade A and the steps to B, C and D: a sum, where a choice would be a branch and a table a gather.
    """
    is_b = (clean < i4(12)) | (balance > limit >> i4(1))
    is_c = (clean < i4(6)) | (balance > i4(limit - (limit >> i4(3))))
    return rate_of(is_b, is_c, clean < i4(3), best, to_b, to_c, to_d)


@njit(forceinline=True)
def loan_rate(clean, best, to_b, to_c, to_d):
    """Return the interest rate (q31 a month) of a loan in bucket 0 and no plan, by its grade."""
    return rate_of(clean < i4(12), clean < i4(6), clean < i4(3), best, to_b, to_c, to_d)


@njit(forceinline=True)
def rate_of(is_b, is_c, is_d, best, to_b, to_c, to_d):
    """Return the first number (the rate of grade A) and those of the steps from there that are taken."""
    rate = u4(best + (to_b & u4(-i4(is_b))))
    rate = u4(rate + (to_c & u4(-i4(is_c))))
    return u4(rate + (to_d & u4(-i4(is_d))))


@njit(forceinline=True)
def wants(spend, multiplier, employed, spend_unemployed, need, new_credit):
    """Step 9: return what the borrower wants to spend on the line, `need` included."""
    wanted = mul_q16_lane(spend, multiplier)
    wanted = pick(mask_of(employed), wanted, mul_q31_lane(wanted, spend_unemployed))
    return only(new_credit, i4(wanted + need))


@njit(forceinline=True)
def burden_of(debt, pay):
    """Return the debt-to-income class 0..7 of `month.burden_class`."""
    quarter = pay >> i4(2)
    k = u4(debt > quarter)
    k += u4((debt >> i4(1)) > quarter)
    k += u4((debt >> i4(2)) > quarter)
    k += u4((debt >> i4(3)) > quarter)
    k += u4((debt >> i4(4)) > quarter)
    k += u4((debt >> i4(5)) > quarter)
    return u4(k + u4((debt >> i4(6)) > quarter))


@njit(forceinline=True)
def sigmoid_place(logit):
    """Return where a log-odd (q16) stands in `Tables.sigmoid`, in 512ths of its steps."""
    reach = i4(16 << 16)
    return u4(min(max(i4(logit), i4(-reach)), reach) + reach)


@njit(forceinline=True)
def between(low, high, place):
    """Return the sigmoid (q31) at `place` between two neighbours of its table: `fixed.sigmoid` in 32-bit lanes."""
    return u4(u8(low) + ((u8(u4(high - low)) * u8(place & u4(511))) >> u8(9)))
