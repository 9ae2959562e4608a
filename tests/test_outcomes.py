"""Loans with outcomes: known hazards and losses come back; a scenario gives the file's figures and another does not."""

import csv
import json
import tomllib
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from scipy.stats import binom

from conftest import ROOT
from simulator.engine import engine
from simulator.estimation.outcomes.checks import check, held_out, simulated
from simulator.estimation.outcomes.estimator import LoanEstimator
from simulator.estimation.outcomes.figures import by_segment, figures, halves, intervals, resampled
from simulator.estimation.outcomes.fit import collect, fit_loans
from simulator.estimation.outcomes.hazards import exposure_of, missed_by, placed, schedule
from simulator.estimation.outcomes.rows import has_outcomes, read_outcomes
from simulator.estimation.outcomes.scenario import scenario_text
from simulator.estimation.protocol import Options, run_estimator
from simulator.estimation.workflows import calibrate
from simulator.model.errors import UserError
from simulator.model.observer import Silent
from simulator.model.random_words import philox_numpy
from simulator.scenario.reader import load_scenario

TERM, RATE = 24, 0.01
DEFAULT, EARLY = {"good": 0.004, "weak": 0.02}, 0.02  # hazards a month, whatever the age
RECOVERY, COMMISSION = 0.3, 0.2  # of exposure, of half the loans; of what is recovered
LGD = 1 - 0.5 * RECOVERY * (1 - COMMISSION)
REPLICATIONS = 40
MAPPING = """
currency = "USD"
[outcomes]
rate_unit = "percent per year"
charge_off_dpd = 90
recovery_months = 12
[columns]
account_id = "loan"
issued = "issued"
amount = "amount"
term = "months"
rate = "rate"
instalment = "instalment"
status = "end"
principal = "principal"
interest = "interest"
recoveries = "recovered"
recovery_cost = "cost"
total = "total"
segment = "class"
[status]
PAID = "paid"
BAD = "charged_off"
CURRENT = "leave_out"
SOLD = "leave_out"
"""
HEADER = "loan,issued,class,amount,months,rate,instalment,end,principal,interest,recovered,cost,total"


def drawn_loans(n, seed, default=DEFAULT, early=EARLY):
    """Return n loans as rows of text, and by loan the payments made before default or the due of repayment."""
    words = philox_numpy(np.arange(n)[:, None], np.arange(TERM + 1)[None, :], 0, 99, seed, 0) / 2.0**32
    owed, interest = schedule(RATE, TERM)
    rows, lives = [], []
    for i in range(n):
        name = "good" if i % 3 else "weak"
        amount = 1000.0 * (1 + int(words[0, i, 0] * 20))
        for due in range(1, TERM + 1):
            bad = words[1, i, due] < default[name]
            if bad or words[1, i, due] < default[name] + early or due == TERM:
                break
        principal = amount * (1 - owed[due - 1]) if bad else amount
        received = amount * interest[due - 1 if bad else due]
        recovered = RECOVERY * (amount - principal) * (words[2, i, 0] < 0.5) if bad else 0.0
        money = [round(x, 2) for x in (principal, received, recovered, COMMISSION * recovered)]
        instalment = round(amount * RATE / (1 - (1 + RATE) ** -TERM), 2)
        known = f"L{i},2020-03-01,{name},{amount},{TERM},{1200 * RATE},{instalment},{'BAD' if bad else 'PAID'}"
        rows.append(f"{known},{','.join(f'{x:.2f}' for x in money)},{sum(money[:3]):.2f}")
        lives.append((bad, due - 1 if bad else due))
    return rows, np.array(lives)


def calibrated(tape, mapping, observer=None, **checks):
    """Return the calibration of loans, with `checks` of so many replications."""
    return run_estimator(LoanEstimator(tape, mapping, Options(), **checks), observer)


def written(folder, rows, mapping=MAPPING, header=HEADER):
    """Return the paths of a tape and a mapping."""
    tape, explained = folder / "loans.csv", folder / "loans.toml"
    tape.write_text("\n".join([header, *rows]) + "\n")
    explained.write_text(mapping)
    return tape, explained


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return (outcomes, lives, tape, mapping) of 6,000 loans drawn here."""
    rows, lives = drawn_loans(6000, 5)
    tape, mapping = written(tmp_path_factory.mktemp("made"), rows)
    return read_outcomes(tape, mapping), lives, tape, mapping


@pytest.fixture(scope="module")
def calibration(made):
    """Return what `simulator calibrate` finds in the drawn loans, with fewer replications of its checks."""
    return calibrated(*made[2:], replications=REPLICATIONS)


@pytest.fixture(scope="module")
def lived(made):
    """Return (fit, what is simulated) of the scenario of the drawn loans."""
    fitted = fit_loans(made[0])
    return fitted, simulated(fitted, 3, REPLICATIONS)


# ---- what the rows say -----------------------------------------------------------------------------------
def test_the_month_of_default_and_of_repayment_come_back_exactly(made):
    """From principal and interest received, rounded to cents, each loan is placed in the month it was drawn in."""
    outcomes, lives, *_ = made
    payments, due = placed(outcomes)
    bad = lives[:, 0] == 1

    assert (outcomes.charged_off == bad).all()
    assert (payments[bad] == lives[bad, 1]).all()
    assert (due[~bad] == lives[~bad, 1]).all()


def test_figures_are_those_of_the_rows(made):
    """The figures of all loans, worked out again from the columns."""
    outcomes = made[0]
    off = outcomes.charged_off
    exposure = (outcomes.amount - outcomes.principal)[off]
    net = (outcomes.recovered - outcomes.recovery_cost)[off]
    wanted = [
        off.mean(),
        (exposure / outcomes.amount[off]).mean(),
        1 - net.sum() / exposure.sum(),
        (exposure - net).sum() / outcomes.amount.sum(),
    ]

    assert figures(by_segment(outcomes))[-1] == pytest.approx(wanted, rel=1e-12)


def test_rows_left_out_are_counted_by_reason_and_change_nothing_else(made, tmp_path):
    """Open loans, another term, a total that does not add up, a charge-off without exposure: each is named."""
    rows, _ = drawn_loans(200, 5)
    extra = [
        "X1,2020-03,good,1000,24,12,47.07,CURRENT,100,10,0,0,110",
        "X2,2020-03,good,1000,36,12,33.21,PAID,1000,90,0,0,1090",
        "X3,2020-03,good,1000,24,12,47.07,PAID,1000,90,0,0,1091",
        "X4,2020-03,good,1000,24,12,47.07,BAD,1000,90,0,0,1090",
        "X5,2020-03,good,1000,24,12,47.07,SOLD,1000,90,0,0,1090",
    ]
    plain = read_outcomes(*written(tmp_path, rows))
    more = read_outcomes(*written(tmp_path, rows + extra))

    assert set(more.facts["left_out"].values()) == {1}
    assert [reason.split(",")[0] for reason in more.facts["left_out"]] == [
        "status CURRENT",
        "status SOLD",
        "charged off",
        "the total is not principal",
        "a term other than 24 months",
    ]
    assert (plain.facts["rows_read"], more.facts["rows_read"], more.facts["loans_used"]) == (200, 205, 200)
    assert (by_segment(plain) == by_segment(more)).all()


def test_a_wrong_instalment_is_counted(made, tmp_path):
    """Instalments are those of the annuity formula (no row off); one made 5% larger is counted and still used."""
    rows, _ = drawn_loans(60, 5)
    parts = rows[0].split(",")
    parts[6] = str(1.05 * float(parts[6]))
    found = read_outcomes(*written(tmp_path, [",".join(parts), *rows[1:]]))

    name = "with an instalment off the annuity by more than 1%"
    assert made[0].facts["checks"][name] == 0
    assert found.facts["checks"][name] == 1


def test_every_wrong_row_is_said_at_once(tmp_path):
    """Text for a number, a blank, a date in words, a negative amount and an id twice end in one answer with all."""
    rows, _ = drawn_loans(60, 5)
    rows[1] = rows[1].replace(",24,", ",two years,")
    rows[2] = rows[2].replace("2020-03-01", "early 2020")
    parts = rows[3].split(",")
    rows[3] = ",".join([*parts[:3], "-5", *parts[4:]])
    rows[4] = rows[4].replace("L4,", "L5,")
    with pytest.raises(UserError) as caught:
        read_outcomes(*written(tmp_path, rows))

    said = str(caught.value)
    assert all(word in said for word in ("two years", "early 2020", "-5", "L5"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rate_unit = "percent per year"', "", "outcomes.rate_unit"),
        ('principal = "principal"', 'principal = "principle"', "did you mean principal?"),
        ('BAD = "charged_off"', 'BAD = "paid"', "no code means charged_off"),
        ("charge_off_dpd = 90", "charge_off_dpd = 100", "outcomes.charge_off_dpd"),
        ("[status]", "surprise = 1\n[status]", "unknown key"),
        ('segment = "class"', '[segment]\ngood = "g"', "columns.segment"),
    ],
)
def test_a_wrong_mapping_is_said(tmp_path, old, new, said):
    """Each mistake in a mapping names its key."""
    rows, _ = drawn_loans(60, 5)
    tape, mapping = written(tmp_path, rows, MAPPING.replace(old, new))
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        read_outcomes(tape, mapping)


def test_loans_that_all_ended_alike_cannot_be_fitted(tmp_path):
    """Without a charge-off there is nothing to fit, and that is said."""
    rows = [row for row in drawn_loans(60, 5)[0] if "PAID" in row]
    with pytest.raises(UserError, match="no loan in use was charged off"):
        read_outcomes(*written(tmp_path, rows))


def test_mappings_tell_their_kind():
    """The shipped mapping of loans with outcomes is known as one, that of accounts is not."""
    maps = ROOT / "scenarios" / "maps"
    assert has_outcomes(maps / "lendingclub_36m.toml")
    assert not has_outcomes(maps / "taiwan_cards.toml")


# ---- intervals -------------------------------------------------------------------------------------------
def test_the_bootstrap_has_the_standard_error_of_a_mean(made):
    """The spread of resampled charge-off shares is sqrt(p (1 - p) / n), within 4 of its own standard errors."""
    outcomes = made[0]
    drawn = figures(resampled(outcomes, 7, 400))[:, 0, 0]
    p, n = figures(by_segment(outcomes))[0, 0], by_segment(outcomes)[0, 0]

    assert abs(drawn.std(ddof=1) / np.sqrt(p * (1 - p) / n) - 1) < 4 / np.sqrt(2 * 400)


def test_halves_are_all_loans_once_and_another_seed_gives_others(made):
    """A split takes nobody twice and depends on the seed alone."""
    first, second = halves(made[0], 1)

    assert (np.sort(np.concatenate([first, second])) == np.arange(6000)).all()
    assert (halves(made[0], 1)[0] == first).all()
    assert (halves(made[0], 2)[0] != first).any()


# ---- the fit ---------------------------------------------------------------------------------------------
def test_known_hazards_come_back_from_drawn_loans(made):
    """Hazards that do not change with the due: fitted level within 4 standard errors, and no other segment's."""
    outcomes = made[0]
    for name, segment in fit_loans(outcomes).segments.items():
        own = outcomes.segment == outcomes.segments.index(name)
        mean, se = segment.default.mean(), DEFAULT[name] / np.sqrt((own & outcomes.charged_off).sum())
        other = DEFAULT["good" if name == "weak" else "weak"]

        assert abs(mean - DEFAULT[name]) < 4 * se
        assert abs(mean - other) > 4 * se


def test_known_lgd_comes_back(made):
    """LGD in its 95% interval; an LGD without the cost of collecting is outside."""
    _, low, high = intervals(made[0], 1, 0.95, resamples=300)

    assert low[-1, 2] < LGD < high[-1, 2]
    assert not low[-1, 2] < 1 - 0.5 * RECOVERY < high[-1, 2]


def test_collecting_gives_mean_and_variance_of_the_recoveries(made):
    """By the binomial number of recoveries, what is collected has exactly the loans' mean and variance."""
    outcomes = made[0]
    how = collect(outcomes, 0.0)
    n = np.arange(how.months + 1)
    weight, brought = binom.pmf(n, how.months, how.chance), 1 - (1 - how.share) ** n
    off = outcomes.charged_off
    exposure, recovered = outcomes.exposure[off], outcomes.recovered[off]
    mean = recovered.sum() / exposure.sum()
    variance = ((recovered - mean * exposure) ** 2).sum() / (exposure**2).sum()

    assert weight @ brought == pytest.approx(mean, rel=1e-9)
    assert weight @ (brought - mean) ** 2 == pytest.approx(variance, rel=1e-6)
    assert how.commission == pytest.approx(COMMISSION, rel=1e-3)


def test_recoveries_are_tested_for_being_alike(made, tmp_path):
    """Drawn alike, segments share one recovery; with those of one segment three times as large each has its own."""
    changed = []
    for row in drawn_loans(3000, 5)[0]:
        *known, recovered, cost, total = row.split(",")
        more = 2 * float(recovered) * (known[2] == "weak")
        changed.append(",".join([*known, f"{float(recovered) + more:.2f}", cost, f"{float(total) + more:.2f}"]))
    alike, apart = fit_loans(made[0]), fit_loans(read_outcomes(*written(tmp_path, changed)))

    assert alike.one_recovery and not apart.one_recovery
    assert alike.segments["good"].collecting == alike.segments["weak"].collecting
    assert apart.segments["weak"].collecting.share > 2 * apart.segments["good"].collecting.share


def test_a_thin_segment_leans_on_all(tmp_path):
    """With two charge-offs of 32 a segment has its own share, the curve of all, shifted, and the recoveries of all."""
    rows, lives = drawn_loans(900, 5)
    bad, good = np.flatnonzero(lives[:, 0] == 1)[:2], np.flatnonzero(lives[:, 0] == 0)[:30]
    for i in (*bad, *good):
        rows[i] = rows[i].replace(",weak,", ",few,").replace(",good,", ",few,")
    outcomes = read_outcomes(*written(tmp_path, rows))
    few = fit_loans(outcomes).segments["few"]

    others = [segment.default for name, segment in fit_loans(outcomes).segments.items() if name != "few"]
    assert abs(missed_by(few.default, few.early)[-1] - 2 / 32) < 0.02
    assert few.collecting == collect(outcomes, RATE)
    odds = np.log(few.default / (1 - few.default)) - np.log(others[0] / (1 - others[0]))
    assert odds == pytest.approx(odds[0], abs=1e-9)


# ---- the scenario ----------------------------------------------------------------------------------------
def test_every_number_of_the_fit_names_its_source(lived):
    """Hazards, recoveries, rate, shares and amounts say which file, how many loans and its digest."""
    table = tomllib.loads(scenario_text(lived[0]))
    source = lived[0].outcomes.source

    assert source.startswith("calibrated from loans.csv: 6,000 loans, SHA-256 ")
    for name in ("good", "weak"):
        assert table["segment"][name]["source"] == source
        assert table["segment"][name]["roll_rates"]["loan"]["matrix"]["source"] == source
    assert table["products"]["loan"]["interest_rate"]["source"] == source
    assert table["policy"]["write_off"]["recover_share"]["source"] == source


def test_the_kernel_lives_the_hazards_that_were_fitted(lived):
    """Simulated exposures and shares charged off by each due are those of the recursion, |z| < 4 over replications."""
    fitted, found = lived
    for s, segment in enumerate(fitted.segments.values()):
        by_due = missed_by(segment.default, segment.early)
        wanted = np.append(by_due, exposure_of(segment.default, segment.early, segment.rate))
        shares = found.missed[:, s] / found.sums[:, s, :1]
        drawn = np.column_stack([shares, figures(found.sums)[:, s, 1]])
        se = drawn.std(axis=0, ddof=1) / np.sqrt(REPLICATIONS)

        assert (np.abs(drawn.mean(axis=0) - wanted) < 4 * se).all()
        a_due_early = drawn.mean(axis=0)[1:TERM] - wanted[: TERM - 1]
        assert (np.abs(a_due_early) / se[1:TERM]).max() > 8


def test_figures_of_the_file_are_inside_the_intervals_of_its_scenario(made, lived):
    """Fitted figures all are; of those that follow from them (LGD and net loss of a segment) at most one is not."""
    inside = check(made[0], lived[1].sums, 0.95).inside

    assert inside[:, :2].all() and inside[-1].all()
    assert inside.sum() >= inside.size - 1


def test_figures_of_another_hazard_timing_or_recovery_are_outside(made, lived):
    """Negative control: half as many defaults again, defaults only late, a third of the recoveries: each is seen."""
    fitted, _ = lived

    def inside(**change):
        segments = {name: s._replace(**{k: f(s) for k, f in change.items()}) for name, s in fitted.segments.items()}
        return check(made[0], simulated(fitted._replace(segments=segments), 3, 16).sums, 0.95).inside[-1]

    def a_third(segment):
        return segment.collecting._replace(chance=segment.collecting.chance / 3)

    more = inside(default=lambda s: 1.5 * s.default, collecting=a_third)
    late = inside(default=lambda s: s.default * np.linspace(0.2, 2.5, len(s.default)))
    assert not more[0] and not more[2]
    assert not late[1] and late[2]


def test_a_half_the_scenario_was_not_fitted_on_is_inside(made):
    """At 95% at least 10 of 12 figures and 13 of 15 shares by due are; with charge-offs doubled, the shares are not."""
    outcomes = made[0]
    unseen, in_time = held_out(outcomes, 4, REPLICATIONS, level=0.95)
    other = by_segment(outcomes.take(halves(outcomes, 4)[1]))
    other[:, 1] *= 2

    assert unseen.inside.sum() >= 10
    assert in_time.dues == (3, 6, 12, 18, 24) and in_time.inside.sum() >= 13
    doubled = figures(other)[:, 0]
    assert (doubled > unseen.high[:, 0]).all()


# ---- the command's part ----------------------------------------------------------------------------------
def test_calibrate_writes_a_scenario_that_runs_and_the_tables(made, calibration, tmp_path):
    """All files are there, the scenario loads, and the tables have a row for each segment and figure, or due."""
    calibration.save(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "tape.json").read_text())
    assert calibration.answers[0] == told["used"] and calibration.answers[0].startswith("6,000 of 6,")
    assert calibration.cautions == told["cautions"]
    assert calibration.answers[0] in (tmp_path / "out" / "report.html").read_text()
    rows, dues, by_due = (
        list(csv.DictReader((tmp_path / "out" / name).read_text().splitlines()))
        for name in ("outcomes.csv", "hazards.csv", "cumulative.csv")
    )

    names = [
        "cumulative.csv",
        "hazards.csv",
        "held_out.csv",
        "manifest.json",
        "outcomes.csv",
        "report.html",
        "scenario.toml",
    ]
    names.append("tape.json")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == names
    settings = load_scenario(tmp_path / "out" / "scenario.toml").baseline
    assert settings.months + settings.run_off_months == 1 + TERM + 3 + 12
    assert len(rows) == 3 * 4 and len(dues) == 3 * TERM and len(by_due) == 3 * 5
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in rows)
    of_all = [row for row in dues if row["segment"] == "all"]
    assert sum(int(row["missed"]) for row in of_all) == int(by_due[-1]["missed"]) == made[0].charged_off.sum()
    assert all(float(row["low"]) < float(row["fitted"]) < float(row["high"]) for row in dues + by_due)
    assert all(float(row["next_low"]) < float(row["low"]) for row in by_due)
    with pytest.raises(UserError, match="complete run"):
        calibration.save(tmp_path / "out")


def test_a_scenario_that_is_not_at_the_level_of_its_loans_says_so(made, tmp_path):
    """A figure of all loans outside the scenario's interval is a caution: in the answer, the files and every check."""
    done = calibrated(*made[2:], replications=10)
    value, low, high = done.checked.fitted.value, done.checked.fitted.value + 0.01, done.checked.fitted.value + 0.02
    own, other = done.checked.timing
    by_due = own.value + 0.01 * (np.array(own.dues) == 6)
    for name, fitted, shares in (
        ("level", done.checked.fitted._replace(low=value, high=value), own._replace(low=own.value, high=own.value)),
        ("off", done.checked.fitted._replace(low=low, high=high), own._replace(low=by_due, high=own.value + 0.02)),
    ):
        found = done.checked._replace(fitted=fitted, timing=(shares, other))
        replace(done, checked=found).save(tmp_path / name)
    carried = load_scenario(tmp_path / "off" / "scenario.toml").cautions
    page = (tmp_path / "off" / "report.html").read_text()

    assert load_scenario(tmp_path / "level" / "scenario.toml").cautions == []
    assert len(carried) == 5 and carried[4].startswith("Charged off by due 6: ")
    assert all(f"<b>{caution}</b>" in page for caution in carried)
    off, least, most = (f"{x[-1, 0]:.1%}" for x in (value, low, high))
    assert carried[0] == f"Charged off, of loans: {off} of the loans, in this scenario {least} to {most}."


def test_compiling_is_told_before_the_first_check(made, monkeypatch):
    """Where the kernel is not in the cache yet, the checks, which simulate, say that it is compiled."""

    class Noting(Silent):
        """Note the stages and the compiler's in one list."""

        started = note = lambda self, what: said.append(what)

    said = []
    monkeypatch.setattr(engine, "prepare", lambda lowered, tell=lambda stage: None: tell("function 1"))
    calibrated(*made[2:], replications=2, observer=Noting())

    assert said[1] == "checking: as many loans simulated" and said[2].startswith("compiling")


def test_a_file_without_segments_recoveries_or_many_loans(tmp_path):
    """One segment, nothing recovered (LGD 1), a class of a single loan: all run; under 20 charge-offs are refused."""
    rows = [",".join([*row.split(",")[:9], row.split(",")[9], "0", "0", "0"]) for row in drawn_loans(300, 5)[0]]
    plain = MAPPING.replace('segment = "class"\n', "").replace('total = "total"\n', "")
    alone = [rows[0].replace(",weak,", ",one,"), *rows[1:]]
    for name, lines, mapping in (("plain", rows, plain), ("alone", alone, MAPPING.replace('total = "total"\n', ""))):
        found = calibrated(*written(tmp_path, lines, mapping), replications=3).checked
        assert found.fitted.value[-1, 2] == found.fitted.mean[-1, 2] == 1
        assert found.fitted.segments == (("loans", "all") if name == "plain" else ("good", "one", "weak", "all"))
    with pytest.raises(UserError, match="a fit needs 20 of both kinds"):
        calibrated(*written(tmp_path, rows[:60], plain))


def test_parquet_gives_the_same_loans(made, tmp_path):
    """A Parquet file with real dates and numbers is read as the CSV is."""
    table = pa.csv.read_csv(made[2])
    pq.write_table(table, tmp_path / "loans.parquet")
    found = read_outcomes(tmp_path / "loans.parquet", made[3])

    assert pa.types.is_date(table.schema.field("issued").type)
    assert (by_segment(found) == by_segment(made[0])).all()


def test_nothing_is_written_for_a_wrong_file(tmp_path):
    """A file that cannot be read leaves no folder behind."""
    tape, mapping = written(tmp_path, ["a,b"], header="loan,issued")
    with pytest.raises(UserError):
        calibrate(tape, mapping)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["loans.csv", "loans.toml"]


def test_lendingclub_figures_are_inside_the_intervals_of_the_calibrated_scenario(shared_file):
    """3,000 loans of April 2015, shipped mapping: overall and by grade; a hazard a quarter higher is outside."""
    tape = shared_file("lendingclub_36m_sample_2015apr_3000.csv")
    outcomes = read_outcomes(tape, ROOT / "scenarios" / "maps" / "lendingclub_36m.toml")
    fitted = fit_loans(outcomes)
    found = check(outcomes, simulated(fitted, 1, REPLICATIONS).sums, 0.95)
    worse = {name: segment._replace(default=1.25 * segment.default) for name, segment in fitted.segments.items()}
    other = check(outcomes, simulated(fitted._replace(segments=worse), 1, 16).sums, 0.95)

    assert outcomes.facts["loans_used"] == 3000 and outcomes.charged_off.sum() == 467
    assert outcomes.segments == ("A", "B", "C", "D", "E-G")
    assert not any(segment.borrowed for segment in fitted.segments.values())
    assert found.inside[-1].all() and found.inside[:, :3].sum() >= 17  # of 18: grade B's exposure is below all timing
    assert not other.inside[-1, 0]


def test_loans_have_no_roll_matrices(calibration):
    """Outcomes do not tell how accounts move by month: who asks is told what to give."""
    for name in ("rolls", "factor"):
        with pytest.raises(UserError, match=f"{name}: this tape gives no .*; calibrate one of accounts by month"):
            getattr(calibration, name)
