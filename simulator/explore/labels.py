"""What the page calls policies and their settings: a label for each name, whichever policy it is of."""

from collections import Counter

from simulator.language.catalogue import noted, say

KINDS = (
    noted("Autopay"),
    noted("Bureau"),
    noted("Closure"),
    noted("Collections"),
    noted("Credit insurance"),
    noted("Education"),
    noted("Hardship"),
    noted("Joint lending"),
    noted("Limit cut"),
    noted("NPL sale"),
    noted("Pricing"),
    noted("Rating"),
    noted("Regrant"),
    noted("Reminders"),
    noted("Settlement"),
    noted("Underwriting"),
    noted("Write-off"),
)
SETTINGS = {
    "above": noted("Acts above"),
    "accepted": noted("Offers accepted"),
    "again_after_months": noted("Again after"),
    "ask_chance": noted("Chance to ask, a month"),
    "asks_dpd": noted("Asks for a plan from"),
    "at_dpd": noted("From"),
    "at_months": noted("Age since write-off"),
    "attempts": noted("Attempts"),
    "below": noted("Acts below"),
    "broken": noted("Broken off, a month"),
    "calls_a_day": noted("Calls a day"),
    "calls_a_week": noted("Calls a week"),
    "calls_at_most": noted("Calls at most"),
    "cannot": noted("Cannot pay"),
    "cap": noted("Cap"),
    "capacity": noted("Capacity"),
    "chance": noted("Chance"),
    "claim_dpd": noted("Claim from"),
    "close_days_late": noted("Close, days late"),
    "commission": noted("Commission"),
    "contact": noted("Contact"),
    "cost": noted("Cost"),
    "cross_product": noted("Closes the other account too"),
    "day": noted("Day of the month"),
    "deductible": noted("Deductible"),
    "diverted": noted("Payments diverted"),
    "effort": noted("Effort"),
    "elasticity": noted("Elasticity"),
    "end": noted("Last month"),
    "enrolled": noted("Enrolled"),
    "every_months": noted("Every"),
    "expire_months": noted("Claim expires after"),
    "fee": noted("Fee"),
    "floor": noted("Not below"),
    "forgetting": noted("Forgetting kept"),
    "forgiven": noted("Forgiven"),
    "forgot": noted("Forgot"),
    "fraud_caught": noted("Fraud caught"),
    "fraud_wrong": noted("Taken for fraud"),
    "freeze_days_late": noted("Freeze, days late"),
    "from": noted("Sold from"),
    "from_dpd": noted("From, days past due"),
    "from_months": noted("From, months since write-off"),
    "given_up": noted("Given up, a month"),
    "given_up_early": noted("Given up early, a month"),
    "grade": noted("Grade"),
    "guaranteed": noted("With a guarantor"),
    "in_days": noted("Within"),
    "incentive": noted("Incentive"),
    "income_cutoff": noted("Income cut-off"),
    "keep": noted("Share of the limit kept"),
    "late_price": noted("Price of late debt"),
    "lift": noted("Lift"),
    "limit": noted("Share of the limit granted"),
    "minimum_share": noted("Minimum payment"),
    "months": noted("Months"),
    "months_guaranteed": noted("Months with a guarantor"),
    "offer_dpd": noted("Offer from"),
    "order": noted("Order of work"),
    "parts": noted("Parts"),
    "pays": noted("Share paid"),
    "pays_written_off": noted("Share paid, written off"),
    "period_months": noted("Period"),
    "premium": noted("Premium, a year"),
    "premium_on": noted("Premium on"),
    "price": noted("Price"),
    "raise_by": noted("Raise by"),
    "raise_cap": noted("Raise up to"),
    "raise_grade": noted("Raise from grade"),
    "raise_utilisation": noted("Raise from utilisation"),
    "rate": noted("Interest rate, times"),
    "reach": noted("Reach"),
    "reached": noted("Borrowers reached"),
    "report_days_late": noted("Report, days late"),
    "retention_months": noted("Kept on record"),
    "review_cost": noted("Cost of a review"),
    "score": noted("Score"),
    "score_cutoff": noted("Score cut-off"),
    "score_gini": noted("Gini of the score"),
    "score_power": noted("Power of the score"),
    "served": noted("Share served"),
    "served_from": noted("Served from"),
    "share": noted("Share"),
    "short": noted("Short of cash"),
    "spending": noted("Spending kept"),
    "start": noted("First month"),
    "strength": noted("Strength"),
    "subrogation": noted("Subrogation"),
    "texts_a_month": noted("Texts a month"),
    "to_dpd": noted("To, days past due"),
    "to_months": noted("To, months since write-off"),
    "trial_given_up": noted("Given up on trial, a month"),
    "trial_months": noted("Months on trial"),
    "unemployed": noted("Out of work"),
    "usage": noted("Usage, times"),
    "utilisation": noted("Utilisation"),
    "will_not": noted("Will not pay"),
    "work_from_dpd": noted("Worked from"),
}


def policy_in_words(kind: str) -> str:
    """Return what the page calls a kind of policy; one of the user's own by its file."""
    words = kind.rpartition("/")[2].removesuffix(".py").removeprefix("file:").replace("_", " ")
    known = {one.lower().replace("-", " "): one for one in KINDS}
    return say(known[words]) if words in known else words.capitalize()


def policies_in_words(kinds: dict[str, str]) -> dict[str, str]:
    """Return what the page calls policies, whose kinds are given by name: with their names where words are the same."""
    words = {name: policy_in_words(kind) for name, kind in kinds.items()}
    times = Counter(words.values())
    return {
        name: say("{policy} ({name})", policy=said, name=name) if times[said] > 1 else said
        for name, said in words.items()
    }


def setting_in_words(name: str) -> str:
    """Return what the page calls a setting; one of a user's own policy by its name."""
    return say(SETTINGS[name]) if name in SETTINGS else name.replace("_", " ").capitalize()
