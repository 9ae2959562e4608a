"""What names of columns mean, in English and Chinese."""

import re

ROLES = {  # of accounts by month, in the order in which they choose their columns
    "currency": r"^(currency|ccy|curr)(_code)?$|币种",
    "status_to": r"^(to|next)$|(status|state|bucket|stage)_(to|t1|next|end|after)$"
    r"|^(to|next|end)_(status|state|bucket)$|期末状态|转入|下月状态",
    "dpd": r"(^|_)dpd(_|$)|days?_(past_?due|late|overdue|delinquent|in_arrears)"
        r"|(overdue|late|delinquent|arrears)_days?"
    r"|^days$|逾期天数|逾期日数|逾期天|dias_atraso",
    "status": r"status|(^|_)state(_|$)|situation|bucket|delinquency|classification|^(from|pay|pay_\d)(_|$)|状态"
        r"|五级分类|账龄|逾期阶段|转出",
    "opened": r"(open|orig|issue|start|disburs|booking|grant)\w*_(date|month|d|day|ym)"
        r"|^(opened|open_date|issue_d|vintage)$"
    r"|开户|放款日|发放日|起息|账户开立",
    "month": r"month|period|as_?of|snapshot|cut_?off|(report|statement|obs\w*|data|record)\w*_(date|day|ym)"
        r"|^(date|ym|yyyymm|time|t)$"
    r"|月份|账期|统计|报告期|数据日期|观察|^月$|^日期$|截止日",
    "account_id": r"(^|_)(account|acct|acc|loan|contract|card|agreement|facility|exposure)"
    r"(_?(id|no|number|num|nr|key|ref|code|sequence_number))?$"
    r"|账户号|账号|账户编号|合同号|合同编号|借据|卡号|贷款编号|账户$",
    "borrower_id": r"(cust(omer)?|client|borrower|member|obligor|person)(_?(id|no|number|num|nr|key))?$|客户号"
        r"|客户编号|客户|身份证",
    "limit": r"limit|credit_line|(^|_)line(_|$)|额度|授信",
    "instalment": r"instal{1,2}ment|(^|_)emi(_|$)|monthly_(payment|due)|scheduled_payment|月供|应还|期供",
    "months_left": r"months?_left|remaining|rem_(term|months)|months_to_maturity|剩余期|剩余月",
    "written_off": r"(write|written|charge[d]?)_?off(_am\w*)?$|核销金额|核销",
    "recovered": r"recover|回收",
    "payment": r"(^|_)(paid|payments?|pymnt|repaid|repayment|pay_?amt\w*|amount_paid|pmt)(_|$)|还款|实还|已还|回款",
    "balance": r"bal(ance)?(_|$)|outstanding|(^|_)upb|(^|_)owed|bill_?am\w*|exposure|debt|saldo|余额|欠款|未还"
        r"|剩余本金|账单",
    "arrears": r"arrears|past_due_am|amount_overdue|逾期金额|逾期本金",
    "count": r"^(n|count|counts|number|accounts|freq\w*|num_accounts)$|户数|笔数|账户数|数量",
    "grade": r"grade|rating|score_?band|risk_?(class|level|band)|评级|等级",
    "product": r"product|(loan|account|card)_type|^(kind|type)$|产品|业务品种",
    "segment": r"segment|region|channel|(^|_)group(_|$)|province|state_name|cohort|portfolio|地区|渠道|客群|分群|省",
}  # fmt: skip
OUTCOMES = {  # of finished loans
    "status": ROLES["status"],
    "principal": r"(rec\w*|paid|received|repaid)_(prn?cp|principal)"
        r"|(prn?cp|principal)\w*_(rec\w*|paid|received|repaid)|已还本金|归还本金|实收本金",
    "fees": r"late_fee|penalt|rec\w*_fee|fees_(paid|received)|罚息|滞纳",
    "recovery_cost": r"collection\w*_fee|recovery_(cost|fee)|cost_of_recover|催收费",
    "recoveries": r"recover|回收",
    "interest": r"(rec\w*|paid|received)_int|interest\w*_(rec\w*|paid|received)|已还利息|实收利息",
    "total": r"total_(pymnt|pay|paid|received)|实收总|还款总额",
    "instalment": ROLES["instalment"],
    "issued": rf"{ROLES['opened']}|issue|orig|disburs|^date$",
    "term": r"(^|_)term(_|$)|tenor|maturity_months|期限|期数",
    "rate": r"(^|_)(rate|apr)(_|$)|interest_rate|利率",
    "amount": r"(loan|funded|principal|original|disbursed)_?(amount|amnt|amt|balance)|^amount$|放款金额"
        r"|贷款金额|借款金额|合同金额",
    "account_id": rf"{ROLES['account_id']}|^id$|编号",
    "segment": rf"{ROLES['segment']}|^grade$",
}  # fmt: skip
ANY_ID = r"(^|_)(id|no|number|key|ref)$|^id|编号|序号"
_WORDS = re.compile(r"[^0-9a-z\u3400-\u9fff]+")


def plain(name: str) -> str:
    """Return a name in small letters, its words apart by an underscore."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return _WORDS.sub("_", parted.lower()).strip("_")


def sounds_like(name: str, pattern: str) -> bool:
    """Return whether the name of a column fits a pattern."""
    return bool(re.search(pattern, plain(name)))
