"""Measures of income, cost, cash and value."""

from simulator.analysis.measures.registry import FLOW, MONEY, Measure, flow, yearly
from simulator.analysis.measures.tables import ANSWER, SWAPPED, SWAPS, VALUE
from simulator.analysis.measures.view import without_run_off, without_run_on


def npv(view):
    """Return float64[replication]: the lender's own cash but for funding, discounted, less the opening balance."""
    return view.present_value({"cash_before_funding": 1}) - view.start("own_balance")


SECTIONS = {
    "Profit, accrual view": (
        flow("interest", MONEY, "interest charged"),
        flow("fees", MONEY, "late charges, and fees of converted bills"),
        flow("merchant_discount", MONEY, "merchants' payment for sales on the line",
             "Σ merchant_discount × new_credit of lines"),
        flow("interest_not_charged", MONEY, "interest and fees not charged after suspension; in no total"),
        flow("commission", MONEY, "paid to those who collect, after write-off or before",
             label="collection commission"),
        flow("contact_cost", MONEY, "contacts of the collection ladder, commissions of its levels included",
             label="collection contacts"),
        flow("recovery_cost", MONEY, "working accounts after write-off or before, fees of courts and offers of "
             "settlements included", label="working written-off debt"),
        flow("reminder_cost", MONEY, "reminders", "Σ reminder_cost × n_reminded", label="reminders"),
        flow("report_cost", MONEY, "reports to the credit bureau", "Σ report_cost × n_reported",
             label="bureau reports"),
        flow("education_cost", MONEY, "teaching borrowers how to handle money", label="borrower education"),
        flow("review_cost", MONEY, "reviewing applications", label="reviews of applications"),
        flow("operating_cost", MONEY, "servicing of accounts",
             "Σ operating_cost × (n_accounts[start of month] + n_granted - n_idle)"),
        flow("idle_cost", MONEY, "keeping idle lines, while new credit is granted", "Σ idle_cost × n_idle",
             label="idle lines"),
        flow("acquisition_cost", MONEY, "winning granted accounts", "Σ acquisition_cost × n_granted"),
        flow("funding_cost", MONEY, "funding of the open balance",
             "Σ funding_rate / 12 × (balance[start of month] + balance[end of month]) / 2"),
        flow("cost", MONEY, "costs without funding", label="cost without funding"),
        flow("profit", MONEY, "accrual profit before tax, after insurers and partners",
             headline=True, shown_in={ANSWER: 4, VALUE: 1, SWAPPED: 7, SWAPS: 5}),
    ),
    "Cash and value": (
        flow("paid", MONEY, "paid by borrowers on open accounts, less refunds", label="paid by borrowers"),
        flow("cash", MONEY, "cash in less cash out; profit less the growth of the open balance, exactly"),
        Measure("npv", FLOW, MONEY, "Σ cash_before_funding / (1 + discount_rate)^(t / 12) - own_balance[start]",
                "net present value at the discount rate, which takes the place of the funding cost. "
                "cash_before_funding is the lender's own cash in less cash out but for funding: of the whole book, "
                "less what insurers and partners take; own_balance is balance without their parts. What is still open "
                "at the end counts for nothing, so it is stated only over a window that ends with a run-off",
                npv, label="net present value", headline=True,
                shown_in={ANSWER: 5, VALUE: 2, SWAPPED: 8, SWAPS: 6}, monthly=False, reason=without_run_off),
        Measure("npv_run_on", FLOW, MONEY, "npv of the months of lending, the run-on and the run-off after it",
                "net present value if the customers at hand go on for the run-on months under the lender's policies, "
                "nobody new, before the run-off: up to the end of lending all is as in npv. Who is closed brings "
                "nothing in these months, who is not what they bring. Only with run_on_months",
                lambda v: npv(v.run_on), label="net present value with run-on", headline=True, run_on=True,
                shown_in={ANSWER: 6, VALUE: 3, SWAPPED: 9, SWAPS: 7}, monthly=False, reason=without_run_on),
        Measure("customer_value", FLOW, MONEY, "npv_run_on - npv",
                "what the customers at hand bring, as of the start, by going on for the run-on months instead of being "
                "wound down at the end of lending: what a customer who is closed costs and npv does not see. Only with "
                "run_on_months",
                lambda v: npv(v.run_on) - npv(v), label="value of the customers at hand", headline=True, run_on=True,
                shown_in={VALUE: 4, SWAPPED: 10}, monthly=False, reason=without_run_on),
        yearly("interest_and_fee_yield", "income", "interest, fees and merchant discount a year on average balance"),
    ),
}  # fmt: skip
