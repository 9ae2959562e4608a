"""The index of every array the kernel reads or writes: one name, one number, one meaning.

Kernel, twin, lowering and ledger share these names. Units: `amount` = minor units of the currency;
`q31` = a share or probability times 2^31; `q16` = a multiplier times 2^16; `logit` = log-odds times 2^16.
"""

ONE = 1 << 31  # 1.0 as a share or probability
UNIT = 1 << 16  # 1.0 as a multiplier or a log-odd
NEVER = 1 << 30  # a threshold nothing reaches
ABSENT = -(1 << 31)  # a tape value that the tape does not give

N_PRODUCT = 2
LINE, LOAN = range(N_PRODUCT)
PRODUCTS = ("line", "loan")
LANES = 2048  # borrowers of a full tile
BLOCK_BITS = 9
BLOCK = 1 << BLOCK_BITS  # borrowers one after the other who belong to one half of the book, the next to the other
QUANTILES = 1024
BUCKETS = 16
DEFAULT_BUCKET = 3  # 90 days past due: an account in this bucket or a worse one is in default
STAGES = 22  # bucket 0..15, then months since write-off 0-5, 6-11, 12-17, 18-35, 36-59, 60+
AGE_BANDS = (0, 6, 12, 18, 36, 60)
MAX_STATES = 16
MAX_ROWS = 256  # of a roll matrix: its named states, each with what is remembered of accounts in it
MAX_MONTHS_BACK = 60  # that a row may look back
BURDEN_CLASSES = 8  # debt-to-income classes
DAYS = 31  # days late 0..30
LATE_MONTHS = 256  # months in the late stage, 90 days past due or worse, that are told apart
SUMS_PER_BATCH = 20  # batches of replications that roll matrices and vintages are kept for

# ---- account status ------------------------------------------------------------------------------
# CLOSED_SETTLED: closed, and nothing owed; NOT_TAKEN_UP: granted, and the applicant did not want it at that price
# TAKEN_FOR_FRAUD: declined as one who would never pay
NONE, DECLINED, ACTIVE, FROZEN, CLOSED, WRITTEN_OFF, SOLD, TERMINATED, CLOSED_SETTLED, NOT_TAKEN_UP = range(10)
TAKEN_FOR_FRAUD = 10
STATUSES = (
    *("none", "declined", "active", "frozen", "closed", "written_off", "sold", "gone", "shut", "not_taken_up"),
    "taken_for_fraud",
)

# ---- grade: what the lender sees of an account's record, 0 best --------------------------------------
GRADES = 5
GRADE_NAMES = ("A", "B", "C", "D", "E")
QUALITIES = 16  # classes of quality, 0 worst
CUSTOMERS = 2 * QUALITIES  # who answers how to a price: classes of quality, then those of full payers

# ---- cause of a missed due -----------------------------------------------------------------------
UNKNOWN, FORGOT, SHORT, CANNOT, WILL_NOT = range(5)
CAUSES = ("unknown", "forgot", "short", "cannot", "will_not")

# ---- state: int32[column, lane] ------------------------------------------------------------------
# The borrower. Fixed at entry:
INCOME = 0  # amount a month while employed, before the income index
LIVING = 1  # amount a month of living cost paid in cash
SPEND = 2  # amount a month wanted on the line, on average; moves with the limit
QUALITY = 3  # class 0 (worst) to 15 (best); the lender never sees it
SCORE = 4  # points, mean 600, standard deviation 64; what the lender sees of quality
FORGET = 5  # q31 (as uint32 bits below 2^31, so it fits): chance to forget a due
AUTOPAY = 6  # 31-bit number; enrolled are those below G_AUTOPAY or the lever V_AUTOPAY
FULL_PAYER = 7  # 0 or 1: wants to pay the whole bill
REACH = 8  # 31-bit number; a reminder reaches those below the lever REACH
EXTERNAL_CREDIT_LIMIT = 9  # amount of credit elsewhere
# Changing:
CHANGING = EMPLOYED = 10
LIQUIDITY = 11  # liquid amount; below zero after an advance on next month's income
EXTERNAL_CREDIT = 12  # credit elsewhere still free
REPORTED = 13  # months the record at the credit bureau still lasts, 0 if there is none
MONTHS_SINCE_FORGOT = 14  # months since the last forgotten due, at most 31
GUARANTEE = 15  # 31-bit number, fixed; those below V_GUARANTEED can name a guarantor or collateral
EDUCATION = 16  # 31-bit number, fixed; those below V_EDUCATED are taught how to handle money
CONTACT = 17  # 31-bit number, fixed; collectors reach those below the reach of the age of the debt
N_BORROWER = 18
# Each account, at ACCOUNT[product] + name:
STATUS = 0
LIMIT = 1  # line: credit limit; loan: largest amount a new loan may have
BALANCE = 2  # open balance; after write-off the written-off balance
INTEREST_DUE = 3  # interest inside the balance
FEE_DUE = 4  # fees inside the balance
ARREARS = 5  # dues missed and unpaid
BUCKET = 6
STATE = 7  # roll_rates: the row of the roll matrix, a named state with what is remembered
CLEAN = 8  # months in a row without a missed due, at most 255
CAUSE = 9
AGE = 10  # months since write-off, or of a line in use without use; the month a loan was drawn, or one was closed
EVER = 11  # worst bucket so far
INSTALMENT = 12
MONTHS_LEFT = 13
GRANTED = 14  # limit as granted, which later limits are measured by
PLAN_LEFT = 15  # months left of a repayment plan, 0 if there is none
OBSERVED = 16  # 1 + grade in the month grades are observed, 0 before or if there was no account
MARKS = 17  # what became of it, in bits as below
RATE = 18  # loan: q31 a month, as contracted; below ONE, so that it fits
CONVERTED = 19  # lines: part of the balance that falls due in instalments and bears no interest
CONVERTED_PART = 20  # of it, what falls due a month
CONVERTED_FEE = 21  # charged every month while any of it is left
MONTHS_LATE = 22  # months in the late stage, open, in a plan or written off, at most 255; 0 before it and once cured
PARTS_LEFT = 23  # parts of a settlement still to be paid, 0 if none is agreed
PART = 24  # amount of each of them
TRIAL_LEFT = 25  # months left of the trial before a repayment plan, 0 if there is none
N_ACCOUNT = 26
LINE_AT = N_BORROWER
LOAN_AT = N_BORROWER + N_ACCOUNT
N_STATE = N_BORROWER + N_PRODUCT * N_ACCOUNT

# ---- marks of an account: bits, then two counts of months ------------------------------------------
OPENED_IN_DEFAULT = 1  # in default or written off at the opening
GRANTED_SINCE = 2  # granted after the opening, and not in default since
BORNE = 4  # written off while a partner shared
CLAIMED = 8  # became claimable while there was a cover, and was not in bucket 0 since
IN_WORKOUT = 16  # in default since some month of the run, or on probation after that
FRAUD = 32  # granted to somebody who never pays
FIRST_REFUSED = 64  # its first due will not be paid
PROBATION_AT = 7  # two bits from here on: months left after a default
WATCHED_AT = 9  # and all bits from here on: months left after a restructuring
FOLLOWED = CLAIMED  # accounts with marks of at least this are in sums of their own every month
PROBATION_MONTHS = 3
WATCHED_MONTHS = 12

# ---- words of people that may go with quality: slot s gives words 4 s to 4 s + 3 ---------------------------
TRAIT_WORDS = {  # word, and whether people have more of the trait where it is high (1) or where it is low (-1)
    "income": ((0, 1),),
    "living_cost": ((1, 1),),
    "forget": ((4, 1),),
    "autopay": ((5, -1),),
    "full_payer": ((6, -1),),
    "outside_credit": ((7, -1),),
    "line_limit": ((8, 1),),
    "utilisation": ((9, 1),),
    "buffer": ((10, 1),),
    "loan_limit": ((12, 1),),
    "unemployed": ((18, -1),),
    "spending": ((19, 1),),
    "late_at_start": ((11, 1), (21, 1)),  # line, then loan
}

# ---- words of a month: uint32[name, lane]; slot s of the month gives names 4 s to 4 s + 3 -----------
SLOTS = 7  # of people; a month has five, the last one where settlements are offered
U_JOB, U_LINE_DECISION, U_WISH, U_LOAN_DECISION = range(4)  # the lowest ten bits of U_WISH: how much is spent
U_IN_MONTH = 4  # line, then loan
U_RECOVERY = 6  # line, then loan
U_TICKET, U_TERM = 8, 9
U_SERVED = 10  # line, then loan
U_PLAN = 12  # line, then loan
U_OFFER = 16  # of a settlement: line, then loan
U_DROPS = 18  # a plan or its trial is given up: line, then loan

# ---- what months need of who a borrower is, worked out when it changes: int32[name, lane] ----------------
(
    D_INDEX,  # of the borrower, as uint32 bits
    D_FORGET,  # `on_time.bound_of` the chance to forget the line's due, memory aside; top bit: a reminder arrives
    D_LOAN_FORGET,
    D_JOB_LOSS,  # q31 of M_JOB_LOSS by the borrower's quality, as uint32 bits
    D_PAY,  # amounts of this month, from here on: the usual income
    D_KEPT,  # what is earned less living cost, while employed
    D_KEPT_UNEMPLOYED,
    D_SHOCK,
    D_REPAY,
    D_CAP,
    D_SPEND,  # what the borrower was taught taken off
    D_ADVANCE,  # of next month's pay, that a missed due may be paid from
) = range(12)
N_DERIVED = 12

# ---- record of a month of a borrower's accounts, one step to the next: int64[product, name] -----------
(
    A_OPEN,  # 1: an account at the start of the month (a loan with a balance)
    A_BOOK,  # 1: written off before this month
    A_FROM,  # row of the roll matrix
    A_BILL,
    A_DUE,
    A_OWED,
    A_PAID,  # towards owed
    A_EXTRA,  # beyond owed
    A_MISSED,  # 1: not paid at the due date
    A_REASON,
    A_REST,  # unpaid at the due date
    A_DAY,  # day it was paid within the month, 0 if not
    A_TO,  # bucket after the month
    A_AFTER,  # arrears after the month
    A_DAYS,  # days late that the rules of the lender see
    A_EXIT,  # exit drawn under roll_rates, 0 if none
    A_CLOSED,  # 1: closed for its own lateness this month
    A_NEW,  # 1: a loan drawn this month
    A_LEFT,  # column of the roll matrix of an account that left, 0 if it stayed
    A_LEFT_BALANCE,
    A_PLAN,  # began the month in a plan: IN_PLAN, or in the trial before one: IN_TRIAL
    A_RATE,  # q31: the interest rate of this month
    A_WORST,  # bucket after the month, before a new plan made it 0
    A_RECOVERED,  # taken by collectors from an account that is still open
    A_FORGIVEN,
    A_CAUSE,  # before a new plan made it UNKNOWN
    A_WORKOUT,  # 1: begins the month in the workout
    A_CASH,  # what the account brings while open, less what it costs
    A_GRADE,  # at the start of the month
    A_LATE,  # 1: begins the month open and in the late stage, or reaches it in the month of a new plan
    A_TAKES,  # 1: would pay the whole balance, and settles for an offer instead
    A_DROPS,  # 1: gives up a plan or its trial
) = range(32)
N_ACCOUNT_RECORD = 32
IN_PLAN, IN_TRIAL = 1, 2

# ---- what the on-time path leaves to do for each lane, in bits: `pending` int32[1, lane] ---------------------
NOT_DONE = 1  # left as it was
HAS_WRITTEN_OFF = 2  # has a written-off account
WANTS_LOAN = 4  # wants a new loan, and would get one
CURRENT = 8  # all open accounts are current
MAY_LEAVE = 16  # may want to close the line: the month's word is below the largest chance of anybody
CONVERTS = 32  # turned a bill into instalments, whose size is still to be set
LINE_LEAVES = 64  # has a line that is closed and owes nothing: it leaves
MOVED = 128  # roll_rates: has a line that moves, is late or followed, or leaves: moves and stocks are still to do
LEAVE_AT = 16  # from here on: the bits of the job word that say who wants to close the line

# ---- record of the on-time path, one loop over a block to the next: int32[name, lane] -------------------
(
    B_ON_TIME,  # -1 or 0
    B_LINE,  # -1: on time, with a line
    B_PAID,
    B_NEED,  # what income and buffer do not cover
    B_LOAN,  # -1: on time, with a loan
    B_LOAN_PAID,
    B_CONVERTS,  # chance (q31) that a bill is turned into instalments
    B_RATE,  # q31: the line's interest rate of this month
    B_DEMAND,  # q16 of wanted spending: the answer to the line's price
    # of roll_rates, where B_LINE says who is done with
    B_MOVED,  # the row after the move, STAYS_WORSE, and its bucket
    B_TO,  # bucket after the month
    B_LEFT,  # unpaid of what is owed
    B_AFTER,  # arrears after the month
    B_BASE,  # what bears interest
    B_CREDIT,  # new credit
) = range(15)
N_ON_TIME_RECORD = 15

# ---- record of the delinquent path, one step to the next: int32[name, lane]; an account's at p * N_OWN ------
(
    R_BILL,
    R_DUE,
    R_OWED,
    R_PAID,  # towards owed, at the due date
    R_EXTRA,
    R_REASON,  # 0: paid at the due date
    R_DAY,  # of a missed due that was paid within the month, else 0
    R_ASKED,  # q31: those who have paid by now, by themselves or asked
    R_CONTACTS,  # bit k: contacted by level k of the ladder
    R_WANTED,  # the same, had the ladder capacity for all
    R_PRIORITY,  # class of priority in the order of the ladder
    R_ENDED,  # 1 + the level that collected; -1: paid unasked before a level's day; 0: the ladder goes on
    R_TO,  # bucket after the month
    R_AFTER,  # arrears after the month
    R_DAYS,  # days late that the rules of the lender see
    R_OPEN,  # 1: an account that was and is current
    R_LATE,  # -1: an account that was or is late, in arrears or followed, which the lender leaves alone
    R_STAGE,  # -1: an account in the late stage; of others the next three mean nothing
    R_RECOVERED,  # what it brings
    R_TAKES,  # 1: would pay the whole balance, and settles for an offer instead
    R_COST,  # of collecting
    # what the sums add up: amounts, and `three` counts to a word
    R_BALANCE,  # of R_OPEN
    R_USED,  # paid from credit elsewhere
    R_REFUSED,  # of it, what a report at the credit bureau took away
    R_INTEREST,
    R_FEE,
    R_NOT_CHARGED,
    R_TOOK,  # paid in all
    R_CONVERTED_FEE,  # of R_FEE
    R_COUNTS,  # R_OPEN; a bill that a reminder arrived for; current, and something owed
    R_MISSED,  # of those: forgotten, short, not able
    R_CURED,  # not willing; paid within 30 days; within 7
    R_REPORT,  # 1 + the months that a report to the bureau lasts, 0 if it is not late enough for one
) = range(33)
N_OWN = 33
(
    R_NEED,
    R_LOGIT,  # the borrower's own part of the log-odds (q16) of not being willing
    R_MANUAL,  # q31: the borrower's own chance to forget
    R_DONE,  # -1 or 0
    R_REMINDED,
    R_LOAN_REMINDED,
    R_CREDIT,
    R_LIMIT,  # of R_OPEN
    R_ENDS,  # counts: loans repaid; dues missed, short of cash, on lines of heavy use; idle lines
    R_DEMAND,  # q16 of wanted spending: the answer to the line's price
) = range(2 * N_OWN, 2 * N_OWN + 10)
N_DELINQUENT_RECORD = 2 * N_OWN + 10

# ---- segment scalars: int64[segment, name] -------------------------------------------------------
G_MODEL = 0  # 0 structural, 1 roll_rates
G_HAS_LINE = 1  # q31 share of borrowers holding a line
G_HAS_LOAN = 2  # q31 share of borrowers holding a loan facility
G_PAY_FIRST = 3  # product whose due is paid first when cash is scarce
G_UNEMPLOYED = 4  # q31 share without a job at entry
G_BENEFIT = 5  # q31 of income received while unemployed
G_LIVING_UNEMPLOYED = 6  # q31 of living cost while unemployed
G_SPEND_UNEMPLOYED = 7  # q31 of wanted spending while unemployed
G_SHOCK_SIZE = 8  # q16 of monthly income: an expense shock
G_EXTERNAL_CREDIT_SHARE = 9  # q31 share of borrowers with credit elsewhere
G_EXTERNAL_CREDIT_SIZE = 10  # q16 monthly incomes of credit elsewhere
G_EXTERNAL_CREDIT_REPAY = 11  # q31 of income repaid elsewhere a month
G_LIQUIDITY_CAP = 12  # q16 monthly incomes the buffer may hold
G_AUTOPAY = 13  # q31 share enrolled
G_FULL_PAYER = 14  # q31 share who want to pay in full
G_REVOLVER_SHARE = 15  # q31 of the rest of the bill a revolver wants to pay above what is owed
G_SCORE_CORRELATION = 16  # q16
G_SCORE_NOISE = 17  # q16, sqrt(1 - correlation^2)
G_LIMIT_INCOME = 18  # q16 correlation of the limit's normal score with the income's
G_LIMIT_NOISE = 19  # q16, sqrt(1 - correlation^2)
G_WILL_NOT_BASE = 20  # logit
G_WILL_NOT_CLOSED = 21  # logit
G_WILL_NOT_REPORTED = 22  # logit
G_REPORTING_DAY = 23  # days after the due date on which the book is reported, 0 = on the due date
G_LEAVE_FELT = 24  # q16 of the chance to close the line: of those the lender has frozen, closed or reported
G_IDLE_CLOSES = 25  # months without use after which a line closes by itself
G_LEAVES = 26  # 1: lines are closed by their customers, or by themselves
G_SCORE_SHIFT = 27  # q16 standard deviations by which scores see the segment's quality as better
G_REACH = 28  # q31 share of borrowers whom collectors reach in a month, by the bands of REACH_BANDS: four columns
G_ROLL = 32  # number of its pair of roll matrices among the different ones
N_SEGMENT = 33

REACH_BANDS = (0, 1, 3, 6)  # buckets from which on reach is another: 1-30, 31-90, 91-180 days past due, and later

# ---- product terms: int64[segment, product, name] ------------------------------------------------
P_RATE = 0  # q31 a month
P_MIN_SHARE = 1  # q31 of the bill
P_MIN_FLOOR = 2  # amount
P_SUSPEND = 3  # bucket from which interest and late charges are no longer charged
P_HOLD = 4  # q31 of the due: a payment of at least this keeps the bucket; 0 = off
P_DRAW = 5  # q31 chance a month to want a new loan when none is open
P_DRAW_STEP = 6  # amount loans are rounded down to
P_KEPT = 7  # q31 of a new loan kept in the buffer
P_WILL_NOT = 8  # logit
P_OPEN_AT_START = 9  # q31 share of loan holders with a loan open at the start
P_FIXED_RATE = 10  # 1: a loan keeps the rate at which it was drawn
# Chances a month to repay a loan early, the worst quality's and what each better class adds: at the first due, later
P_SETTLE_FIRST, P_SETTLE_FIRST_STEP, P_SETTLE, P_SETTLE_STEP = range(11, 15)  # q31
P_CONVERT = 15  # q31 chances to turn a bill into instalments: usual, short of cash, large, both: four columns
P_CONVERT_FLOOR = 19  # amount above which a bill may be turned into instalments
# Shares of new accounts, the best quality's and what each worse class adds: never paid; not at the first due, those too
P_FRAUD, P_FRAUD_STEP, P_FIRST_PAYMENT, P_FIRST_PAYMENT_STEP = range(20, 24)  # q31
P_LATE_FULL = 24  # late stage: q31 of what comes that comes from payments in full
P_LATE_PART = 25  # late stage: q31 of the balance that a payment in part brings; 0 = there is no late stage
N_TERMS = 26

# ---- late stage: q16 multipliers of the hazard by cause, int64[segment, name] ------------------------
LATE_UNEMPLOYED = 5  # after those of CAUSES: CANNOT, and still without a job
N_LATE_CAUSES = 6

# ---- loan terms: int64[segment, term, name] ------------------------------------------------------
MAX_TERMS = 4
MAX_TERM_MONTHS = 60
TERM_MONTHS, TERM_CUMULATIVE, TERM_INSTALMENT = range(3)  # months; q31 cumulative share; q31 of amount
TERM_FEE = 2  # of a converted bill, instead of the instalment: q31 of the amount a month

# ---- quantile tables of people: uint32[segment, name, QUANTILES] ----------------------------------
(
    Q_INCOME,  # amount
    Q_LIVING,  # q31 of income
    Q_SPEND,  # q16 of income (structural) or of the limit at entry (roll_rates)
    Q_FORGET,  # q31
    Q_LIQUIDITY,  # q16 monthly incomes
    Q_TICKET,  # amount of a new loan
) = range(6)
N_QUANTILE = 6

# ---- rows of a roll matrix: int64[segment, product, row, name] -----------------------------------
ROLL_BUCKET = 0  # bucket, or one of the exits below
ROLL_STATE = 1  # the named state
ROLL_PAYS = 2  # q31 of the rest of the bill paid when the account ends the month here
ROLL_SPEND = 3  # q16 of the account's usual spending
ROLL_OPENED = 4  # of the named state with this number: the row of accounts that are drawn in it
N_ROLL = 5
STAYS_WORSE = MAX_ROWS  # in the row after a move: the state means "this bucket or more", and staying misses a due more
EXIT_WRITTEN_OFF = -1
EXIT_PAID_OFF = -2
EXITS = {"written_off": EXIT_WRITTEN_OFF, "paid_off": EXIT_PAID_OFF}

# ---- economy: int64[replication, month, segment, name] -------------------------------------------
(
    M_JOB_LOSS,  # q31 a month, worst quality class
    M_JOB_FIND,  # q31 a month
    M_EXPENSE_SHOCK,  # q31 a month
    M_WILL_NOT,  # logit
    M_INCOME_INDEX,  # q16
    M_PRICE_FACTOR,  # q16
    M_EARNED,  # q16 of income: what the employed are paid, seasons included
    M_SPENDING,  # q16 of usual spending, seasons included
    M_FORGET,  # q16 of the chance to forget a due
    M_STOPPED,  # share, times 2^15, of borrowers whose income has stopped
    M_INCOME_LEFT,  # q31 of what is earned that they still get
    M_COLLECTION,  # q16 of what comes in the late stage: what collectors can work
    M_SETTLEMENT,  # q16 of the chance to repay a loan early
) = range(13)
N_MACRO = 13
# ---- tie of a month to a book's own levels: int32[month or 1, name, bucket]; that of bucket 0 is in the economy ----
TIE_WILL_NOT = 0  # logit, beside that of bucket 0
TIE_FORGET = 1  # q16 of the chance to forget a due, beside that of bucket 0
TIE_PART = 2  # q31, below ONE, of late payers who pay what falls due and not what is overdue
N_TIE = 3
STOP_BITS = 15  # of REACH, which M_STOPPED is compared with

# ---- levers by stage: int64[month, segment, product, stage, name] --------------------------------
# Recoveries work written-off accounts and, in a bucket stage, accounts that are still open.
S_FORGET_KEEP = 0  # q31: chance to forget that a reminder which arrives leaves
S_LIMIT_KEEP = 1  # q31 of the limit kept on falling into this bucket
S_SALE_PRICE = 2  # q31 of the balance
S_RECOVER_CHANCE = 3  # q31 a month
S_RECOVER_SHARE = 4  # q31 of the balance
S_COMMISSION = 5  # q31 of what is recovered
S_RECOVERY_COST = 6  # amount a month for each account worked
S_EFFORT = 7  # q16 multiplier of what comes in the late stage
S_OFFER_CHANCE = 8  # q31 a month: a settlement that is offered is accepted
S_OFFER_PAYS = 9  # q31 of the balance that settles the debt
S_PRIORITY = 10  # q31 of the balance by which accounts come in order of priority
N_STAGE_LEVERS = 11

# ---- levers of the month: int64[month, segment, product, name] -----------------------------------
V_REACH = 0  # q31 share of borrowers a reminder reaches
V_FREEZE_DAYS = 1  # freeze at this many days late
V_CLOSE_DAYS = 2  # close at this many days late
V_CROSS = 3  # 1: closing one account for lateness closes the borrower's other one
V_LIMIT_FLOOR = 4  # amount below which a cut does not go
V_WRITE_OFF = 5  # bucket from which accounts are written off
V_SELL_OPEN = 6  # bucket from which open accounts are sold
V_SELL_WRITTEN_OFF = 7  # months since write-off from which written-off accounts are sold
V_EXPIRE = 8  # months since write-off after which a claim expires
V_SCORE_CUTOFF = 9  # points; applicants below are declined
V_INCOME_CUTOFF = 10  # amount a month; applicants below are declined
V_NEW_CREDIT = 11  # 1 while new credit is granted, 0 in run-off
V_AUTOPAY = 12  # q31 share of borrowers enrolled in autopay, if above the segment's own
V_WILL_NOT = 13  # logit added to the willingness not to pay; below 0 for a threat or an incentive
V_REPORT_DAYS = 14  # report to the credit bureau at this many days late
V_REPORT_MONTHS = 15  # months a report lasts after the last one
V_PLAN_BUCKET = 16  # offer a plan from this bucket
V_PLAN_CHANCE = 17  # q31 of offers accepted
V_PLAN_MONTHS = 18  # months in which a plan repays the balance
V_PLAN_RATE = 19  # q31 of the contract's rate charged during a plan
V_PLAN_FORGIVE = 20  # q31 of the balance forgiven at the start of a plan
V_CUT_KEEP = 21  # q31 of the limit kept in this month's review; ONE = no review
V_CUT_GRADE = 22  # ... of accounts of this grade or worse
V_CUT_SCORE = 23  # ... and a score below this
V_CUT_UTILISATION = 24  # ... and a balance of at least this q16 of the limit
V_RAISE_BY = 25  # q16 by which this month's review raises limits; UNIT = no raise
V_RAISE_GRADE = 26  # ... of accounts of this grade or better
V_RAISE_UTILISATION = 27  # ... and a balance of at least this q16 of the limit
V_RAISE_CAP = 28  # q16 of the limit as granted that a raise does not exceed
V_REGRANT_MONTHS = 29  # months after which a closed account may be opened again
V_REGRANT_SOON = 30  # the same with a guarantor
V_GUARANTEED = 31  # q31 share of borrowers who can name one
V_REGRANT_CHANCE = 32  # q31 a month: asks for it
V_REGRANT_SCORE = 33  # points needed
V_REGRANT_SHARE = 34  # q31 of the limit as granted
V_MIN_SHARE = 35  # q31 of the bill, instead of P_MIN_SHARE; -1 = the product's own
V_CLAIM = 36  # bucket at which an account is claimable from an insurer
V_SCORE_CORRELATION = 37  # q16 of the score used in review; ABSENT = the segment's own
V_SCORE_NOISE = 38  # q16, sqrt(1 - correlation^2)
V_RATE = 39  # q16 multiplier of the interest rate by grade: five columns, V_RATE + grade
V_SALE_BAND = 44  # upper amounts of sale bands 0, 1 and 2: three columns
V_SALE_FACTOR = 47  # q16 multiplier of the sale price by band 0 to 3: four columns
V_SERVED = 51  # q31 share of missed dues that the ladder can work
V_REGRANT_GRADE = 52  # grade or better that the borrower's other account needs, if it is open
V_PARTNER = 53  # 1 while a partner shares what is lost
V_USAGE = 54  # q16 of the use of the account: of wanted spending on the line, of the wish for a loan
V_PAY_EXTRA = 55  # q16 of G_REVOLVER_SHARE
V_GRADE_MONTHS = 56  # months without a missed due below which an account is B, C, D or worse: three columns
V_GRADE_USED = 59  # q16 of the limit above which a line is B, C, D or worse; -1 = 1/2, 7/8, never: three columns
V_GRADE_SCORE = 62  # points below which an account is B, C, D or worse: three columns
V_OFFER_PARTS = 65  # months in which a settlement is paid
V_OFFER_BREAKS = 66  # q31 a month: a settlement paid in parts is broken
V_OFFER_COST = 67  # amount for each offer
V_OFFER_CAUSE = 68  # q16 multiplier of S_OFFER_CHANCE by cause, the last for LATE_UNEMPLOYED: six columns
V_OFFER_DIVERTS = 74  # q31 of those who would pay the whole balance that settle for the offer instead
V_EDUCATED = 75  # q31 share of borrowers who are taught
V_TAUGHT = 76  # q31 of those already there who are taught this month; in other months 0
V_EDUCATION_COST = 77  # amount for each borrower who is taught
V_EDUCATION_FORGET = 78  # q31 of the chance to forget that they keep
V_EDUCATION_SPEND = 79  # q31 of wanted spending that they keep
V_EDUCATION_REACH = 80  # q16 of the reach of collectors, of them
V_EDUCATION_PLAN = 81  # bucket from which they ask for a plan, if before V_PLAN_BUCKET
V_TRIAL_MONTHS = 82  # months of trial payments before a plan stands; 0 = none
V_TRIAL_DROPS = 83  # q31 a month: a trial is given up
V_PLAN_DROPS_EARLY = 84  # q31 a month: a plan is given up in its first EARLY_MONTHS
V_PLAN_DROPS = 85  # ... and later
V_PRIORITY = 86  # what the ladder's order is by: BY_LOT, BY_DAYS or BY_AMOUNT
V_SERVED_CLASS = 87  # class of priority of which V_SERVED is the share that is worked; all above, none below
V_FRAUD_CAUGHT = 88  # q31 of applicants who would never pay that are declined for it
V_FRAUD_WRONG = 89  # q31 of the others that are declined for it too
V_REVIEW_COST = 90  # amount for each application
V_PLAN_PAUSE = 91  # months from a plan in which no other is offered, WATCHED_MONTHS at most
N_MONTH_LEVERS = 92
BY_LOT, BY_DAYS, BY_AMOUNT = range(3)
PRIORITIES = 16  # classes; of amounts, each begins at twice the amount of the one before
PRIORITY_BITS = 9  # those of the amount at which the first of them ends
EARLY_MONTHS = 3

# ---- answer of customers to the price: uint32[month, segment, product, name, CUSTOMERS * grade + customer] ---
C_DEMAND = 0  # q16: of wanted spending on the line, of the wish for a loan
C_LEAVE = 1  # of 2^16: chance a month to close the line
C_ACCEPT = 2  # q31: chance to take up what is granted; of new customers, whose grade is D
N_ANSWER = 3
ANSWERS = 256  # CUSTOMERS * GRADES, to a power of two
LEAVE_MASK = (1 << 16) - 1  # of the job word

# ---- the largest answers of a month, for the bounds of the vector paths: int64[month, name] -----------------
MOST_WISH = 0  # q31: chance to want a new loan
MOST_LEAVE = 1  # of 2^16: chance to close the line
N_MOST = 2

# ---- what a change of the limit does to usual spending: int64[segment, name, customer], q31 of the change ----
T_RAISED, T_CUT, T_CUT_USED = range(3)  # the last where more than NEARLY_USED of the old limit was used
N_UPTAKE = 3
NEARLY_USED = 52429  # q16: 0.8

# ---- collection ladder: int64[month, segment, product, bucket, level, name] ------------------------
LEVELS = ("sms", "bot", "call", "letter", "agency", "legal")
N_LEVELS = len(LEVELS)
# q31 of those still unpaid, by reason from FORGOT to WILL_NOT; amount a contact; day of the month (1 to 29)
L_EFFECT, L_COST, L_DAY, L_USED = 0, 4, 5, 6  # L_USED: 1 if the level is worked in this bucket
L_COMMISSION = 7  # q31 of what a contact collects
L_LIFT = 8  # q16 multiplier of what comes in the late stage
L_REACH = 9  # q16 multiplier of G_REACH; levels that write or sue have none, and act on everybody
N_LADDER = 10
TALKING = 0b010110  # the levels that must reach the borrower, as bits: bot, call, agency

# ---- what levers ask for at all: `MonthLevers.bits`, beside a bit for each level of the ladder -----------
LADDER = (1 << N_LEVELS) - 1  # some level of the ladder works some bucket
WORKS_OPEN = 1 << N_LEVELS  # collectors work accounts that are late but open
CUTS = 1 << (N_LEVELS + 1)  # limits are cut on falling into some bucket
ANSWERED = 1 << (N_LEVELS + 2)  # customers do not all want what they usually do
OFFERS = 1 << (N_LEVELS + 3)  # settlements are offered in some stage, or may be broken

# ---- tables of the vector paths: `on_time.Bounds`, `delinquent.NarrowTables` ------------------------------
QUALITY_GROUPS = 4  # of four classes each, for the bound on who will not pay
MEMORY = (0, 4, 8, 16, 32)  # groups of months since the last forgotten due, for the bound on who forgets
STEP = 16  # gathered lanes are padded to a multiple of this, so that no loop has a rest to do one by one
CURE_ROW = 32  # days of one reason in the table `self_cure`, the last one a sentinel
CURE_SIZE = 512  # of 2 * len(CAUSES) * CURE_ROW numbers: a power of two, so that a masked index is within
LADDER_SIZE = 2048  # N_PRODUCT * N_LEVELS * BUCKETS * N_LADDER, to a power of two

# ---- review: int64[month, segment, product, score band], q16 of the limit drawn ------------------
SCORE_BANDS = 16
SCORE_LOW, SCORE_BAND_BITS = 344, 5  # band = (score - 344) >> 5, clipped to 0..15

# ---- tape: int32[account, product, name]; ABSENT where the tape does not say ---------------------
(
    TAPE_STATUS,
    TAPE_LIMIT,
    TAPE_BALANCE,
    TAPE_BUCKET,
    TAPE_STATE,
    TAPE_FULL_PAYER,
    TAPE_ARREARS,
    TAPE_INSTALMENT,
    TAPE_MONTHS_LEFT,
    TAPE_PERSON,  # of which replication the borrower is: one of those who may live at an address
) = range(10)
N_TAPE = 10

# ---- tiles: int64[tile, name] --------------------------------------------------------------------
(K_SEGMENT, K_ENTRY, K_FIRST, K_COUNT, K_TAPE_ROW) = range(5)  # K_TAPE_ROW: -1 if drawn
K_PRODUCTS = 5  # 1 where nobody may hold a loan, else 2
N_TILE = 6

# ---- flows and stocks: int64[replication, half, month, segment, product, name]; month 0 = opening -
(
    # stocks at the end of the month
    F_N_ACCOUNTS,
    F_BALANCE,
    F_LIMIT,  # of accounts that may still borrow (active)
    F_N_DPD30,
    F_BALANCE_DPD30,
    F_N_DPD60,
    F_BALANCE_DPD60,
    F_N_DPD90,
    F_BALANCE_DPD90,
    F_N_FROZEN,
    F_N_CLOSED,
    F_N_WRITTEN_OFF_BOOK,
    F_BALANCE_WRITTEN_OFF_BOOK,
    F_BALANCE_CLAIMED,  # open, of accounts that became claimable and were not cured since
    F_BALANCE_WATCHED,  # in bucket 0, restructured less than a year ago, not on probation
    F_BALANCE_PROBATION,  # in buckets 0 to 2, in default until less than three months ago
    F_BALANCE_PROBATION_DPD30,  # of it: in buckets 1 and 2
    # amounts during the month
    F_NEW_CREDIT,
    F_INTEREST,
    F_FEES,
    F_PAID,
    F_WRITTEN_OFF,
    F_WRITTEN_OFF_INTEREST,
    F_WRITTEN_OFF_FEES,
    F_SOLD_OPEN,
    F_SOLD_OPEN_PROCEEDS,
    F_RECOVERED,
    F_COMMISSION,
    F_SOLD_WRITTEN_OFF,
    F_SOLD_WRITTEN_OFF_PROCEEDS,
    F_EXPIRED,
    F_INTEREST_NOT_CHARGED,
    F_DEFAULT_BALANCE,  # balance of accounts in default for the first time
    # counts during the month
    F_N_APPLIED,
    F_N_DECLINED,
    F_N_GRANTED,
    F_N_PAID_OFF,
    F_N_CLOSED_AT_ZERO,
    F_N_WRITTEN_OFF,
    F_N_SOLD_OPEN,
    F_N_SOLD_WRITTEN_OFF,
    F_N_EXPIRED,
    F_N_DUE,  # accounts in bucket 0 with something owed at the due date
    F_N_MISSED,  # of those: not paid at the due date (day-1 delinquent)
    F_N_CURED_7,  # of those: paid by day 7
    F_N_CURED_30,  # of those: paid by day 30
    F_N_DEFAULT,  # in default for the first time: bucket 3, or a loss before that
    F_N_JUMPS,  # roll_rates: moves of more than one bucket
    F_N_REMINDED,
    F_N_LIMIT_CUT,
    # in the order of the policies
    F_FORGIVEN,
    F_CLAIMABLE,
    F_CONTACT_COST,
    F_RECOVERY_COST,
    F_N_LIMIT_RAISED,
    F_N_REPORTED,
    F_N_PLANS,
    F_N_PLANS_KEPT,
    F_N_PLANS_BROKEN,
    F_N_REGRANTED,
    F_N_FIRST_30,
    F_RECOVERED_OPEN,  # of `paid`: what recoveries brought from accounts that are still open
    F_N_CONTACTS_WANTED,  # contacts if the ladder worked every missed due
    F_N_MISSED_SHORT_HIGH_USE,  # lines: usual spending is half of the limit as granted or more
    F_OUTSIDE_USED,  # dues paid from credit elsewhere
    F_OUTSIDE_REFUSED,  # what a reported borrower would have paid from it
    F_N_IDLE,  # lines that owed nothing at the start of the month nor after it
    F_N_DEFAULT_GRANTED,  # of `n_default`: granted since the opening
    F_OPENING_NET_LOSS,  # of the net loss: on accounts in default at the opening
    F_WORKOUT_CASH,  # what accounts bring between default in the run and cure, less what it costs
    F_CLAIMED_NET_LOSS,  # of the net loss: on accounts that became claimable
    F_BORNE_BACK,  # recovered on debt written off while a partner shared
    F_N_DPD1,  # 1 to 29 days late on the reporting day: in bucket 0 before
    F_BALANCE_DPD1,  # at the end of the month, of those
    F_BALANCE_DPD1_CURRENT,  # of it, in bucket 0 by then, and neither on probation nor watched
    F_N_NOT_TAKEN_UP,  # granted, and not wanted at that price
    F_N_CLOSED_BY_CUSTOMER,
    F_N_CLOSED_IDLE,  # lines that nobody used for long
    F_N_SETTLED_EARLY,
    F_SETTLED_EARLY,  # of `paid`: repaid beyond the due by loans repaid early
    F_N_CONVERSIONS,  # bills turned into instalments
    F_CONVERTED,
    F_CONVERSION_FEES,  # of `fees`
    F_N_FIRST_PAYMENT_30,  # of `n_first_30`: on the first due of an account granted since the opening
    F_FRAUD_NET_LOSS,  # of the net loss: on accounts granted to those who never pay
    F_N_OFFERS,  # settlements offered
    F_N_SETTLEMENTS,  # of those: accepted
    F_N_SETTLEMENTS_KEPT,
    F_N_SETTLEMENTS_BROKEN,
    F_SETTLEMENT_CASH,  # of `recovered` and `recovered_open`: paid under settlements
    F_N_EDUCATED,  # borrowers taught
    F_EDUCATION_COST,
    F_N_TRIALS,  # trials before a plan that are begun
    F_N_TRIALS_FAILED,
    F_N_PLAN_MONTHS,  # accounts that begin the month in a plan
    F_N_TAKEN_FOR_FRAUD,  # of `n_declined`
    F_N_FRAUD_CAUGHT,  # of those: who would never have paid
    F_REVIEW_COST,
    F_RECOVERED_12,  # paid on debt in its first to twelfth month after 90 days past due, of defaults of the run
    F_RECOVERED_24,  # thirteenth to twenty-fourth
    F_RECOVERED_36,
) = range(101)
# by level of the collection ladder, by cause in the order of CAUSES, by class of priority: flows side by side, the
# first of them here
F_N_CONTACTS_AT, F_N_COLLECTED_AT, F_COLLECTED_AT = (101 + N_LEVELS * k for k in range(3))
F_N_MISSED_BY, F_N_DPD30_BY, F_N_DPD90_BY, F_N_CLOSURES_BY, F_N_CLOSURES_GOOD_BY, F_BAD_DEBT_BY = (
    101 + 3 * N_LEVELS + len(CAUSES) * k for k in range(6)
)
F_N_CONTACTS_WANTED_IN = 101 + 3 * N_LEVELS + 6 * len(CAUSES)  # if the ladder has an order


def _named(prefix):
    """Return the indices above that begin with `prefix` as names without it, in their order."""
    return [name.removeprefix(prefix).lower() for name in globals() if name.startswith(prefix)]


FLOWS = (
    *(name for name in _named("F_") if not name.endswith(("_at", "_by", "_in"))),
    *(f"{name.removesuffix('at')}{level}" for name in _named("F_") if name.endswith("_at") for level in LEVELS),
    *(f"{name.removesuffix('by')}{cause}" for name in _named("F_") if name.endswith("_by") for cause in CAUSES),
    *(f"{name}_{order}" for name in _named("F_") if name.endswith("_in") for order in range(PRIORITIES)),
)
N_FLOWS = len(FLOWS)

# ---- roll matrices: int64[batch, month, segment, product, from, to, (count, balance)] -------------
ARRIVED = BUCKETS  # row of accounts granted this month
N_FROM = BUCKETS + 1
# The last is no move: what is forgiven of accounts that stay. Its balances stand there, its counts are 0.
TO_PAID_OFF, TO_CLOSED_AT_ZERO, TO_WRITTEN_OFF, TO_SOLD, TO_FORGIVEN = range(BUCKETS, BUCKETS + 5)
N_TO = BUCKETS + 5

# ---- vintages: int64[batch, entry month, month, segment, product, name] ---------------------------
(W_N_ACCOUNTS, W_BALANCE, W_N_DPD30, W_N_GRANTED, W_N_DEFAULT, W_WRITTEN_OFF) = range(6)
VINTAGES = tuple(_named("W_"))
N_VINTAGE = len(VINTAGES)

# ---- ratings: int64[batch, segment, product, kind, class, (observed, of them defaulted within a year)] --
RATING_GRADE, RATING_SCORE = range(2)
N_RATING = 2
RATING_CLASSES = SCORE_BANDS
