"""Wrong input: every problem at once, each with its file, its key, what was found and what is allowed."""

import pytest

from conftest import ROOT
from simulator.model.errors import Problem, UserError
from simulator.scenario.reader import load_scenario

GOOD = """
title = "Good"
months = 12
[portfolio]
borrowers = 100
[segment.all]
share = 1.0
line_holders = 1.0
line_limit = 10_000
income = { distribution = "lognormal", mean = 5000, sigma = 0.4, unit = "CNY per month" }
[products.line]
interest_rate = { value = 0.0005, unit = "per day" }
minimum_share = 0.1
[behaviour]
model = "structural"
[policy.write_off]
kind = "write_off"
at_dpd = 180
expire_months = 24
[policy.close]
kind = "closure"
freeze_days_late = 7
close_days_late = 30
[policy.sell]
kind = "npl_sale"
enabled = false
from = "written_off"
at_months = 12
price = 0.1
[policy.sell_open]
kind = "npl_sale"
enabled = false
from = "open"
at_dpd = 90
price = 0.1
"""
MATRIX = """
title = "Matrix"
months = 12
portfolio.borrowers = 100
behaviour.model = "roll_rates"
[segment.all]
share = 1.0
line_holders = 1.0
line_limit = 10_000
[behaviour.roll_rates.line]
states = [{ name = "C", bucket = 0 }, { name = "D", bucket = 1 }, { name = "X", bucket = "written_off" }]
matrix = [[0.9, 0.1, 0.0], [0.5, 0.3, 0.2]]
"""
LINE = "behaviour.roll_rates.line"
STATES = 'states=[{{name="C", bucket={}}}, {{name="D", bucket={}}}, {{name="X", bucket="written_off"}}]'

INSURE, PARTNER, COLLECT = 'kind="credit_insurance", premium=0.01', 'kind="joint_lending"', 'kind="collections"'
NPL = '{measure="npl_ratio", above=0.04}'
SMS, CALL = "{to_dpd=30, day=2}", "{from_dpd=120, to_dpd=150, day=9}"

WRONG = [  # override, key path, words that the message has
    ("segment.all.shar=1", "segment.all.shar", ["unknown key", "did you mean share?"]),
    ("month=3", "month", ["unknown key", "did you mean months?"]),
    ("policy.write_off.at_dp=30", "policy.write_off.at_dp", ["did you mean at_dpd?"]),
    ("policy.writeoff.at_dpd=30", "policy.writeoff", ["did you mean write_off?"]),
    ("segment.al.line_holders=1", "segment.al", ["no such segment", "did you mean all?"]),
    ('policy.x.kind="limit_cutt"', "policy.x.kind", ["did you mean limit_cut?"]),
    ("products.line.interest_rate=-0.01", "products.line.interest_rate", ["-0.01 per day", "0 or more"]),
    (
        'products.line.interest_rate.unit="per week"',
        "products.line.interest_rate.unit",
        ["per week", "per month"],
    ),
    ('months={value=3, unit="CNY"}', "months.unit", ["CNY", "months"]),
    ('title={value="x", unit="CNY"}', "title.unit", ["no unit"]),
    ('segment.all.income.unit="CNY"', "segment.all.income.mean.unit", ["CNY per month"]),
    ('segment.all.autopay={value=0.5, source=""}', "segment.all.autopay.source", ["found ''"]),
    ('segment.all.autopay.source="S1"', None, []),
    ('segment.all.buffer={source="S1"}', "segment.all.buffer", ["no value"]),
    ("segment.all.share=0.9", "segment.*.share", ["sum to 0.9"]),
    ("segment.all.autopay=1.5", "segment.all.autopay", ["found 1.5", "1 or less"]),
    ('segment.all.autopay="0.5"', "segment.all.autopay", ["found '0.5'", "a number"]),
    ("segment.all.autopay=true", "segment.all.autopay", ["found True", "a number"]),
    ("segment.all.autopay=nan", "segment.all.autopay", ["nan", "finite"]),
    ("segment.all.autopay=inf", "segment.all.autopay", ["inf"]),
    ("segment.all.autopay=[0.5]", "segment.all.autopay", ["a number"]),
    ("segment.all=3", "segment.all", ["a table"]),
    ("segment=3", "segment", ["a table"]),
    ("policy=3", "policy", ["tables such as"]),
    ("policy.close=3", "policy.close", ["[policy.close]"]),
    ("variant=3", "variant", ["tables such as"]),
    ("variant.x=3", "variant.x", ["[variant.x]"]),
    ("months=12.5", "months", ["a whole number"]),
    ("months=0", "months", ["1 or more"]),
    ("months=601", "months", ["600 or less"]),
    ("seed=-1", "seed", ["0 or more"]),
    ("seed=18446744073709551616", "seed", ["less than"]),
    ("replications=0", "replications", ["1 or more"]),
    ("portfolio.borrowers=0", "portfolio.borrowers", ["nobody to simulate"]),
    ("segment.all.line_holders=0.0", "segment", ["nobody holds"]),
    ("segment.all={loan_holders=0.5, loan_limit=900}", "segment.all.loan_ticket", ["missing"]),
    ('segment.all.income={distribution="lognorm"}', "segment.all.income.distribution", ["lognormal"]),
    ("segment.all.income.median=3", "segment.all.income", ["either mean or median"]),
    ("segment.all.income.sigmma=3", "segment.all.income.sigmma", ["did you mean sigma?"]),
    ('segment.all.forget={distribution="uniform", low=0, high=2}', "segment.all.forget", ["from 0 to 1"]),
    ('segment.all.forget={distribution="uniform", low=0.3, high=0.2}', "segment.all.forget", ["low must not"]),
    ('segment.all.forget={distribution="beta", mean=0.2, sd=0.5}', "segment.all.forget", ["sd must be below 0.4"]),
    ('segment.all.forget={distribution="quantiles", at=[0, 0.5], value=[0, 1]}', "segment.all.forget", ["from 0 to 1"]),
    ("segment.all.opening.line=[0.9, 0.2]", "segment.all.opening.line", ["sum to 1.1"]),
    ("segment.all.opening.line={C=1.0}", "segment.all.opening.line.C", ["no such state"]),
    ("segment.all.opening.causes={forgot=0.5}", "segment.all.opening.causes", ["sum to 0.5"]),
    ("products.loan.terms=[{months=12, share=0.5}]", "products.loan.terms", ["sum to 0.5"]),
    ("products.loan.terms=[{months=72, share=1.0}]", "products.loan.terms.0.months", ["60 or less"]),
    ("products.loan.terms=[{month=12, share=1.0}]", "products.loan.terms.0.month", ["did you mean months?"]),
    ("products.line.suspend_interest_dpd=45", "products.line.suspend_interest_dpd", ["multiple of 30"]),
    ("products.line.minimum_share=0.0", "products.line.minimum_share", ["nothing would ever be due"]),
    ('behaviour.model="structual"', "behaviour.model", ["structural", "roll_rates"]),
    ("behaviour.structural.will_not_burden=[0, 0]", "behaviour.structural.will_not_burden", ["at least 8"]),
    (
        "behaviour.structural.paid_in_month.late.short={by_day_7=0.5, by_day_30=0.4}",
        "behaviour.structural.paid_in_month.late.short.by_day_7",
        ["up to by_day_30"],
    ),
    ("economy.path=[{month=2, unemployment=0.05}]", "economy.path", ["first of them 1"]),
    ("currency.code='yuan'", "currency.code", ["found 'yuan'"]),
    ("policy.close.close_days_late=5", "policy.close.close_days_late", ["closes at 5", "freezes at 7"]),
    ("policy.close.close_days_late=210", "policy.close.close_days_late", ["below 180"]),
    ("policy.close.freeze_days_late='soon'", "policy.close.freeze_days_late", ["whole number", "never"]),
    ("policy.write_off.at_dpd=45", "policy.write_off.at_dpd", ["multiple of 30"]),
    ("policy.write_off.start=13", "policy.write_off.start", ["up to 12"]),
    ("policy.write_off.segments=['al']", "policy.write_off.segments", ["found 'al'", "allowed: all"]),
    ("policy.sell={enabled=true, at_months=25}", "policy.sell.at_months", ["25 months", "below 24"]),
    ("policy.sell={enabled=true, at_months=24}", "policy.sell.at_months", ["24 months", "below 24"]),
    ("policy.sell={enabled=true, bulk_months=[6, 80]}", "policy.sell.bulk_months", ["found 80", "to 72"]),
    ("policy.sell_open={enabled=true, at_dpd=180}", "policy.sell_open.at_dpd", ["below 180"]),
    ("policy.sell_open={enabled=true, at_dpd=210}", "policy.sell_open.at_dpd", ["below 180"]),
    ('policy.close.when={measure="npl_ratio"}', "policy.close.when", ["either above or below"]),
    ('policy.close.when={measure="npl_ratio", above=0.1, below=0.2}', "policy.close.when", ["either above or below"]),
    ('policy.close.when={measure="npl_rato", above=0.1}', "policy.close.when.measure", ["did you mean npl_ratio?"]),
    ('policy.close.when={measure="profit", above=0.1}', "policy.close.when.measure", ["dpd30_share_count"]),
    ('policy.close.when={measure="npl_ratio", abov=0.1}', "policy.close.when.abov", ["did you mean above?"]),
    ('policy.close.when={measure="npl_ratio", above=4}', "policy.close.when.above", ["found 4", "1 or less"]),
    ("policy.close.when={above=0.1}", "policy.close.when.measure", ["missing"]),
    ("policy.close.when=0.04", "policy.close.when", ["found 0.04", "a table"]),
    (f"policy.insure={{{INSURE}, share=0.8, when={NPL}}}", "policy.insure.when", ["settled after the run"]),
    (f"policy.partner={{{PARTNER}, share=0.3, when={NPL}}}", "policy.partner.when", ["settled after the run"]),
    (f"policy.insure={{{INSURE}, share=1.2}}", "policy.insure.share", ["found 1.2", "1 or less"]),
    (f"policy.collect={{{COLLECT}, levels={{sms={SMS}}}, capacity=-1}}", "policy.collect.capacity", ["0 or more"]),
    (f"policy.collect={{{COLLECT}, levels={{sms={SMS}}}, capacity=1.5}}", "policy.collect.capacity", ["whole number"]),
    (
        f"policy.collect={{{COLLECT}, levels={{sms={SMS}, call={CALL}}}}}",
        "policy.collect.levels.call.from_dpd",
        ["gap"],
    ),
    (
        f"policy={{low={{{COLLECT}, levels={{sms={SMS}}}}}, high={{{COLLECT}, levels={{call={CALL}}}}}}}",
        "policy.high.levels.call.from_dpd",
        ["found 120", "a gap, nobody works from 60 DPD on", "up to 60"],
    ),
    ('policy.early={kind="closure", close_days_late=5}', "policy.early.close_days_late", ["policy.close freezes at 7"]),
    (
        'policy={close={freeze_days_late="never"}, late={kind="closure", freeze_days_late=60}}',
        "policy.late.freeze_days_late",
        ["freezes at 60", "policy.close closes at 30"],
    ),
    ("policy={write_off={enabled=false}, sell={enabled=true}}", "policy.sell", ["nothing is ever written off"]),
    ("variant.baseline.title='x'", "variant.baseline", ["choose another"]),
    ("variant.cut.policy.close.close_days_late=5", "variant.cut.policy.close.close_days_late", ["freezes at 7"]),
    ("variant.cut.policy.clse.enabled=true", "variant.cut.policy.clse", ["did you mean close?"]),
    ("portfolio.tape='book.csv'", "portfolio.mapping", ["missing"]),
    ("portfolio.mapping='map.toml'", "portfolio.mapping", ["no such file"]),
    ("months", "", ["not understood"]),
    ("=3", "", ["not understood"]),
]
WRONG_MATRIX = [
    (f"{LINE}.matrix=[[0.9, 0.2, 0.0], [0.5, 0.3, 0.2]]", f"{LINE}.matrix.0", ["row C", "sum to 1.1"]),
    (f"{LINE}.matrix=[[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0, 0, 1]]", f"{LINE}.matrix", ["3 rows", "2, one for each"]),
    (f"{LINE}.matrix=[[0.9, 0.1], [0.5, 0.3, 0.2]]", f"{LINE}.matrix.0", ["row C has 2 columns", "C, D, X"]),
    (f"{LINE}.matrix=[[1.0, -0.1, 0.1], [0.5, 0.3, 0.2]]", f"{LINE}.matrix.0.1", ["found -0.1", "0 or more"]),
    (f"{LINE}.counts=[[0, 0, 0], [1, 1, 1]]", LINE, ["either matrix or counts"]),
    (f"{LINE}.{STATES.format(1, 2)}", f"{LINE}.states.0.bucket", ["allowed: 0"]),
    (f"{LINE}.{STATES.format(0, 16)}", f"{LINE}.states.1.bucket", ["less than 16", "written_off"]),
    (f"{LINE}.{STATES.format(0, 1).replace('D', 'C')}", f"{LINE}.states", ["same name"]),
    ("segment.all.opening.line={C=0.5, E=0.5}", "segment.all.opening.line.E", ["no such state", "C, D"]),
    ("segment.all={loan_holders=1.0, loan_limit=9, loan_ticket=5}", "behaviour.roll_rates.loan", ["a roll matrix"]),
    ("segment.all.state.E.utilisation=0.5", "segment.all.state.E", ["no such state"]),
]
NO_FILE = [  # what is in the file, words that the message has
    (b"title = 'x'\nmonths = = 3\n", ["not valid TOML", "line 2"]),
    (b"months = 3\nmonths = 4\n", ["not valid TOML", "line 2"]),
    (b"[portfolio]\n[portfolio]\n", ["not valid TOML", "line 2"]),
    (b"PAR1\x00\x15\x04\xff\xfe", ["not a text file"]),
    (b"\xff\xfet\x00", ["not a text file"]),
    (b"a = " + b"[" * 100_000, ["not valid TOML"]),
    (b"", ["title", "months", "portfolio", "segment", "behaviour"]),
]


@pytest.fixture
def file(tmp_path):
    """Return a function that writes text or bytes to a file and returns its path."""

    def write(content=GOOD, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def problems_of(path, *arguments, **sizes) -> list[Problem]:
    """Return what is wrong with the scenario, at least one problem."""
    with pytest.raises(UserError) as caught:
        load_scenario(path, *arguments, **sizes)
    return caught.value.problems


def test_the_good_ones_are_good(file):
    """What the wrong cases start from is right."""
    assert load_scenario(file()).baseline.title == "Good"
    assert load_scenario(file(MATRIX)).baseline.title == "Matrix"


@pytest.mark.parametrize(("override", "key", "words"), WRONG, ids=[case[0] for case in WRONG])
def test_one_wrong_value_is_one_clear_problem(override, key, words, file):
    """The key path, what was found and what is allowed are said, and nothing else is complained of."""
    found = problems_of(file(), [override])

    if key is not None:
        assert [problem.key for problem in found if problem.key == key] == [key]
        assert {problem.key for problem in found} == {key}
        assert [word for word in words if word not in str(found[0])] == []
    assert all(problem.file for problem in found)


def test_layers_that_bear_more_than_the_loss_are_refused_at_each(file):
    """Three layers of 40 % of one loss are 120 %: said at every share; two of them are 80 % and allowed."""
    layers = [f"policy.{name}={{{INSURE}, share=0.4}}" for name in ("one", "two", "three")]
    found = problems_of(file(), layers)

    assert load_scenario(file(), layers[:2])
    assert [problem.key for problem in found] == [f"policy.{name}.share" for name in ("one", "two", "three")]
    assert all("1.2" in problem.found for problem in found)


@pytest.mark.parametrize(("override", "key", "words"), WRONG_MATRIX, ids=[case[0] for case in WRONG_MATRIX])
def test_a_wrong_matrix_names_its_row(override, key, words, file):
    """A roll matrix that cannot be says which row or state is wrong."""
    found = problems_of(file(MATRIX), [override])

    assert key is None or [problem.key for problem in found] == [key]
    assert [word for word in words if word not in str(found[0])] == []


@pytest.mark.parametrize(("content", "words"), NO_FILE)
def test_a_file_that_is_no_scenario_is_told_apart(content, words, file):
    """Syntax errors come with their line, binary files and empty ones with what they lack."""
    said = str(UserError(problems_of(file(content))))

    assert "mine.toml" in said
    assert [word for word in words if word not in said] == []


def test_a_path_that_is_no_file(tmp_path):
    """A missing file suggests its neighbour; a directory is called one."""
    (tmp_path / "huabei.toml").write_text("")

    assert "no such file; did you mean huabei.toml?" in str(problems_of(tmp_path / "huabie.toml")[0])
    assert "this is a directory" in str(problems_of(tmp_path)[0])


def test_everything_wrong_is_said_at_once(file):
    """Unknown keys, wrong units, bounds, sums and contradictions are all in one answer, each with its file."""
    text = GOOD.replace('unit = "per day"', 'unit = "per week"').replace("share = 1.0", "share = 0.8")
    text = text.replace("title", "titel", 1) + "close_days = 3\n"
    found = problems_of(file(text), ["segment.all.autopay=2", "policy.close.close_days_late=5"])
    where = {problem.key: problem.file for problem in found}

    assert sorted(where) == [
        "policy.close.close_days_late",
        "policy.sell_open.close_days",
        "products.line.interest_rate.unit",
        "segment.*.share",
        "segment.all.autopay",
        "titel",
    ]
    assert [where["segment.all.autopay"], where["policy.close.close_days_late"]] == ["--set", "--set"]


def test_sums_are_checked_beside_other_errors(file):
    """A wrong number in one table does not hide shares that do not sum to 1 in another."""
    found = problems_of(file(GOOD.replace("share = 1.0", "share = 0.8")), ["products.line.interest_rate=-1"])

    assert [problem.key for problem in found] == ["products.line.interest_rate", "segment.*.share"]


def test_a_problem_of_the_baseline_is_said_once(file):
    """Variants do not repeat what is wrong with the baseline."""
    text = GOOD + '[variant.a]\ntitle = "A"\n[variant.b]\nmonths = 3\n'
    keys = [problem.key for problem in problems_of(file(text), ["segment.all.autopay=2"])]

    assert keys == ["segment.all.autopay", "variant.b.months"]


def test_a_problem_names_the_file_it_is_in(file):
    """In a chain of files the one that set the value is named; missing keys are those of the file asked for."""
    file(GOOD.replace("minimum_share = 0.1", "minimum_share = 1.1"), "base.toml")
    path = file('extends = "base.toml"\nmonths = -1\n', "top.toml")
    found = {problem.key: problem.file.rpartition("/")[2] for problem in problems_of(path)}

    assert found == {"months": "top.toml", "products.line.minimum_share": "base.toml"}


@pytest.mark.parametrize("chain", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_files_that_extend_each_other_are_refused(chain, file):
    """A circle of any length is named."""
    for name, above in zip(chain, chain[1:] + chain[:1], strict=True):
        file(f'extends = "{above}.toml"\n', f"{name}.toml")
    problem = problems_of(file(f'extends = "{chain[-1]}.toml"\n', f"{chain[0]}.toml"))[0]

    assert "circular" in problem.found


def test_a_missing_file_to_extend_is_said_at_the_key(file):
    """The file that extends is named, and what it asked for."""
    problem = problems_of(file('extends = "bse.toml"\n'))[0]

    assert (problem.key, "bse.toml" in problem.found) == ("extends", True)


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("extends = 3\n", "extends", "found 3"),
        ('extends = ["good.toml", 3]\n', "extends", "found ['good.toml', 3]"),
        ('extends = ["good.toml", "bse.toml"]\n', "extends", "bse.toml: no such file"),
        ('extends = "good.toml"\n[variant.a]\nextends = 3\n', "variant.a.extends", "found 3"),
        ('extends = "good.toml"\n[variant.a]\nextends = "bse.toml"\n', "variant.a.extends", "bse.toml: no such file"),
        ('extends = "good.toml"\n[variant.a]\nextends = "top.toml"\n', "extends", "circular: top.toml -> top.toml"),
        (
            'extends = "good.toml"\n[variant.a]\nextends = "layer.toml"\n',
            "variant.a.months",
            "not allowed in a variant",
        ),
    ],
)
def test_what_cannot_be_extended_is_said_at_the_key(text, key, found, file):
    """Neither a path nor a list of paths, files that are not there, circles, and what a variant may not change."""
    file(GOOD, "good.toml")
    file("months = 3\n", "layer.toml")
    problem = problems_of(file(text, "top.toml"))[0]

    assert (problem.key, found in problem.found) == (key, True), problem


@pytest.mark.parametrize(
    ("size", "key"), [("borrowers", "portfolio.borrowers"), ("months", "months"), ("seed", "seed")]
)
def test_sizes_on_the_command_line_are_checked(size, key, file):
    """A negative size names its option."""
    problem = problems_of(file(), **{size: -1})[0]

    assert (problem.file, problem.key) == (f"--{size}", key)


def test_what_follows_from_another_problem_is_not_said(file):
    """A misspelt key does not also bring complaints about what its absence means."""
    found = problems_of(file(GOOD.replace("line_holders", "line_holder")))

    assert [problem.key for problem in found] == ["segment.all.line_holder"]


def test_shipped_scenarios_can_be_shrunk():
    """Small sizes for a first try contradict nothing in the shipped files."""
    for path in sorted((ROOT / "scenarios").glob("*.toml")):
        scenario = load_scenario(path, borrowers=100, replications=2, months=1, seed=0)

        assert scenario.baseline.months == 1


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("products.line.interest_rate=0.04", "allowed: 1 per month or less, which is 0.0328767 per day"),
        ("products.line.interest_rate={value=40, unit='per year'}", "1 per month or less, which is 12 per year"),
        ("segment.all.autopay={value=150, unit='percent'}", "allowed: 1 share or less, which is 100 percent"),
        ("segment.all.opening.line={value=[99, 101], unit='percent'}", "1 share or less, which is 100 percent"),
        ("products.line.interest_rate={value=1.5, unit='per month'}", "allowed: 1 or less"),
    ],
)
def test_a_bound_is_told_in_the_unit_of_the_value(override, allowed, file):
    """0.04 per day is more than 1 a month: the bound is said in both units."""
    (problem,) = problems_of(file(), [override])

    assert problem.allowed.endswith(allowed)


def test_contradictions_are_told_beside_errors_of_every_kind(file):
    """A wrong number, kind, model or a missing key hides no falling path, unknown segment or end before the start."""
    text = f"""{GOOD}
[economy]
path = [{{ month = 2, unemployment = 0.05 }}, {{ month = 1, unemployment = 0.05 }}]
[policy.misspelt]
kind = "limitcut"
start = 9
end = 7
segments = ["young"]
[policy.half]
kind = "limit_cut"
at_dpd = 30
segments = ["old"]
[policy.odd]
kind = "limit_cut"
at_dpd = 31
keep = 0.5
start = 4
end = 3
"""
    contradictions = {
        "economy.path",
        "policy.half",
        "policy.half.segments",
        "policy.misspelt.end",
        "policy.misspelt.kind",
        "policy.misspelt.segments",
        "policy.odd.at_dpd",
        "policy.odd.end",
    }
    for override in ("segment.all.share=1.5", "months=0", "seed=-1", 'behaviour.model="x"'):
        found = {problem.key for problem in problems_of(file(text), [override])}

        assert found == contradictions | {override.partition("=")[0]}


def test_shares_that_several_files_set_name_them_all(file, tmp_path):
    """No single file is to blame for a sum: each that set one of the shares is named."""
    file(name="below.toml")
    above = file('extends = "below.toml"\n[segment.more]\nshare = 0.2\nincome = 5000\n', "above.toml")
    (problem,) = problems_of(above)

    assert problem.key == "segment.*.share"
    assert problem.file == f"{tmp_path / 'below.toml'}, {above}"


def test_what_variants_only_bring_into_force_is_told_once_and_where_it_stands(file):
    """Months of a policy that the file sets wrongly are its own, not those of each variant that enables it."""
    policy = '[policy.late]\nkind = "limit_cut"\nat_dpd = 30\nkeep = 0.5\nenabled = false\nstart = 5\nend = 4\n'
    variants = [f"variant.{name}.policy.late.enabled=true" for name in ("one", "two")]
    (problem,) = problems_of(file(GOOD + policy), variants)
    own = problems_of(file(GOOD + policy), [*variants, "variant.two.policy.late.end=3"])

    assert problem.key == "policy.late.end"
    assert "in force in variant one, two" in problem.allowed
    assert [problem.key for problem in own] == ["variant.two.policy.late.end", "policy.late.end"]
