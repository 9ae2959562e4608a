"""The twin: docs/model.md in plain Python, one borrower and one month at a time, slow and written to be read.

Nothing here is shared with the kernel but the names of the arrays. Every amount is a Python int, so nothing overflows
and nothing is rounded unless `mul_q31` or `mul_q16` says so. `simulate` is the way in; `live_one_month` is the month.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.model.tables import Levers, Sums, Tables

PEOPLE, MONTHS = 1, 2  # tags of the draws
OPEN = (ACTIVE, FROZEN, CLOSED)
WORST = BUCKETS - 1
WORD = (1 << 32) - 1


# ---- numbers -------------------------------------------------------------------------------------
def mul_q31(x, share):
    """Return the q31 `share` of `x`, rounded half up."""
    return (x * share + (1 << 30)) >> 31


def mul_q16(x, multiplier):
    """Return `x` times the q16 `multiplier`, rounded half up."""
    return (x * multiplier + (1 << 15)) >> 16


def sigmoid(table, x):
    """Return the q31 of 1 / (1 + exp(-x)) for log-odds `x` in q16: a straight line between 1/128 apart."""
    k, f = divmod(min(max(x, -16 << 16), 16 << 16) + (16 << 16), 512)
    return table[k] + (((table[k + 1] - table[k]) * f) >> 9)


def first_above(cumulative, u):
    """Return the first index whose cumulative threshold is above `u`."""
    return next(k for k, threshold in enumerate(cumulative) if u < threshold)


def philox(counter, key):
    """Return the four words of Philox4x32-10 (Salmon et al. 2011) at four counter words and two key words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2  # 64 bits each: the high and the low word are used
        c0, c1, c2, c3 = b >> 32 ^ c1 ^ k0, b & WORD, a >> 32 ^ c3 ^ k1, a & WORD
        k0, k1 = k0 + 0x9E3779B9 & WORD, k1 + 0xBB67AE85 & WORD
    return c0, c1, c2, c3


# ---- who lives -----------------------------------------------------------------------------------
class Account:
    """One product of one borrower: first what lasts, in the order of names.py, then what is known of this month."""

    def __init__(self, product):
        self.status = NONE
        self.limit = 0
        self.balance = 0
        self.interest_due = 0
        self.fee_due = 0
        self.arrears = 0
        self.bucket = 0
        self.state = 0
        self.clean = 0
        self.cause = UNKNOWN
        self.age = 0
        self.ever = 0
        self.instalment = 0
        self.months_left = 0
        self.granted = 0
        self.plan_left = 0
        self.observed = 0
        self.marks = 0
        self.rate = 0
        self.converted = 0
        self.part = 0
        self.fee = 0
        self.months_late = 0
        self.parts_left = 0
        self.settlement_part = 0
        self.trial_left = 0
        self.columns = tuple(vars(self))

        self.product = product
        self.just_granted = False  # a line granted at this month's review
        self.begin_month()

    def begin_month(self):
        """Forget last month; note how the account stands before anything happens."""
        self.flow = [0] * N_FLOWS
        self.was_account = self.is_account
        self.was_empty = self.balance == 0
        self.was_written_off = self.status == WRITTEN_OFF
        self.was_bucket = self.bucket
        self.was_in_plan = self.plan_left > 0
        self.was_in_trial = False  # of a lender who still offers trials
        self.gives_up = False  # a plan or its trial
        self.bill = self.due = self.owed = 0
        self.meant = None  # what is meant to be paid, where it is not all that is owed
        self.paid = 0  # towards owed, on the due date
        self.paid_in_month = 0  # towards owed, by the end of the month (`p` of the specification)
        self.extra = 0  # paid above what was owed
        self.recovered = 0  # taken by collectors while the account is open
        self.settled = False  # they took all of it
        self.missed, self.reason = False, UNKNOWN
        self.cured_on = None  # day a missed due was paid within the month
        self.days = 0  # days late that rules on days compare with
        self.worst = 0  # bucket before a plan makes the account current
        self.exit = None  # an exit of the roll matrix
        self.forgiven = 0  # at the start of a plan
        self.cause_before = UNKNOWN  # that plan
        self.was_in_workout = self.has(IN_WORKOUT)
        self.takes_offer = False  # would pay the whole balance, and settles instead
        self.in_late_stage = False  # begins the month there, open; or is there when a plan begins
        self.cash = 0  # what it brings while it is open, less what it costs
        self.drawn = False  # a loan drawn this month
        self.regranted = False
        self.observed_now = False  # rated at the end of this month
        self.defaulted_in_year = False  # a default that counts against its rating
        self.leaves_to, self.left = None, 0  # column of the roll matrix and balance, for those who leave

    @property
    def is_open(self):
        return self.status in OPEN

    @property
    def is_account(self):
        return self.is_open and (self.product == LINE or self.balance > 0)

    @property
    def is_live(self):
        return self.is_open or self.status == WRITTEN_OFF

    def has(self, mark):
        """Return whether one of the marks that are single bits is set."""
        return self.marks & mark != 0

    @property
    def probation(self):
        """Months of probation left after a default."""
        return self.marks >> PROBATION_AT & 3

    @property
    def watched(self):
        """Months left in which the account is watched after a restructuring."""
        return self.marks >> WATCHED_AT

    def count_months(self, probation, watched):
        """Set both counts of months, leaving the bits as they are."""
        self.marks = self.marks % (1 << PROBATION_AT) | probation << PROBATION_AT | watched << WATCHED_AT

    def grade(self, levers, score):
        """What the lender sees of the account's record, 0 best; a line is also judged by how much of it is used."""
        if self.bucket > 0 or self.plan_left > 0:
            return 4
        worse = 0
        for step in range(3):
            share, most = levers[V_GRADE_USED + step], (self.limit >> 1, self.limit - (self.limit >> 3), None)[step]
            if share >= 0:
                most = (self.limit * share) >> 16
            used_more = self.product == LINE and most is not None and self.balance > most
            bad = self.clean < levers[V_GRADE_MONTHS + step] or score < levers[V_GRADE_SCORE + step] or used_more
            if not bad:
                break
            worse += 1
        return worse

    def stays_late(self):
        """Return whether an account in the late stage is still there: a plan ends it only when it is kept."""
        return self.bucket > 0 or self.plan_left > 0

    def take_off(self, amount):
        """Take an amount off the balance: fees first, then interest, then principal."""
        towards_fees = min(amount, self.fee_due)
        self.balance -= amount
        self.fee_due -= towards_fees
        self.interest_due -= min(amount - towards_fees, self.interest_due)

    def lose(self, amount, cause):
        """Book a loss by its cause and by what became of the account; below 0 what comes back."""
        self.flow[F_BAD_DEBT_BY + cause] += amount
        self.flow[F_OPENING_NET_LOSS] += amount * self.has(OPENED_IN_DEFAULT)
        self.flow[F_CLAIMED_NET_LOSS] += amount * self.has(CLAIMED)
        self.flow[F_FRAUD_NET_LOSS] += amount * self.has(FRAUD)

    def get_back(self, amount, cost):
        """Book what comes back after write-off, and what it costs."""
        self.lose(-amount, self.cause)
        self.flow[F_BORNE_BACK] += amount * self.has(BORNE)
        self.flow[F_WORKOUT_CASH] += (amount - cost) * self.has(IN_WORKOUT)

    def count_late_paid(self, amount):
        """Book what is paid on a default of the run by its year after 90 days past due."""
        for year in range(3):
            if 12 * year < self.months_late <= 12 * year + 12:
                self.flow[F_RECOVERED_12 + year] += amount * self.has(IN_WORKOUT)

    def leave_open_book(self, status, column):
        """Leave the open book by that column of the roll matrix; bucket and worst bucket stay as they were."""
        self.leaves_to, self.status, self.bucket = column, status, self.was_bucket
        self.limit = self.arrears = self.interest_due = self.fee_due = self.converted = self.trial_left = 0
        if status != WRITTEN_OFF:
            self.months_late = 0

    def leave_written_off_book(self, status):
        """Leave the written-off book with nothing left of the balance."""
        self.status, self.balance, self.months_late = status, 0, 0


class Borrower:
    """One person; first what lasts, in the order of names.py, then the two accounts and the identity."""

    def __init__(self, segment, entry, index):
        self.income = 0
        self.living = 0
        self.spend = 0
        self.quality = 0
        self.score = 0
        self.forget = 0
        self.autopay = 0
        self.full_payer = 0
        self.reach = 0
        self.outside_max = 0
        self.employed = 1
        self.buffer = 0
        self.outside = 0
        self.reported = 0
        self.alert = 31
        self.guarantee = 0
        self.education = 0
        self.contact = 0
        self.columns = tuple(vars(self))

        self.segment, self.entry, self.index = segment, entry, index
        self.person = None  # the replication whose people the tape says they are of
        self.used_much = False  # a usual month of spending is half of the line's limit as granted, or more
        self.line, self.loan = self.accounts = Account(LINE), Account(LOAN)

    def state(self):
        """Return the N_STATE integers of the borrower in the column order of names.py."""
        return tuple(getattr(owner, name) for owner in (self, *self.accounts) for name in owner.columns)


class World:
    """The tables and levers as nested lists of Python ints, looked at from one borrower and one month."""

    def __init__(self, tables, levers):
        def plain(arrays):
            return type(arrays)(*(a.tolist() if isinstance(a, np.ndarray) else int(a) for a in arrays))

        self.tables: Tables = plain(tables)
        self.levers: Levers = plain(levers)

    def at(self, borrower, replication, month):
        """Stand at one borrower's month: its rows of the tables and the levers, and its random words."""
        g = borrower.segment
        self.borrower, self.replication, self.month = borrower, replication, month
        self.segment = self.tables.segment[g]
        self.terms = self.tables.product[g]  # [product][name]
        economy = self.tables.economy[min(replication, len(self.tables.economy) - 1)]
        self.economy = economy[min(month, len(economy) - 1)][g]
        self.tie = self.tables.tie[min(month, len(self.tables.tie) - 1)]  # [name][bucket]
        roll = self.tables.roll[min(replication, len(self.tables.roll) - 1)]
        self.roll = roll[min(max(month - 1, 0), len(roll) - 1)][self.segment[G_ROLL]]  # [product][from][to]
        self.lever = self.levers.month[month][g]  # [product][name]
        self.stage = self.levers.stage[month][g]  # [product][stage][name]
        self.ladder = self.levers.ladder[month][g]  # [product][bucket][level][name]
        self.answers = self.levers.answer[month][g]  # [product][name][place]
        return self

    def answer(self, product, name, grade, in_full):
        """Return the borrower's answer to the price that accounts of that grade pay, `in_full` if it costs nothing."""
        return self.answers[product][name][grade * CUSTOMERS + in_full * QUALITIES + self.borrower.quality]

    def words(self, tag, slot):
        """Return the four words of a slot of this borrower, as a person or in this month."""
        b, tables = self.borrower, self.tables
        if tag == PEOPLE:
            month, r = 0, (0, self.replication + 1, (self.replication ^ 1) + 1)[tables.redraw_people]
            r = r if b.person is None else b.person + 1
        else:
            month, r = self.month, self.replication
        return philox((b.index, month << 20 | b.entry << 8 | slot, r, b.segment | tag << 16), tables.key)


# ---- people --------------------------------------------------------------------------------------
def born(world, replication, segment, entry, index, tape_row=None):
    """Return the borrower of that identity as drawn (or as the tape has its accounts), before any review."""
    b = Borrower(segment, entry, index)
    told = [row[TAPE_PERSON] for row in tape_row or () if row[TAPE_PERSON] != ABSENT]
    b.person = told[-1] if told else None
    world.at(b, replication, entry)
    tables, scalars = world.tables, world.segment
    w0, w1, w2, w3, w4, w5, w6 = linked(world, [list(world.words(PEOPLE, slot)) for slot in range(7)])

    def drawn(name, word):
        return tables.quantile[segment][name][word >> 22]

    def happens(word, share):
        return int(word >> 1 < scalars[share])

    b.income = drawn(Q_INCOME, w0[0])
    b.living = mul_q31(b.income, drawn(Q_LIVING, w0[1]))
    b.quality = w0[2] >> 28
    b.score = score(world, b, scalars[G_SCORE_CORRELATION], scalars[G_SCORE_NOISE])
    b.forget = min(drawn(Q_FORGET, w1[0]), ONE - 1)
    b.autopay = w1[1] >> 1
    b.full_payer = happens(w1[2], G_FULL_PAYER)
    if happens(w1[3], G_EXTERNAL_CREDIT_SHARE):
        b.outside = b.outside_max = mul_q16(b.income, scalars[G_EXTERNAL_CREDIT_SIZE])
    b.buffer = mul_q16(b.income, drawn(Q_LIQUIDITY, w2[2]))
    b.employed = 1 - happens(w4[2], G_UNEMPLOYED)
    b.reach, b.guarantee, b.education, b.contact = w5[0] >> 1, w5[3] >> 1, w6[3] >> 1, w6[0] >> 1

    if tape_row is None:
        opening = [first_above(tables.opening[segment][p], u >> 1) if entry == 0 else 0
                   for p, u in ((LINE, w2[3]), (LOAN, w5[1]))]  # fmt: skip
        if happens(w4[0], G_HAS_LINE):
            draw_line(world, b, opening[LINE], w0, w2)
        if happens(w4[1], G_HAS_LOAN):
            draw_loan(world, b, opening[LOAN], w3)
    else:
        for account, row in zip(b.accounts, tape_row, strict=True):
            read_account(world, b, account, row)
        if tape_row[LINE][TAPE_FULL_PAYER] != ABSENT:
            b.full_payer = tape_row[LINE][TAPE_FULL_PAYER]

    for account, row in zip(b.accounts, tape_row or (None, None), strict=True):
        if account.status != NONE:
            open_in_bucket(world, account, row)
            account.clean = 12 if entry == 0 and account.bucket == 0 else 0
            account.granted = account.limit
            account.rate = min(world.terms[LOAN][P_RATE], ONE - 1) if account is b.loan and account.balance > 0 else 0
            if has_late_stage(world, account):
                account.months_late = max(account.bucket - 2, int(account.status == WRITTEN_OFF))
            if entry == 0 and (account.bucket >= 3 or account.status == WRITTEN_OFF):
                account.marks = OPENED_IN_DEFAULT
    open_with_cause(world, b, w5[2] >> 1)

    if b.line.status != NONE:
        structural = scalars[G_MODEL] == 0
        b.spend = mul_q16(b.income if structural else b.line.limit, drawn(Q_SPEND, w4[3]))
    return b


def linked(world, slots):
    """Return the words of a person, of which some have the quantile index that their class of quality makes of it."""
    quality = slots[0][2] >> 28
    for row, ranks in zip(world.tables.linked_word, world.tables.linked_rank, strict=True):
        slot, place = divmod(row, 4)
        word = slots[slot][place]
        slots[slot][place] = ranks[quality * QUANTILES + (word >> 22)] << 22 | word % (1 << 22)
    return slots


def score(world, b, correlation, noise):
    """Return the score that sees quality with that q16 correlation; its noise is the borrower's own."""
    z = correlation * (world.tables.quality_score[b.quality] + world.segment[G_SCORE_SHIFT])
    z = (z + noise * world.tables.normal[world.words(PEOPLE, 0)[3] >> 22]) >> 16
    return 600 + ((z * 64) >> 16)


def score_band(b):
    """Return the band of the borrower's score."""
    return min(max((b.score - SCORE_LOW) >> SCORE_BAND_BITS, 0), SCORE_BANDS - 1)


def draw_line(world, b, s, w0, w2):
    """Give the borrower a line in opening state `s`."""
    tables, scalars, line = world.tables, world.segment, b.line
    quantile = w2[0] >> 22
    if scalars[G_LIMIT_INCOME] != 0:
        z = scalars[G_LIMIT_INCOME] * tables.normal[w0[0] >> 22] + scalars[G_LIMIT_NOISE] * tables.normal[quantile]
        quantile = tables.normal_rank[min(max(((z >> 16) + 4 * 65536) >> 7, 0), 4095)]
    line.status, line.bucket = ACTIVE, s
    line.limit = tables.limit[b.segment][LINE][s][quantile]
    if b.entry == 0:
        line.state = tables.roll_state[b.segment][LINE][s][ROLL_OPENED]
        line.balance = mul_q16(line.limit, tables.utilisation[b.segment][s][w2[1] >> 22])


def draw_loan(world, b, s, w3):
    """Give the borrower a loan facility and, in the opening book, perhaps a loan in opening state `s`."""
    tables, loan = world.tables, b.loan
    loan.status = ACTIVE
    loan.limit = tables.limit[b.segment][LOAN][0][w3[0] >> 22]
    if b.entry == 0 and w3[1] >> 1 < world.terms[LOAN][P_OPEN_AT_START]:
        amount, term = new_loan(world, loan, w3[2], w3[3])
        if amount > 0:
            loan.months_left = k = 1 + (((w3[3] & 0xFFFF) * loan.months_left) >> 16)
            loan.balance = mul_q31(amount, tables.loan_balance[b.segment][term][k])
            loan.state, loan.bucket = tables.roll_state[b.segment][LOAN][s][ROLL_OPENED], s


def new_loan(world, loan, ticket_word, term_word):
    """Set the instalment and the months of a new loan and return (amount, term); (0, 0) if it comes to nothing."""
    g, step = world.borrower.segment, world.terms[LOAN][P_DRAW_STEP]
    wanted = loan.limit if loan.has(FRAUD) else world.tables.quantile[g][Q_TICKET][ticket_word >> 22]
    amount = min(wanted, loan.limit) // step * step
    if amount <= 0:
        return 0, 0
    terms = world.tables.terms[g]
    term = first_above([t[TERM_CUMULATIVE] for t in terms], term_word >> 1)
    loan.instalment = mul_q31(amount, terms[term][TERM_INSTALMENT])
    loan.months_left = terms[term][TERM_MONTHS]
    return amount, term


def read_account(world, b, account, row):
    """Take the account from its row of the tape."""
    if row[TAPE_STATUS] == ABSENT:
        return
    account.status, account.limit, account.balance = row[TAPE_STATUS], row[TAPE_LIMIT], row[TAPE_BALANCE]
    account.state, account.bucket = max(row[TAPE_STATE], 0), row[TAPE_BUCKET]
    account.instalment, account.months_left = (
        0 if row[x] == ABSENT else row[x] for x in (TAPE_INSTALMENT, TAPE_MONTHS_LEFT)
    )


def open_in_bucket(world, account, row):
    """Set bucket, arrears and worst bucket from the opening state, or from the row of the tape."""
    g = world.borrower.segment
    terms, owing = world.terms[account.product], max(account.balance, 0)
    if world.segment[G_MODEL] == 1:
        account.bucket = world.tables.roll_state[g][account.product][account.state][ROLL_BUCKET]
    if owing == 0 and (world.segment[G_MODEL] == 0 or account.product == LOAN):
        account.bucket = 0
    if owing == 0 and account.product == LOAN:
        account.state = 0
    account.ever = account.bucket
    if account.bucket > 0:
        due = account.instalment
        if account.product == LINE:
            due = min(max(terms[P_MIN_FLOOR], mul_q31(owing, terms[P_MIN_SHARE])), owing)
        account.arrears = min(owing, account.bucket * due)
        if row is not None and row[TAPE_ARREARS] != ABSENT:
            account.arrears = min(max(row[TAPE_ARREARS], 0), owing)


def open_with_cause(world, b, u):
    """Give accounts that are already late a cause, and make the borrower's cash agree with it."""
    if world.segment[G_MODEL] != 0:
        return
    for account in b.accounts:
        if account.bucket >= 1 and account.status != WRITTEN_OFF:
            account.cause = first_above(world.tables.opening_cause[b.segment], u)
    causes = [account.cause for account in b.accounts]
    if SHORT in causes:
        b.buffer = 0
    if CANNOT in causes:
        b.employed, b.buffer = 0, 0


def review(world, b):
    """Review an applicant on the levers of the entry month: each product held is declined or granted its limit."""
    for account in b.accounts:
        if account.status == NONE:
            continue
        levers = world.lever[account.product]
        if levers[V_SCORE_CORRELATION] != ABSENT:
            b.score = score(world, b, levers[V_SCORE_CORRELATION], levers[V_SCORE_NOISE])
        multipliers = world.levers.review[b.entry][b.segment][account.product]
        account.flow[F_N_APPLIED] += 1
        account.flow[F_REVIEW_COST] += levers[V_REVIEW_COST]
        account.limit = mul_q16(account.limit, multipliers[score_band(b)])
        if b.score < levers[V_SCORE_CUTOFF] or b.income < levers[V_INCOME_CUTOFF] or account.limit <= 0:
            account.status, account.limit = DECLINED, 0
            account.flow[F_N_DECLINED] += 1
        elif is_taken_for_fraud(world, b, account):
            account.status, account.limit = TAKEN_FOR_FRAUD, 0
            account.flow[F_N_DECLINED] += 1
            account.flow[F_N_TAKEN_FOR_FRAUD] += 1
            account.flow[F_N_FRAUD_CAUGHT] += mark_of_new(world, b, account) == FRAUD
            account.marks = mark_of_new(world, b, account) & FRAUD
        elif world.words(PEOPLE, 6)[2] >> 1 >= world.answer(account.product, C_ACCEPT, 3, b.full_payer):
            account.status, account.limit = NOT_TAKEN_UP, 0
            account.flow[F_N_NOT_TAKEN_UP] += 1
        elif account.product == LINE:
            account.just_granted = True
            account.marks = GRANTED_SINCE
            account.flow[F_N_GRANTED] += 1
        if account.status == ACTIVE:
            account.marks |= mark_of_new(world, b, account)
        account.granted = account.limit


def is_taken_for_fraud(world, b, account):
    """Return whether the review takes an applicant for one who will never pay: some who will not, some who would."""
    levers, u = world.lever[account.product], world.words(PEOPLE, 6)[1] >> 1
    fraud, _ = never_paid(world, b, account)
    return u < mul_q31(fraud, levers[V_FRAUD_CAUGHT]) or u >= ONE - mul_q31(ONE - fraud, levers[V_FRAUD_WRONG])


def mark_of_new(world, b, account):
    """Return the mark of a new account that is never paid, or not at its first due; 0 of the others."""
    u = world.words(PEOPLE, 6)[1] >> 1
    fraud, first_refused = never_paid(world, b, account)
    return FRAUD if u < fraud else FIRST_REFUSED if u < first_refused else 0


def never_paid(world, b, account):
    """Return the chances that an applicant never pays, and not at the first due, that one included."""
    terms, worse = world.terms[account.product], QUALITIES - 1 - b.quality
    if world.segment[G_MODEL] != 0:
        return 0, 0
    return terms[P_FRAUD] + worse * terms[P_FRAUD_STEP], terms[P_FIRST_PAYMENT] + worse * terms[P_FIRST_PAYMENT_STEP]


# ---- the month -----------------------------------------------------------------------------------
def live_one_month(world, b):
    """Live the month `world` stands at, in the order of docs/model.md; flows collect in the accounts."""
    if not any(account.is_live for account in b.accounts):
        return
    b.used_much = 2 * b.spend >= b.line.granted  # before customers and limit reviews change either
    structural = world.segment[G_MODEL] == 0
    world.pay = world.advance = world.need = 0
    if structural:
        teach(world, b)  # before 4
        job_and_income(world, b)  # 4
    for account in b.accounts:
        if world.lever[account.product][V_TRIAL_MONTHS] == 0:  # that of a lender who offers none any more is void
            account.trial_left = 0
        account.was_in_trial = account.trial_left > 0 and account.was_account and account.balance > 0
        account.arrears_before = account.arrears
    bill_accounts(world, b)  # 5
    if structural:
        due_date(world, b)  # 5
        convert_bill(world, b)  # 5
        settle_early(world, b)  # 5
        in_the_month(world, b)  # 6
        age_accounts(world, b)  # 7
    else:
        roll_accounts(world, b)  # 5 and 6
    work_open_accounts(world, b)  # 7
    work_late_accounts(world, b)  # 7
    take_payments(world, b)  # 7
    interest_and_fees(world, b)  # 8
    spend(world, b, structural)  # 9
    b.line.flow[F_N_IDLE] += b.line.was_account and b.line.bill == 0 and b.line.balance <= 0  # 12
    count_late(world, b)  # 9
    draw_new_loan(world, b, structural)  # 9
    if structural:
        b.buffer = min(b.buffer, mul_q16(world.pay, world.segment[G_LIQUIDITY_CAP]))
    close_accounts(world, b)  # 10 (a)
    end_plans(b)  # 10 (b)
    freeze_and_cut(world, b)  # 10 (c), (d)
    if structural:
        offer_plans(world, b)  # 10 (e)
    settle_open_accounts(world, b)  # 10 (f)
    let_go(world, b)  # 10 (g)
    report(world, b)  # 10 (h)
    write_off_or_sell(world, b)  # 11
    recover(world, b)  # 11
    follow(world, b)  # 12
    if structural:
        decided = [account for account in b.accounts if not account.in_late_stage]
        forgot = any(account.missed and account.reason == FORGOT for account in decided)
        b.alert = 0 if forgot else min(b.alert + 1, 31)


def teach(world, b):
    """Before 4. Count who is taught this month, all that there are or who arrives, and what that costs."""
    for account in b.accounts:
        levers = world.lever[account.product]
        share = levers[V_EDUCATED if world.month == b.entry else V_TAUGHT]
        if account.is_open and b.education < share:
            account.flow[F_N_EDUCATED] += 1
            account.flow[F_EDUCATION_COST] += levers[V_EDUCATION_COST]
            return


def job_and_income(world, b):
    """4. Lose or find a job, be paid, meet living cost and shocks, repay credit elsewhere."""
    scalars, economy = world.segment, world.economy
    pay = world.pay = mul_q16(b.income, economy[M_INCOME_INDEX])
    earned = mul_q16(b.income, economy[M_EARNED])
    if b.reach % (1 << 15) < economy[M_STOPPED]:  # the low bits of REACH are those of its word
        earned = mul_q31(earned, economy[M_INCOME_LEFT])
    world.advance = min(pay, earned)
    living = mul_q16(b.living, economy[M_INCOME_INDEX])
    u = world.words(MONTHS, 0)[0] >> 1
    if b.employed:
        loss = mul_q31(economy[M_JOB_LOSS], world.tables.job_loss_quality[b.segment][b.quality])
        b.employed = 0 if u < loss else 1
    else:
        b.employed = 1 if u < economy[M_JOB_FIND] else 0
    shock = mul_q16(pay, scalars[G_SHOCK_SIZE]) if u >= ONE - economy[M_EXPENSE_SHOCK] else 0
    received = earned if b.employed else mul_q31(pay, scalars[G_BENEFIT])
    spent = living if b.employed else mul_q31(living, scalars[G_LIVING_UNEMPLOYED])
    cash = b.buffer + received - spent - shock
    world.need = max(0, -cash)
    b.buffer = max(0, cash)
    back = min(b.outside_max - b.outside, mul_q31(pay, scalars[G_EXTERNAL_CREDIT_REPAY]), b.buffer)
    b.outside += back
    b.buffer -= back


def bill_accounts(world, b):
    """5. Bill what is owed: arrears and this month's due."""
    for account in b.accounts:
        if not account.was_account:
            continue
        bill = account.bill = max(account.balance, 0)
        rest, levers = bill - account.arrears, world.lever[account.product]
        if account.was_in_trial and bill > 0:
            n = levers[V_PLAN_MONTHS]  # the instalment that the plan would have; what is overdue waits
            account.due = max(1, -(-(bill - mul_q31(bill, levers[V_PLAN_FORGIVE])) // n))
        elif account.was_in_plan or account.product == LOAN:
            months_left = account.plan_left if account.was_in_plan else account.months_left
            account.due = min(account.instalment, rest) if months_left > 1 else rest
            if bill > 0:  # where all is forgiven, the plan ends with the month
                account.plan_left = max(0, account.plan_left - 1)
                account.months_left = max(0, account.months_left - 1)
        else:
            terms, own = world.terms[LINE], world.lever[LINE][V_MIN_SHARE]
            share = own if own >= 0 else terms[P_MIN_SHARE]
            part = min(account.part, account.converted)
            fee = account.fee if account.converted > 0 and account.bucket < terms[P_SUSPEND] else 0
            plain = bill - account.converted - fee
            account.converted -= part
            account.due = part + fee + min(max(terms[P_MIN_FLOOR], mul_q31(plain, share)), plain - account.arrears)
        account.owed = account.due if account.was_in_trial else account.arrears + account.due
        structural = world.segment[G_MODEL] == 0
        account.in_late_stage = structural and has_late_stage(world, account) and bill > 0 and account.months_late > 0


def due_date(world, b):
    """5. One word per account decides whether the borrower will not, forgets, or pays what cash allows."""
    payers = []
    debt = sum(account.bill for account in b.accounts)
    decisions = world.words(MONTHS, 0)[1] >> 1, world.words(MONTHS, 0)[3] >> 1
    for account, u in zip(b.accounts, decisions, strict=True):
        if account.in_late_stage:
            account.reason = account.cause
            continue
        if account.bill == 0:
            continue
        q = chance_will_not(world, b, account, debt)
        f = chance_to_forget(world, b, account)
        account.gives_up = world.words(MONTHS, 4)[2 + account.product] >> 1 < chance_to_give_up(world, account)
        if u < q or account.has(FRAUD | FIRST_REFUSED) or account.gives_up:
            account.reason = WILL_NOT
        elif u >= ONE - mul_q31(f, ONE - q):
            account.reason = FORGOT
        else:
            if u < q + mul_q31(world.tie[TIE_PART][tied_bucket(account)], ONE - mul_q31(f, ONE - q) - q):
                account.meant = max(account.due, 0)  # below 0 where more is overdue than owed
            payers.append(account)

    if world.segment[G_PAY_FIRST] == LOAN:
        payers.reverse()
    allowed, refused = (0, b.outside) if b.reported > 0 else (b.outside, 0)  # of credit elsewhere
    for account in payers:
        meant = account.owed if account.meant is None else account.meant
        from_buffer = min(meant, max(b.buffer, 0))
        short = meant - from_buffer
        from_outside, not_given = min(short, allowed), min(short, refused)
        allowed, refused = allowed - from_outside, refused - not_given
        account.flow[F_OUTSIDE_USED] += from_outside
        account.flow[F_OUTSIDE_REFUSED] += not_given
        b.buffer -= from_buffer
        b.outside -= from_outside
        account.paid = from_buffer + from_outside
        if account.paid < account.owed:
            account.reason = SHORT if b.employed else CANNOT
    if b.line in payers and b.line.paid >= b.line.owed:
        pay_extra(world, b)

    for account in b.accounts:
        account.missed = account.paid < account.owed
        account.paid_in_month = account.paid


def chance_to_give_up(world, account):
    """5. Return the q31 chance that a plan or its trial is given up, whoever could pay: another in early months."""
    levers = world.lever[account.product]
    if account.was_in_trial:
        return levers[V_TRIAL_DROPS]
    if not account.was_in_plan:
        return 0
    return levers[V_PLAN_DROPS_EARLY if account.watched > WATCHED_MONTHS - EARLY_MONTHS else V_PLAN_DROPS]


def pay_extra(world, b):
    """5 and 6. Pay of the line's bill what is wanted beyond what was owed, as far as cash allows."""
    rest = b.line.bill - b.line.owed - b.line.converted
    usual = min(mul_q16(world.segment[G_REVOLVER_SHARE], world.lever[LINE][V_PAY_EXTRA]), ONE)
    want = rest if b.full_payer else mul_q31(rest, usual)
    arranged = b.line.was_in_plan or b.line.was_in_trial
    b.line.extra = 0 if arranged else min(want, max(b.buffer, 0))
    b.buffer -= b.line.extra


def convert_bill(world, b):
    """5. Who pays the line's due on time may turn what is left of the bill into instalments."""
    line, terms, rest = b.line, world.terms[LINE], b.line.bill - b.line.owed
    paid = (
        line.bill > 0 and line.reason == UNKNOWN and line.bucket == 0 and line.status == ACTIVE and not line.was_in_plan
    )
    if not paid or line.converted > 0 or rest <= 0 or line.bill <= terms[P_CONVERT_FLOOR]:
        return
    if world.lever[LINE][V_NEW_CREDIT] != 1:
        return
    usual = usual_spending(world, b)
    short, large = b.buffer + line.extra < rest, line.bill >= 2 * usual
    if b.full_payer and not (short or large):
        return
    chance, v = terms[P_CONVERT + short + 2 * large], (world.words(MONTHS, 0)[1] & 0xFFFF) << 15
    if v >= chance:
        return
    offers = world.tables.conversion[b.segment]
    term = first_above([mul_q31(chance, offer[TERM_CUMULATIVE]) for offer in offers], v)
    line.converted, line.part = rest, -(-rest // offers[term][TERM_MONTHS])
    line.fee = mul_q31(rest, offers[term][TERM_FEE])
    b.buffer, line.extra = b.buffer + line.extra, 0
    line.flow[F_N_CONVERSIONS] += 1
    line.flow[F_CONVERTED] += rest


def settle_early(world, b):
    """5. Who has a job and pays the loan's due on time may repay all of it, with money from elsewhere."""
    loan, terms, rest = b.loan, world.terms[LOAN], b.loan.bill - b.loan.owed
    paid = loan.bill > 0 and loan.reason == UNKNOWN and loan.bucket == 0 and not loan.was_in_plan
    if not paid or rest <= 0 or not b.employed:
        return
    is_first = 0 < loan.age == world.month - 1
    worst, better = (P_SETTLE_FIRST, P_SETTLE_FIRST_STEP) if is_first else (P_SETTLE, P_SETTLE_STEP)
    low, step = (mul_q16(terms[name], world.economy[M_SETTLEMENT]) for name in (worst, better))
    chance = min(low, ONE // 2) + b.quality * min(step, ONE // 2 // 15)
    if (world.words(MONTHS, 0)[3] & 0xFFFF) << 15 < chance:
        loan.extra = rest
        loan.flow[F_N_SETTLED_EARLY] += 1
        loan.flow[F_SETTLED_EARLY] += rest


def chance_will_not(world, b, account, debt):
    """Return the q31 chance that the borrower will not pay this account."""
    tables, scalars, g = world.tables, world.segment, b.segment
    burden = sum((debt >> k) > (world.pay >> 2) for k in range(7))
    x = scalars[G_WILL_NOT_BASE] + world.terms[account.product][P_WILL_NOT] + world.economy[M_WILL_NOT]
    x += world.lever[account.product][V_WILL_NOT] + world.tie[TIE_WILL_NOT][tied_bucket(account)]
    bucket, cause = (0, UNKNOWN) if account.was_in_trial else (account.bucket, account.cause)
    x += tables.will_not_bucket[g][bucket] + tables.will_not_cause[g][cause]
    x += tables.will_not_burden[g][burden] + tables.will_not_quality[g][b.quality]
    if account.status == CLOSED:
        x += scalars[G_WILL_NOT_CLOSED]
    if b.reported > 0:
        x += scalars[G_WILL_NOT_REPORTED]
    return sigmoid(tables.sigmoid, x)


def tied_bucket(account):
    """Return the bucket by which an account is tied to the book's levels: 0 in a trial."""
    return 0 if account.was_in_trial else account.bucket


def chance_to_forget(world, b, account):
    """Return the q31 chance that the borrower forgets this due, and count the reminder."""
    levers = world.lever[account.product]
    enrolled = b.autopay < max(world.segment[G_AUTOPAY], levers[V_AUTOPAY])
    forget = min(mul_q16(b.forget, world.economy[M_FORGET]), ONE - 1)
    manual = mul_q31(forget, world.tables.alert[b.segment][b.alert])
    f = 0 if enrolled else min(mul_q16(manual, world.tie[TIE_FORGET][account.bucket]), ONE - 1)
    if b.reach < levers[V_REACH]:
        account.flow[F_N_REMINDED] += 1
        f = mul_q31(f, world.stage[account.product][account.bucket][S_FORGET_KEEP])
    return mul_q31(f, levers[V_EDUCATION_FORGET]) if b.education < levers[V_EDUCATED] else f


def in_the_month(world, b):
    """6. Who missed may still pay everything owed on a day of the month, even from next month's usual income."""
    words = world.words(MONTHS, 1)
    for account in b.accounts:
        if not account.missed or account.in_late_stage:
            continue
        v, rest = words[account.product] >> 1, account.owed - account.paid
        by_day = world.tables.in_month[b.segment][account.reason][min(account.bucket, 1)]
        can_pay = rest <= b.buffer + world.advance and not account.has(FRAUD | FIRST_REFUSED) and not account.gives_up
        if v < by_day[30] and can_pay:
            account.cured_on = 1 + first_above(by_day[1:], v)
        order = priority(world, account, account.bucket)
        climb_ladder(world, b, account, v, by_day[30], can_pay, order)
        if account.cured_on is not None:
            account.paid_in_month = account.owed
            b.buffer -= rest
            if account.product == LINE and account.reason == FORGOT:
                pay_extra(world, b)


def priority(world, account, stage):
    """6. Return the account's class of priority in the order of the ladder; the last is worked first."""
    order = world.lever[account.product][V_PRIORITY]
    if order == BY_DAYS:
        return stage
    amount = mul_q31(account.bill, world.stage[account.product][stage][S_PRIORITY]) >> PRIORITY_BITS
    return min(amount.bit_length(), PRIORITIES - 1) if order == BY_AMOUNT else 0


def is_served(world, account, order):
    """6. Return whether the ladder works the account, for want of capacity by lot in one class of priority."""
    levers, u = world.lever[account.product], world.words(MONTHS, 2)[2 + account.product] >> 1
    share = levers[V_SERVED] if order == levers[V_SERVED_CLASS] else ONE
    return order >= levers[V_SERVED_CLASS] and u < min(ONE, mul_q16(share, world.economy[M_COLLECTION]))


def count_wanted(world, account, order, contacts=1):
    """6. Count contacts that the ladder would make if it worked every due, by class of priority where it has one."""
    account.flow[F_N_CONTACTS_WANTED] += contacts
    account.flow[F_N_CONTACTS_WANTED_IN + order] += contacts * (world.lever[account.product][V_PRIORITY] != BY_LOT)


def is_reached(world, b, account, k, stage):
    """6. Return whether level k reaches the borrower: who writes or sues does, who talks must find them."""
    if LEVELS[k] not in ("bot", "call", "agency"):
        return True
    levers, band = world.lever[account.product], (stage >= 1) + (stage >= 3) + (stage >= 6)
    reach = min(ONE, mul_q16(world.segment[G_REACH + band], world.ladder[account.product][stage][k][L_REACH]))
    if b.education < levers[V_EDUCATED]:
        reach = min(ONE, mul_q16(reach, levers[V_EDUCATION_REACH]))
    return b.contact < reach


def climb_ladder(world, b, account, v, settled, can_pay, order):
    """6. Contact level after level until the due is paid; each brings in a share of those not yet settled.

    `v` is the account's word, `settled` the q31 share who pay by themselves: the levels share out what lies above it.
    Who is not served is not contacted: only what the ladder would have done is counted.
    """
    flow, by_itself, served = account.flow, account.cured_on, is_served(world, account, order)
    for k, level in enumerate(world.ladder[account.product][account.bucket]):
        if not level[L_USED]:
            continue
        if by_itself is not None and by_itself <= level[L_DAY]:
            return
        count_wanted(world, account, order)
        if served:
            flow[F_N_CONTACTS_AT + k] += 1
            flow[F_CONTACT_COST] += level[L_COST]
            account.cash -= level[L_COST]
        if by_itself is not None:
            continue
        effect = level[L_EFFECT + account.reason - FORGOT] * is_reached(world, b, account, k, account.bucket)
        before, settled = settled, settled + mul_q31(ONE - settled, effect)
        if before <= v < settled and can_pay:
            if served:
                rest = account.owed - account.paid
                account.cured_on = level[L_DAY]
                flow[F_N_COLLECTED_AT + k] += 1
                flow[F_COLLECTED_AT + k] += rest
                flow[F_CONTACT_COST] += mul_q31(rest, level[L_COMMISSION])
                account.cash -= mul_q31(rest, level[L_COMMISSION])
            return


def age_accounts(world, b):
    """7. The new bucket and arrears that follow from what was paid towards what was owed."""
    for account in b.accounts:
        if not account.was_account:
            continue
        paid = account.paid_in_month
        if account.was_in_trial and paid >= account.owed:
            keep_trial(account, paid)
        else:
            age_account(world, account, account.owed + account.arrears * account.was_in_trial, paid, account.bucket)


def age_account(world, account, owed, paid, before):
    """Set the bucket and arrears of an account in bucket `before` that paid so much of what was owed."""
    hold = world.terms[account.product][P_HOLD]
    account.arrears = owed - paid
    account.bucket = 0
    if paid < owed:
        account.bucket = min(WORST, -(-account.arrears * (before + 1) // owed))
        if hold > 0 and account.due > 0 and paid >= mul_q31(account.due, hold):
            account.bucket = min(account.bucket, before)


def keep_trial(account, paid):
    """7. Who makes the trial payment stays as late as they were, unless nothing is left to be overdue."""
    account.arrears = min(account.arrears, account.balance - paid)
    account.bucket = account.was_bucket if account.arrears > 0 else 0
    account.state = 0


def roll_accounts(world, b):
    """5 and 6 under roll_rates: the matrix draws the next state, and payment follows from it."""
    decisions = world.words(MONTHS, 0)[1] >> 1, world.words(MONTHS, 0)[3] >> 1
    for account, u in zip(b.accounts, decisions, strict=True):
        if not account.was_account:
            continue
        states = world.tables.roll_state[b.segment][account.product]
        bill, owed, before = account.bill, account.owed, account.bucket
        drawn = first_above(world.roll[account.product][account.state], u)
        moved = world.tables.roll_next[b.segment][account.product][account.state][drawn]
        stays, to = moved >= STAYS_WORSE, moved % STAYS_WORSE
        bucket = states[to][ROLL_BUCKET]
        if bucket == EXIT_WRITTEN_OFF:
            account.exit = EXIT_WRITTEN_OFF
            account.bucket, account.arrears = min(before + 1, WORST), owed
        elif bucket == EXIT_PAID_OFF:
            account.exit = EXIT_PAID_OFF
            account.bucket, account.arrears = 0, 0
            account.paid, account.extra = owed, bill - owed
        elif bucket > before or stays:
            account.bucket = min(before + 1, WORST) if stays else bucket
            missed_at_once = max(0, account.bucket - before - 1)
            account.arrears = min(bill, owed + missed_at_once * account.due)
        else:
            account.bucket, account.arrears = bucket, (bucket * owed) // (before + 1)
            account.paid = owed - account.arrears
            if bucket == 0:
                account.extra = mul_q31(bill - owed, states[to][ROLL_PAYS])
        account.state = to
        account.paid_in_month = account.paid
        account.missed = account.paid < owed


def work_open_accounts(world, b):
    """7. Collectors work accounts that were late and still are; a part payment to them leaves the bucket as it is."""
    words = world.words(MONTHS, 1)
    for account in b.accounts:
        if not account.missed or account.was_bucket == 0 or account.cured_on is not None:
            continue
        if account.exit is not None or account.was_in_plan or account.in_late_stage or account.parts_left > 0:
            continue
        if account.was_in_trial:
            continue
        lever, flow = world.stage[account.product][account.was_bucket], account.flow
        flow[F_RECOVERY_COST] += lever[S_RECOVERY_COST]
        account.cash -= lever[S_RECOVERY_COST]
        if words[2 + account.product] >> 1 >= lever[S_RECOVER_CHANCE] or account.has(FRAUD):
            continue
        balance = account.balance - account.paid
        account.recovered = mul_q31(balance, lever[S_RECOVER_SHARE])
        flow[F_RECOVERED_OPEN] += account.recovered
        flow[F_COMMISSION] += mul_q31(account.recovered, lever[S_COMMISSION])
        account.cash -= mul_q31(account.recovered, lever[S_COMMISSION])
        account.arrears = min(account.arrears, balance - account.recovered)
        if account.recovered == balance:
            account.settled = True
            account.bucket, account.state = 0, world.tables.roll_next[b.segment][account.product][account.state][0]


def has_late_stage(world, account):
    """Return whether what comes of the product follows its age from 90 days past due on."""
    return world.terms[account.product][P_LATE_PART] > 0


def late_payment(world, b, account, demanded, effort):
    """7 and 11. Return what a late account pays, by one draw: all that is demanded, a part of the balance, nothing."""
    g, terms, u = b.segment, world.terms[account.product], world.words(MONTHS, 1)[2 + account.product] >> 1
    if account.has(FRAUD):
        return 0
    hazards, of_cause = world.tables.late_hazard[g][account.product], world.tables.late_cause[g]
    out_of_work = account.cause == CANNOT and not b.employed
    pay = mul_q16(b.income, world.economy[M_INCOME_INDEX])
    burden = sum((account.balance >> k) > (pay >> 2) for k in range(7))
    hazard = hazards[max(account.months_late, 1) - 1]
    for multiplier in (
        of_cause[LATE_UNEMPLOYED] if out_of_work else of_cause[account.cause],
        world.tables.late_burden[g][burden],
        effort,
        world.economy[M_COLLECTION],
    ):
        hazard = min(ONE, mul_q16(hazard, multiplier))
    full = 0 if out_of_work else mul_q31(hazard, terms[P_LATE_FULL])
    all_of_it = min(ONE, full * account.balance // demanded)
    if u < all_of_it:
        return demanded
    if u < all_of_it + (hazard - full) * ONE // terms[P_LATE_PART]:
        return mul_q31(account.balance, terms[P_LATE_PART])
    return 0


def work_late_accounts(world, b):
    """7. An open account in the late stage pays all, a part or nothing; who pays all demanded is late no more."""
    for account in b.accounts:
        if not account.in_late_stage or account.parts_left > 0:
            continue
        stage = max(account.was_bucket, min(account.months_late + 2, WORST))
        lever, flow = world.stage[account.product][stage], account.flow
        levels = [(k, x) for k, x in enumerate(world.ladder[account.product][stage]) if x[L_USED]]
        order, arrears = priority(world, account, stage), account.arrears_before
        count_wanted(world, account, order, len(levels))
        if not is_served(world, account, order):
            levels = []
        effort, cost = lever[S_EFFORT], 0
        for k, level in levels:
            flow[F_N_CONTACTS_AT + k] += 1
            cost += level[L_COST]
            if is_reached(world, b, account, k, stage):
                effort = min(NEVER, mul_q16(effort, level[L_LIFT]))
        arranged = account.was_in_plan or account.was_in_trial
        called_in = (account.status == CLOSED or account.watched > 0) and not arranged
        demanded = account.balance if called_in else account.owed
        account.recovered = late_payment(world, b, account, demanded, effort)
        may_settle = min(account.was_bucket, account.bucket) >= 3 and not arranged
        if may_settle and takes_offer(world, account, account.recovered, stage):
            account.takes_offer, account.recovered = True, 0
        cost += sum(mul_q31(account.recovered, level[L_COMMISSION]) for _, level in levels)
        commission = mul_q31(account.recovered, lever[S_COMMISSION])
        flow[F_RECOVERED_OPEN] += account.recovered
        account.count_late_paid(account.recovered)
        flow[F_CONTACT_COST] += cost
        flow[F_RECOVERY_COST] += lever[S_RECOVERY_COST]
        flow[F_COMMISSION] += commission
        account.cash -= cost + commission + lever[S_RECOVERY_COST]
        account.arrears = min(account.arrears, account.balance - account.recovered)
        if account.recovered >= demanded:
            account.settled = True
            account.bucket, account.state = 0, world.tables.roll_next[b.segment][account.product][account.state][0]
            account.arrears = arrears if account.was_in_trial else 0
            if account.was_in_trial:
                keep_trial(account, account.recovered)
        elif account.recovered > 0 and not (called_in or account.was_in_plan or account.was_in_trial):
            age_account(world, account, account.owed, account.recovered, account.was_bucket)


def take_payments(world, b):
    """7. Clean months, cause, days late, and the payment itself: fees first, then interest, then principal."""
    for account in b.accounts:
        if not account.was_account:
            continue
        account.clean = 0 if account.missed else min(account.clean + 1, 255)
        if account.in_late_stage and account.stays_late():
            pass  # for whatever it got there
        elif account.bucket == 0:
            account.cause = UNKNOWN
        elif account.missed and account.paid_in_month < account.owed and account.cause in (UNKNOWN, FORGOT):
            account.cause = account.reason
        account.days = 30 * account.bucket
        if account.cured_on is not None and not account.was_in_trial:
            account.days = account.cured_on
        account.worst = account.bucket
        account.flow[F_N_JUMPS] += account.bucket > account.was_bucket + 1
        paid = account.paid_in_month + account.extra + account.recovered
        account.flow[F_PAID] += paid
        account.cash += paid
        account.take_off(paid)


def interest_and_fees(world, b):
    """8. Interest on what is carried and not in arrears; a late charge on what was missed at the due date."""
    for account in b.accounts:
        if account.bill == 0:
            continue
        terms = world.terms[account.product]
        base = max(0, account.balance - account.arrears)
        account.converted = min(account.converted, base)
        interest = mul_q31(base - account.converted, monthly_rate(world, account))
        fee = of_converted = account.fee if account.converted > 0 else 0
        if account.missed and not account.settled:
            late = world.tables.late[b.segment][account.product]
            fee += mul_q31(account.owed - account.paid, late[30 if account.cured_on is None else account.cured_on])
        bucket = max(account.bucket, 3) if account.in_late_stage and account.stays_late() else account.bucket
        if bucket >= terms[P_SUSPEND]:
            account.flow[F_INTEREST_NOT_CHARGED] += interest + fee
            continue
        account.balance += interest + fee
        account.interest_due += interest
        account.fee_due += fee
        account.flow[F_INTEREST] += interest
        account.flow[F_FEES] += fee
        account.flow[F_CONVERSION_FEES] += of_converted


def monthly_rate(world, account):
    """8. Return the q31 rate of the month: the contract's, by the grade at its start, or that of a plan."""
    contract, levers = world.terms[account.product][P_RATE], world.lever[account.product]
    if account.was_in_plan:
        return mul_q31(contract, levers[V_PLAN_RATE])
    if world.terms[account.product][P_FIXED_RATE] == 1 and account.was_account:
        return account.rate
    return min(ONE, mul_q16(contract, levers[V_RATE + account.was_grade]))


def usual_spending(world, b):
    """5 and 9. Return what the borrower usually wants on the line in this month, what education leaves of it."""
    usual, levers = mul_q16(b.spend, world.economy[M_SPENDING]), world.lever[LINE]
    return mul_q31(usual, levers[V_EDUCATION_SPEND]) if b.education < levers[V_EDUCATED] else usual


def spend(world, b, structural):
    """9. Wanted spending goes on the line as far as it may; the rest is paid from the buffer."""
    line, levers = b.line, world.lever[LINE]
    if levers[V_NEW_CREDIT] != 1:
        return
    mood = world.tables.spending[b.segment][world.words(MONTHS, 0)[2] & 1023]
    if structural:
        wanted = mul_q16(usual_spending(world, b), mood)
        if not b.employed:
            wanted = mul_q31(wanted, world.segment[G_SPEND_UNEMPLOYED])
    else:
        usual = world.tables.roll_state[b.segment][LINE][line.state][ROLL_SPEND]
        wanted = mul_q16(mul_q16(b.spend, mul_q16(usual, world.economy[M_SPENDING])), mood)
    wanted += world.need
    if line.was_account:
        in_full = b.full_payer and line.paid_in_month + line.extra >= line.bill
        wanted = mul_q16(wanted, world.answer(LINE, C_DEMAND, line.was_grade, in_full))
    if line.is_open and line.has(FRAUD):
        wanted = max(0, line.limit - line.balance)
    late = line.days >= levers[V_FREEZE_DAYS] or line.days >= levers[V_CLOSE_DAYS]
    may_spend = line.status == ACTIVE and not late and line.exit is None
    on_line = min(wanted, max(0, line.limit - line.balance)) if may_spend else 0
    if structural:
        b.buffer -= min(wanted - on_line, max(b.buffer, 0))
    line.balance += on_line
    line.cash -= on_line
    line.flow[F_NEW_CREDIT] += on_line


def count_late(world, b):
    """9. Count who was current and is late on the reporting day, and what they owe now."""
    day = world.segment[G_REPORTING_DAY]
    for account in b.accounts:
        late = account.missed and (account.cured_on is None or account.cured_on > day)
        if day == 0 or account.was_bucket > 0 or account.in_late_stage or not late:
            continue
        account.flow[F_N_DPD1] += 1
        account.flow[F_BALANCE_DPD1] += account.balance
        alone = account.bucket == 0 and account.probation == account.watched == 0
        account.flow[F_BALANCE_DPD1_CURRENT] += account.balance * alone


def draw_new_loan(world, b, structural):
    """9. Draw a new loan if none was open at the start of the month and the line is neither late nor in a plan."""
    loan, terms = b.loan, world.terms[LOAN]
    wants = world.words(MONTHS, 0)[2]
    ticket, term, _, _ = world.words(MONTHS, 2)
    in_trouble = b.line.is_open and (b.line.bucket > 0 or b.line.plan_left > 0)
    if world.lever[LOAN][V_NEW_CREDIT] != 1 or loan.status != ACTIVE or not loan.was_empty or in_trouble:
        return
    if wants >> 1 >= mul_q16(
        terms[P_DRAW], world.answer(LOAN, C_DEMAND, loan.was_grade, b.full_payer)
    ) and not loan.has(FRAUD):
        return
    amount, _ = new_loan(world, loan, ticket, term)
    if amount <= 0:
        return
    rate = monthly_rate(world, loan)
    interest, loan.rate = mul_q31(amount, rate), min(rate, ONE - 1)
    loan.drawn = True
    loan.balance, loan.interest_due = amount + interest, interest
    loan.ever = loan.clean = loan.state = loan.observed = 0
    loan.age = world.month
    loan.marks = GRANTED_SINCE | loan.marks & (FRAUD | FIRST_REFUSED)
    loan.flow[F_NEW_CREDIT] += amount
    loan.flow[F_INTEREST] += interest
    loan.flow[F_N_GRANTED] += 1
    if structural:
        b.buffer += mul_q31(amount, terms[P_KEPT])


def close_accounts(world, b):
    """10. Close what is late enough, then, across products, the other account of the borrower."""

    def close(account, late):
        close_one(b, account, late.reason if late.cause == UNKNOWN else late.cause)

    def may_close(account):
        return account.status in (ACTIVE, FROZEN) and account.exit is None

    late = [a for a in b.accounts if may_close(a) and a.days >= world.lever[a.product][V_CLOSE_DAYS]]
    for account in late:
        close(account, account)
    for account in late:
        other = b.accounts[1 - account.product]
        if world.lever[account.product][V_CROSS] and may_close(other):
            close(other, account)


def close_one(b, account, cause):
    """Close an account to new credit, if it is not closed yet, for that cause."""
    if account.status in (ACTIVE, FROZEN):
        account.status, account.limit = CLOSED, 0
        account.flow[F_N_CLOSURES_BY + cause] += 1
        account.flow[F_N_CLOSURES_GOOD_BY + cause] += b.quality >= 8


def end_plans(b):
    """10. A plan is broken by two missed dues, or one at its end; without, it ends kept, or when all is repaid."""
    for account in b.accounts:
        if not (account.is_open and account.was_in_plan):
            continue
        account.flow[F_N_PLAN_MONTHS] += 1
        over = account.plan_left == 0 or account.balance <= 0
        broken = account.bucket >= 2 or (over and account.bucket > 0) or account.gives_up
        if over or broken:
            account.flow[F_N_PLANS_BROKEN if broken else F_N_PLANS_KEPT] += 1
            account.plan_left = 0


def freeze_and_cut(world, b):
    """10. Freeze and thaw; cut the limit once for each bucket fallen into."""
    for account in b.accounts:
        levers = world.lever[account.product]
        if account.status not in (ACTIVE, FROZEN) or account.exit is not None:
            continue
        if account.status == ACTIVE and account.days >= levers[V_FREEZE_DAYS] and account.bucket > 0:
            account.status = FROZEN
        elif account.status == FROZEN and account.bucket == 0 and account.plan_left == 0:
            account.status = ACTIVE
        before = account.limit
        for bucket in range(account.was_bucket + 1, account.bucket + 1):
            keep = world.stage[account.product][bucket][S_LIMIT_KEEP]
            if keep < ONE:
                account.limit = max(mul_q31(account.limit, keep), min(account.limit, levers[V_LIMIT_FLOOR]))
        account.flow[F_N_LIMIT_CUT] += account.limit < before


def offer_plans(world, b):
    """10. Who lacked the cash may accept a plan: current again, frozen, the balance in equal parts."""
    words = world.words(MONTHS, 3)
    for account in b.accounts:
        levers, n = world.lever[account.product], world.lever[account.product][V_PLAN_MONTHS]
        if not account.is_open or account.exit is not None:
            continue
        if account.was_in_trial:
            missed = account.paid_in_month + account.recovered < account.owed
            account.flow[F_N_TRIALS_FAILED] += missed
            account.trial_left = 0 if missed or account.bucket == 0 else account.trial_left - 1
            passed = not missed and account.bucket > 0 and account.balance > 0 and account.trial_left == 0
            if not passed:
                continue
        else:
            lacked_cash = account.missed and account.cured_on is None and account.reason in (SHORT, CANNOT)
            offered = levers[V_PLAN_BUCKET]
            if b.education < levers[V_EDUCATED]:  # who was taught asks for it
                offered = min(offered, levers[V_EDUCATION_PLAN])
            if not lacked_cash or account.balance <= 0 or account.was_in_plan or account.bucket < offered:
                continue
            if words[account.product] >> 1 >= levers[V_PLAN_CHANCE] or account.parts_left > 0:
                continue
            if account.watched + levers[V_PLAN_PAUSE] > WATCHED_MONTHS + 1:
                continue
            if levers[V_TRIAL_MONTHS] > 0:
                account.flow[F_N_TRIALS] += 1
                account.trial_left = levers[V_TRIAL_MONTHS]
                account.status = FROZEN if account.status == ACTIVE else account.status
                continue
        forgiven = mul_q31(account.balance, levers[V_PLAN_FORGIVE])
        account.flow[F_N_PLANS] += 1
        account.flow[F_FORGIVEN] += forgiven
        account.forgiven, account.cause_before = forgiven, account.cause
        account.take_off(forgiven)
        account.count_months(account.probation, WATCHED_MONTHS + 1)
        account.in_late_stage |= has_late_stage(world, account) and account.bucket >= 3
        if not account.in_late_stage:
            account.cause = UNKNOWN
        account.arrears = account.bucket = account.converted = 0
        account.plan_left = n
        account.instalment = (account.balance + n - 1) // n
        if account.product == LOAN:
            account.months_left = n
        if account.status == ACTIVE:
            account.status = FROZEN


def takes_offer(world, account, paid, stage):
    """7 and 11. Return whether who would pay the whole balance settles for an offer instead."""
    offered = world.stage[account.product][stage][S_OFFER_CHANCE] > 0
    u = world.words(MONTHS, 4)[account.product] >> 1
    return offered and paid == account.balance and u < world.lever[account.product][V_OFFER_DIVERTS]


def settlement(world, b, account, stage, may_be_offered):
    """10 and 11. Return (what is paid under a settlement, whether that settles the debt, what an offer cost)."""
    levers, flow = world.lever[account.product], account.flow
    stage_levers, u = world.stage[account.product][stage], world.words(MONTHS, 4)[account.product] >> 1
    cost = 0
    if account.parts_left > 0:
        if u < levers[V_OFFER_BREAKS]:
            flow[F_N_SETTLEMENTS_BROKEN] += 1
            account.parts_left = 0
            return 0, False, 0
    else:
        if not may_be_offered or stage_levers[S_OFFER_CHANCE] == 0:
            return 0, False, 0
        flow[F_N_OFFERS] += 1
        cost = levers[V_OFFER_COST]
        flow[F_RECOVERY_COST] += cost
        out_of_work = account.cause == CANNOT and not b.employed
        of_cause = levers[V_OFFER_CAUSE + (LATE_UNEMPLOYED if out_of_work else account.cause)]
        accepts = u < mul_q16(stage_levers[S_OFFER_CHANCE], of_cause) and not account.has(FRAUD)
        if not (accepts or account.takes_offer):
            return 0, False, cost
        flow[F_N_SETTLEMENTS] += 1
        account.parts_left = levers[V_OFFER_PARTS]
        account.settlement_part = -(-mul_q31(account.balance, stage_levers[S_OFFER_PAYS]) // account.parts_left)
    paid = min(account.settlement_part, account.balance)
    account.parts_left = 0 if paid == account.balance else account.parts_left - 1
    settled = account.parts_left == 0
    flow[F_N_SETTLEMENTS_KEPT] += settled
    flow[F_SETTLEMENT_CASH] += paid
    return paid, settled, cost


def settle_open_accounts(world, b):
    """10. Who is in default, in no plan and pays nothing may settle the debt for part of it, at once or in parts."""
    for account in b.accounts:
        if not account.is_open or account.exit is not None:
            continue
        arranged = account.was_in_plan or account.was_in_trial
        if account.was_bucket < 3 or account.bucket < 3 or account.balance <= 0 or arranged:
            account.parts_left = 0
            continue
        stage = max(account.was_bucket, min(account.months_late + 2, WORST))
        paid, settled, cost = settlement(world, b, account, stage, account.paid_in_month + account.recovered == 0)
        flow, commission = account.flow, mul_q31(paid, world.stage[account.product][stage][S_COMMISSION])
        contacts = 0
        if is_served(world, account, priority(world, account, stage)):
            levels = world.ladder[account.product][stage]
            contacts = sum(mul_q31(paid, level[L_COMMISSION]) for level in levels if level[L_USED])
        flow[F_PAID] += paid
        flow[F_RECOVERED_OPEN] += paid
        account.count_late_paid(paid)
        flow[F_COMMISSION] += commission
        flow[F_CONTACT_COST] += contacts
        account.cash += paid - commission - contacts - cost
        account.take_off(paid)
        if settled or account.parts_left > 0:
            close_one(b, account, account.cause)
            account.converted = 0
        if settled:
            account.forgiven, account.cause_before = account.balance, account.cause
            flow[F_FORGIVEN] += account.balance
            account.take_off(account.balance)
            account.bucket = 0
        account.arrears = min(account.arrears, account.balance)


def let_go(world, b):
    """10. A closed line with nothing owed leaves, a loan repaid in full becomes a facility again or leaves."""
    line, loan = b.line, b.loan
    paid_off = line.exit == EXIT_PAID_OFF
    if paid_off or (line.exit is None and line.status == CLOSED and line.balance <= 0):
        line.flow[F_PAID] += line.balance  # a credit balance is refunded
        line.cash += line.balance
        line.flow[F_N_PAID_OFF if paid_off else F_N_CLOSED_AT_ZERO] += 1
        line.balance = 0
        line.age = line.age if paid_off else world.month
        line.leave_open_book(TERMINATED if paid_off else CLOSED_SETTLED, TO_PAID_OFF if paid_off else TO_CLOSED_AT_ZERO)
    if loan.was_account and loan.balance == 0:
        loan.flow[F_N_PAID_OFF] += 1
        loan.leaves_to = TO_PAID_OFF
        loan.arrears = loan.bucket = loan.cause = loan.interest_due = loan.fee_due = 0
        loan.instalment = loan.months_left = loan.plan_left = loan.trial_left = loan.state = 0
    if loan.status == CLOSED and loan.balance == 0:
        loan.status, loan.limit, loan.age = CLOSED_SETTLED, 0, world.month


def report(world, b):
    """10. Report to the credit bureau who is late enough; what was reported fades month by month."""
    late = [
        account
        for account in b.accounts
        if account.was_account and account.exit is None and account.days >= world.lever[account.product][V_REPORT_DAYS]
    ]
    if not late:
        b.reported = max(b.reported - 1, 0)
        return
    late[0].flow[F_N_REPORTED] += b.reported == 0
    b.reported = max(world.lever[account.product][V_REPORT_MONTHS] for account in late)


def note_worst(world, account, loses):
    """12. Note the first time an account is late and in default: 90 days late, or it brings a loss; note a claim."""
    observed_in, flow = world.tables.observe_month, account.flow
    claim, balance = world.lever[account.product][V_CLAIM], account.balance + account.forgiven
    if loses:
        account.worst = max(account.worst, 3)
    is_first_30 = account.worst >= 1 and account.ever < 1
    granted = world.borrower.entry if account.product == LINE else account.age
    on_first_due = account.has(FRAUD | FIRST_REFUSED) or 0 < granted == world.month - 1
    flow[F_N_FIRST_30] += is_first_30
    flow[F_N_FIRST_PAYMENT_30] += is_first_30 and on_first_due
    if claim < NEVER and not account.has(CLAIMED) and (loses or account.worst >= claim > account.was_bucket):
        flow[F_CLAIMABLE] += balance
        account.marks |= CLAIMED
    if account.worst >= 3 and account.ever < 3:
        flow[F_N_DEFAULT] += 1
        flow[F_DEFAULT_BALANCE] += balance
        flow[F_N_DEFAULT_GRANTED] += account.has(GRANTED_SINCE)
        account.marks = account.marks & ~GRANTED_SINCE | IN_WORKOUT
        account.defaulted_in_year = account.observed > 0 and 1 <= world.month - observed_in <= 12
    elif account.worst >= 3 and not account.has(OPENED_IN_DEFAULT | IN_WORKOUT):
        flow[F_WORKOUT_CASH] -= balance  # again, after a cure: as if it were lent anew
        account.marks |= IN_WORKOUT
    account.ever = max(account.ever, account.worst)


def write_off_or_sell(world, b):
    """11. Write off, or else sell, what the policy or the matrix says of the open book; note the losses."""
    for account in b.accounts:
        if account.forgiven == 0 and not account.is_account:
            continue
        levers, flow = world.lever[account.product], account.flow
        if account.exit == EXIT_WRITTEN_OFF and account.balance < 0:
            flow[F_PAID] += account.balance  # a credit balance is refunded
            account.cash += account.balance
            account.balance = 0
        balance = account.balance
        late_enough = balance > 0 and account.bucket >= levers[V_WRITE_OFF]
        is_written_off = late_enough or account.exit == EXIT_WRITTEN_OFF
        is_sold = not is_written_off and balance > 0 and account.bucket >= levers[V_SELL_OPEN]
        proceeds = mul_q31(balance, sale_price(world, account, account.bucket)) if is_sold else 0
        note_worst(world, account, account.forgiven > 0 or is_written_off or (is_sold and proceeds < balance))
        account.lose(account.forgiven, account.cause_before)
        if is_written_off:
            flow[F_WRITTEN_OFF] += balance
            flow[F_WRITTEN_OFF_INTEREST] += account.interest_due
            flow[F_WRITTEN_OFF_FEES] += account.fee_due
            flow[F_N_WRITTEN_OFF] += 1
            account.lose(balance, account.cause)
            account.leave_open_book(WRITTEN_OFF, TO_WRITTEN_OFF)
            if levers[V_PARTNER] == 1:
                account.marks |= BORNE
        elif is_sold:
            flow[F_SOLD_OPEN] += balance
            flow[F_SOLD_OPEN_PROCEEDS] += proceeds
            flow[F_N_SOLD_OPEN] += 1
            flow[F_WORKOUT_CASH] += proceeds * account.has(IN_WORKOUT)
            account.lose(balance - proceeds, account.cause)
            account.leave_open_book(SOLD, TO_SOLD)
            account.balance = 0
        else:
            continue
        account.left, account.age = balance, 0


def sale_price(world, account, stage):
    """Return the q31 price of the balance at that stage this month: by the economy and by its size."""
    levers = world.lever[account.product]
    band = sum(account.balance > levers[V_SALE_BAND + k] for k in range(3))
    price = mul_q16(world.stage[account.product][stage][S_SALE_PRICE], world.economy[M_PRICE_FACTOR])
    return min(ONE, mul_q16(price, levers[V_SALE_FACTOR + band]))


def recover(world, b):
    """11. What is written off grows older and is sold, expires, or brings something back."""
    words = world.words(MONTHS, 1)
    for account in b.accounts:
        if account.status != WRITTEN_OFF:
            continue
        levers, flow = world.lever[account.product], account.flow
        if account.was_written_off:
            account.age = min(account.age + 1, 1000)
        stage = BUCKETS + sum(account.age >= start for start in AGE_BANDS) - 1
        lever = world.stage[account.product][stage]
        if account.age >= levers[V_SELL_WRITTEN_OFF]:
            proceeds = mul_q31(account.balance, sale_price(world, account, stage))
            flow[F_SOLD_WRITTEN_OFF] += account.balance
            flow[F_SOLD_WRITTEN_OFF_PROCEEDS] += proceeds
            flow[F_N_SOLD_WRITTEN_OFF] += 1
            account.get_back(proceeds, 0)
            account.leave_written_off_book(SOLD)
        elif account.age >= levers[V_EXPIRE]:
            flow[F_EXPIRED] += account.balance
            flow[F_N_EXPIRED] += 1
            account.leave_written_off_book(TERMINATED)
        elif account.age >= 1:
            recovered, settled, cost = 0, False, lever[S_RECOVERY_COST] * (account.parts_left == 0)
            flow[F_RECOVERY_COST] += cost
            if account.parts_left > 0:
                pass
            elif has_late_stage(world, account):
                if account.balance > 0:
                    recovered = late_payment(world, b, account, account.balance, lever[S_EFFORT])
            elif words[2 + account.product] >> 1 < lever[S_RECOVER_CHANCE] and not account.has(FRAUD):
                recovered = mul_q31(account.balance, lever[S_RECOVER_SHARE])
            account.takes_offer = account.balance > 0 and takes_offer(world, account, recovered, stage)
            if account.takes_offer or (recovered == 0 and account.balance > 0):
                recovered, settled, of_offer = settlement(world, b, account, stage, True)
                cost += of_offer
            account.get_back(0, cost)
            commission = mul_q31(recovered, lever[S_COMMISSION])
            flow[F_RECOVERED] += recovered
            account.count_late_paid(recovered)
            flow[F_COMMISSION] += commission
            account.get_back(recovered, commission)
            account.balance -= recovered
            if settled:
                flow[F_EXPIRED] += account.balance
                account.balance = 0
        if account.status == WRITTEN_OFF:
            account.months_late = min(account.months_late + has_late_stage(world, account), 255)
            if account.balance == 0:
                account.leave_written_off_book(TERMINATED)


def follow(world, b):
    """12. Count the months of probation and of being watched; add up what accounts in default bring while open."""
    for account in b.accounts:
        if account.was_in_workout and account.was_account:
            account.flow[F_WORKOUT_CASH] += account.cash
        if account.is_account:
            if account.bill > 0:
                account.marks &= ~FIRST_REFUSED
            reached = has_late_stage(world, account) and account.bucket >= 3
            late = account.months_late > 0 or account.in_late_stage or reached
            account.months_late = min(account.months_late + 1, 255) if late and account.stays_late() else 0
            probation = max(account.probation - 1, 0)
            if max(account.was_bucket, account.worst) >= 3:
                probation = PROBATION_MONTHS if account.bucket < 3 else 0
            if account.has(IN_WORKOUT) and account.bucket < 3 and probation == 0:
                account.flow[F_WORKOUT_CASH] += account.balance  # cured: as if it were got back
                account.marks -= IN_WORKOUT
            account.count_months(probation, max(account.watched - 1, 0))
            if account.bucket == 0:
                account.marks &= ~CLAIMED
        elif account.product == LOAN and account.leaves_to == TO_PAID_OFF:
            account.marks %= FOLLOWED
            account.months_late = 0


# ---- after everybody's month ---------------------------------------------------------------------
def end_month(world, b):
    """Review limits, let customers leave, open closed accounts again, and note grades in the month of observation."""
    review_limit(world, b.line)
    if world.segment[G_LEAVES] == 1 and world.lever[LINE][V_NEW_CREDIT] == 1:
        leave(world, b)
        close_unused(world, b.line)
    regrant(world, b)
    if world.month == world.tables.observe_month:
        observe(world, b)


def review_limit(world, line):
    """Cut or raise the limit of a line in good standing, by grade, score and use."""
    levers, points, limit = world.lever[LINE], world.borrower.score, line.limit
    if line.status != ACTIVE or line.bucket > 0 or line.plan_left > 0:
        return

    def used(share):
        return line.balance * UNIT >= levers[share] * limit

    cut = levers[V_CUT_KEEP] < ONE and line.grade(levers, points) >= levers[V_CUT_GRADE]
    cut = cut and points < levers[V_CUT_SCORE]
    much_used, uptake = line.balance * UNIT > NEARLY_USED * limit, world.tables.uptake[world.borrower.segment]
    change = None
    if cut and used(V_CUT_UTILISATION):
        change = T_CUT_USED if much_used else T_CUT
        line.limit = max(mul_q31(limit, levers[V_CUT_KEEP]), min(limit, levers[V_LIMIT_FLOOR]))
        line.flow[F_N_LIMIT_CUT] += line.limit < limit
    elif (
        levers[V_RAISE_BY] > UNIT and line.grade(levers, points) <= levers[V_RAISE_GRADE] and used(V_RAISE_UTILISATION)
    ):
        line.limit = max(limit, min(mul_q16(limit, levers[V_RAISE_BY]), mul_q16(line.granted, levers[V_RAISE_CAP])))
        line.flow[F_N_LIMIT_RAISED] += line.limit > limit
        change = T_RAISED
    if change is not None:
        b = world.borrower
        follows = uptake[change][b.full_payer * QUALITIES + b.quality]
        b.spend = max(b.spend + mul_q31(line.limit - limit, follows), 0)


def leave(world, b):
    """Let a customer in good standing have no more credit who wants to leave: sooner if treated as nobody likes."""
    line, other = b.line, b.loan.status
    if line.status != ACTIVE or line.bucket > 0 or line.plan_left > 0:
        return
    chance = world.answer(LINE, C_LEAVE, line.grade(world.lever[LINE], b.score), b.full_payer)
    was_frozen = line.clean < 3 and line.ever > 0 and 30 * line.ever >= world.lever[LINE][V_FREEZE_DAYS]
    if was_frozen or b.reported > 0 or other in (CLOSED, CLOSED_SETTLED):
        chance = mul_q16(chance, world.segment[G_LEAVE_FELT])
    if world.words(MONTHS, 0)[0] % 65536 < chance:
        line.limit = line.granted = 0


def close_unused(world, line):
    """Close a line that its customer has left and paid, or that has not been used for so many months."""
    if line.status != ACTIVE:
        return
    if world.segment[G_IDLE_CLOSES] < NEVER:
        line.age = line.age + 1 if line.balance <= 0 else 0
    if line.balance <= 0 and (line.granted == 0 or line.age >= world.segment[G_IDLE_CLOSES]):
        line.flow[F_N_CLOSED_BY_CUSTOMER if line.granted == 0 else F_N_CLOSED_IDLE] += 1
        line.status, line.limit = CLOSED, 0


def regrant(world, b):
    """Open accounts again that were closed and owe nothing: after some months, sooner with a guarantor."""
    offered = [levers[V_REGRANT_MONTHS] < NEVER for levers in world.lever]
    shut = any(account.status == CLOSED_SETTLED for account in b.accounts)
    if any(offered) and shut and not any(account.is_live for account in b.accounts):
        b.reported = max(b.reported - 1, 0)  # those with a live account lost theirs in the month
    for account, other in zip(b.accounts, reversed(b.accounts), strict=True):
        product, levers = account.product, world.lever[account.product]
        limit = mul_q31(account.granted, levers[V_REGRANT_SHARE])
        wait = levers[V_REGRANT_SOON if b.guarantee < levers[V_GUARANTEED] else V_REGRANT_MONTHS]
        if (
            offered[product]
            and levers[V_NEW_CREDIT] == 1
            and account.status == CLOSED_SETTLED
            and account.age < world.month
            and world.month - account.age >= wait
            and b.reported == 0
            and b.score >= levers[V_REGRANT_SCORE]
            and not (other.status == WRITTEN_OFF or (other.is_open and other.bucket > 0))
            and (not other.is_account or other.grade(world.lever[other.product], b.score) <= levers[V_REGRANT_GRADE])
            and world.words(MONTHS, 3)[2 + product] >> 1 < levers[V_REGRANT_CHANCE]
            and limit > 0
        ):
            account.status, account.limit, account.regranted = ACTIVE, limit, True
            account.balance = account.interest_due = account.fee_due = account.arrears = account.bucket = 0
            account.state = account.clean = account.cause = account.ever = account.observed = account.plan_left = 0
            account.age = 0
            account.marks &= GRANTED_SINCE
            account.flow[F_N_REGRANTED] += 1


def observe(world, b):
    """Note the grade of every account that has never defaulted."""
    for account in b.accounts:
        if account.is_account and account.ever < 3:
            account.observed, account.observed_now = 1 + account.grade(world.lever[account.product], b.score), True


# ---- books ---------------------------------------------------------------------------------------
def count_due(b, account):
    """12. Count the dues of accounts that were current: met, missed, cured in the month."""
    flow = account.flow
    if account.bill > 0 and account.was_bucket == 0 and account.owed > 0 and not account.in_late_stage:
        flow[F_N_DUE] += 1
        if account.missed:
            flow[F_N_MISSED] += 1
            flow[F_N_MISSED_BY + account.reason] += 1
            flow[F_N_MISSED_SHORT_HIGH_USE] += account.reason == SHORT and account.product == LINE and b.used_much
            flow[F_N_CURED_7] += account.cured_on is not None and account.cured_on <= 7
            flow[F_N_CURED_30] += account.cured_on is not None


def count_stocks(account):
    """12. Count the account among the stocks at the end of the month (or at the opening)."""
    flow, balance = account.flow, account.balance
    if account.is_account:
        flow[F_N_ACCOUNTS] += 1
        flow[F_BALANCE] += balance
        if account.product == LINE and account.status == ACTIVE:
            flow[F_LIMIT] += account.limit
        for bucket, number, amount in (
            (1, F_N_DPD30, F_BALANCE_DPD30),
            (2, F_N_DPD60, F_BALANCE_DPD60),
            (3, F_N_DPD90, F_BALANCE_DPD90),
        ):
            if account.bucket >= bucket:
                flow[number] += 1
                flow[amount] += balance
        flow[F_N_DPD30_BY + account.cause] += account.bucket >= 1
        flow[F_N_DPD90_BY + account.cause] += account.bucket >= 3
        flow[F_BALANCE_CLAIMED] += balance * account.has(CLAIMED)
        on_probation = account.probation > 0
        flow[F_BALANCE_PROBATION] += balance * (on_probation and account.bucket < 3)
        flow[F_BALANCE_PROBATION_DPD30] += balance * (on_probation and account.bucket in (1, 2))
        flow[F_BALANCE_WATCHED] += balance * (account.watched > 0 and not on_probation and account.bucket == 0)
        flow[F_N_FROZEN] += account.status == FROZEN
        flow[F_N_CLOSED] += account.status == CLOSED
    elif account.status == WRITTEN_OFF:
        flow[F_N_WRITTEN_OFF_BOOK] += 1
        flow[F_BALANCE_WRITTEN_OFF_BOOK] += balance


def book(sums, world, b):
    """12. Add the month of the borrower's accounts to the sums."""
    batch, half = world.replication % SUMS_PER_BATCH, ((b.index >> 9) + b.entry) & 1
    for account in b.accounts:
        count_due(b, account)
        count_stocks(account)
        flow, g, p = account.flow, b.segment, account.product
        sums.flows[world.replication, half, world.month, g, p] += np.array(flow, np.int64)
        vintage = sums.vintages[batch, b.entry, world.month, g, p]
        for name, value in (
            (W_N_ACCOUNTS, F_N_ACCOUNTS),
            (W_BALANCE, F_BALANCE),
            (W_N_DPD30, F_N_DPD30),
            (W_N_GRANTED, F_N_GRANTED),
            (W_N_DEFAULT, F_N_DEFAULT),
            (W_WRITTEN_OFF, F_WRITTEN_OFF),
        ):
            vintage[name] += flow[value]
        arrives = account.just_granted or account.drawn or (account.regranted and account.is_account)
        if world.month > 0 and (account.was_account or arrives):
            begin = ARRIVED if arrives else account.was_bucket
            stays = account.leaves_to is None
            cell = account.bucket if stays else account.leaves_to
            sums.rolls[batch, world.month, g, p, begin, cell] += (1, account.balance if stays else account.left)
            sums.rolls[batch, world.month, g, p, begin, TO_FORGIVEN, 1] += account.forgiven
        if account.observed_now or account.defaulted_in_year:
            for kind, k in ((RATING_GRADE, account.observed - 1), (RATING_SCORE, score_band(b))):
                sums.ratings[batch, g, p, kind, k] += (account.observed_now, account.defaulted_in_year)


def empty_sums(n_segments, months, replications):
    """Return Sums of zeros for that many segments, months and replications."""
    return Sums(
        np.zeros((replications, 2, months + 1, n_segments, N_PRODUCT, N_FLOWS), np.int64),
        np.zeros((SUMS_PER_BATCH, months + 1, n_segments, N_PRODUCT, N_FROM, N_TO, 2), np.int64),
        np.zeros((SUMS_PER_BATCH, months + 1, months + 1, n_segments, N_PRODUCT, N_VINTAGE), np.int64),
        np.zeros((SUMS_PER_BATCH, n_segments, N_PRODUCT, N_RATING, RATING_CLASSES, 2), np.int64),
    )


def simulate(tables, levers, tiles, n_segments, months, replications, tape=None):
    """Return (Sums, histories) of every borrower of the tiles living months 1 to `months`.

    tiles: int64[tile, N_TILE]; tape: int32[account, product, N_TAPE] or None.
    histories[replication][month][(segment, entry, index)] is the tuple of N_STATE integers at the end of that month
    (month 0: as loaded); who arrives is there from the end of the entry month on.
    """
    world = World(tables, levers)
    rows = None if tape is None else tape.tolist()
    sums = empty_sums(n_segments, months, replications)
    histories = [[{} for _ in range(months + 1)] for _ in range(replications)]
    for replication in range(replications):
        for tile in tiles.tolist():
            entry = tile[K_ENTRY]
            if entry > months:
                continue
            for lane in range(tile[K_COUNT]):
                on_tape = rows is not None and entry == 0 and tile[K_TAPE_ROW] >= 0
                row = rows[tile[K_TAPE_ROW] + lane] if on_tape else None
                b = born(world, replication, tile[K_SEGMENT], entry, tile[K_FIRST] + lane, row)
                live(world, b, replication, months, sums, histories[replication])
    return sums, histories


def live(world, b, replication, months, sums, history):
    """Live all months of one borrower from entry on, adding to `sums` and `history`."""
    identity = (b.segment, b.entry, b.index)
    for month in range(b.entry, months + 1):
        world.at(b, replication, month)
        for account in b.accounts:
            account.begin_month()
        if month == b.entry > 0:
            review(world, b)  # which may score anew
        for account in b.accounts:
            account.was_account = account.is_account
            account.was_grade = account.grade(world.lever[account.product], b.score)
        if month > 0:
            live_one_month(world, b)
            end_month(world, b)
        book(sums, world, b)
        for account in b.accounts:
            account.just_granted = False
        history[month][identity] = b.state()
