"""Scenario files: layers, units, sources, the shipped files, the examples of the documentation."""

import re

import pytest
from pydantic import BaseModel

from conftest import ROOT
from simulator.model.errors import UserError
from simulator.scenario.fields import fields_of
from simulator.scenario.parameters import in_words, rows
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import Settings
from simulator.scenario.variants import lines

NO_SCENARIOS = ("maps", "economies", "targets")  # folders of other files
SHIPPED = sorted(path for path in (ROOT / "scenarios").rglob("*.toml") if path.parent.name not in NO_SCENARIOS)
GUIDE = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (.+?)$.*?^```toml$(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SMALL = """
title = "Small"
months = 12
[portfolio]
borrowers = 100
[segment.all]
share = 1
line_holders = 1
line_limit = { distribution = "lognormal", mean = 10_000, sigma = 0.5, max = 50_000, unit = "CNY", source = "S1" }
income = 5000
[products.line]
interest_rate = { value = 0.0005, unit = "per day", source = "S57", status = "read-c" }
minimum_share = 0.1
[behaviour]
model = "structural"
[policy.cut]
kind = "limit_cut"
enabled = false
at_dpd = 30
keep = 0.5
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a scenario file and returns its path."""

    def file(text=SMALL, name="small.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return file


def keys_of(model):
    """Return every key name in `model` and below."""
    keys = set()
    for key, field in fields_of(model).items():
        keys |= {key} | (keys_of(field.model) if field.model else set())
    return keys


def ids(paths):
    """Return the names of files, for test ids."""
    return [path.stem for path in paths]


@pytest.mark.parametrize("path", SHIPPED, ids=ids(SHIPPED))
def test_every_number_of_a_shipped_scenario_has_a_source(path):
    """No number in a shipped file, or in a variant of it, is there only because somebody wrote it."""
    scenario = load_scenario(path)
    everywhere = [scenario.provenance, *scenario.variant_provenance.values()]
    bare = {key for where in everywhere for key, about in where.items() if about.source.startswith("author of")}
    silent = {key for where in everywhere for key, about in where.items() if not about.source or not about.status}

    assert bare | silent == set()


@pytest.mark.parametrize("path", SHIPPED, ids=ids(SHIPPED))
def test_sources_of_shipped_scenarios_are_listed(path):
    """Every source S.. that a shipped file names is in the table of the guide, ranges included."""
    table = GUIDE[GUIDE.index("## Sources") :]
    listed = set()
    for first, last in re.findall(r"S(\d+)(?:-S(\d+))?", table):
        listed |= set(range(int(first), int(last or first) + 1))
    named = {int(number) for number in re.findall(r"\bS(\d+)", path.read_text(encoding="utf-8"))}

    assert named - listed == set()


@pytest.mark.parametrize("path", SHIPPED, ids=ids(SHIPPED))
def test_the_resolved_text_reads_back_as_the_same_scenario(path, tmp_path):
    """Writing the resolved scenario and reading it gives equal settings, the same text and the same digest."""
    scenario = load_scenario(path)
    copy = tmp_path / "copy.toml"
    copy.write_text(scenario.text(), encoding="utf-8")
    again = load_scenario(copy)

    assert again.baseline == scenario.baseline
    assert again.variants == scenario.variants
    assert again.text() == scenario.text()
    assert again.digest() == scenario.digest()


def test_cautions_add_up(write):
    """No layer takes away what a lower one warns of; a file that says nothing warns of nothing."""
    write(f'cautions = ["a", "b"]\n{SMALL}')
    above = write('extends = "small.toml"\ncautions = ["b", "c"]\n[variant.v]\ncautions = ["d", "a"]\n', "above.toml")
    scenario = load_scenario(above, ['cautions=["e"]'])

    assert scenario.baseline.cautions == ["a", "b", "c", "e"]
    assert scenario.variants["v"].cautions == ["a", "b", "c", "e", "d"]
    assert scenario.cautions == ["a", "b", "c", "e", "v: d"]
    assert load_scenario(write(scenario.text(), "text.toml")).cautions == scenario.cautions
    assert "cautions" not in load_scenario(write()).text()


@pytest.mark.parametrize("found", ['"a word"', "[1]", '[""]'])
def test_a_caution_is_a_list_of_words(write, found):
    """Anything else is an error with its place."""
    with pytest.raises(UserError, match="cautions"):
        load_scenario(write(f"cautions = {found}\n{SMALL}"))


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_every_example_of_the_guide_is_a_valid_scenario(name, text, write):
    """Each example in docs/scenarios.md passes the check as it stands."""
    write("", "book.csv")
    write("", "book_mapping.toml")

    assert load_scenario(write(text)).baseline.title


def test_the_guide_has_the_examples_that_were_promised():
    """A typed-in matrix, a factor, a tape, nobody pays, everybody pays."""
    assert [name for name, _ in EXAMPLES] == [
        "A typed-in matrix",
        "A factor",
        "A tape",
        "Nobody pays",
        "Everybody pays",
    ]


def test_the_guide_describes_every_key():
    """Every key of the schema stands in docs/scenarios.md."""
    described = set(re.findall(r"`(\w+)`", GUIDE)) | set(re.findall(r"\[(?:\w+\.)*(\w+)(?:\.NAME)?\]", GUIDE))
    # One entry describes the keys of several tables
    grouped = {"segment", "policy", "products", "structural", "factor"}

    assert keys_of(Settings) - described - grouped == set()


def test_units_become_canonical(write):
    """0.05% a day is 0.0005 * 365 / 12 a month; the provenance keeps source and status."""
    scenario = load_scenario(write())
    about = scenario.provenance["products.line.interest_rate"]

    assert scenario.baseline.products.line.interest_rate == 0.0005 * (365 / 12)
    assert (about.unit, about.source, about.status) == ("per month", "S57", "read-c")


def test_a_bare_number_keeps_the_unit_of_the_number_it_replaces(write):
    """Overriding 0.0005 per day with 0.0006 is 0.0006 per day, and the source is no longer S57."""
    scenario = load_scenario(write(), ["products.line.interest_rate=0.0006"])

    assert scenario.baseline.products.line.interest_rate == 0.0006 * (365 / 12)
    assert scenario.provenance["products.line.interest_rate"].source == "command line"


def test_a_bare_number_has_its_author_as_source(write):
    """A value without a source comes from the author of the file."""
    assert load_scenario(write()).provenance["policy.cut.keep"].source == "author of small.toml"


RANGED = """
[segment.all]
income = { value = 5000, range = [4000, 6000] }
line_limit = { mean = { value = 10_000, range = [8000, 12_000] } }
[products.line]
interest_rate = { value = 0.0005, unit = "per day", source = "S57", range = [0.0003, 0.0006] }
[behaviour.structural]
will_not_by_bucket = { value = [0.0, 8.0], range = [[0.0, 7.0], [0.0, 9.0]] }
will_not_burden = { value = [-1.0, 0, 0, 0, 0, 0, 0, 1.0], range = [0.5, 1.5] }
"""
BY_KEY = {
    "segment.all.income.value": (4000, 6000),
    "segment.all.line_limit.mean": (8000, 12_000),
    "products.line.interest_rate": (0.0003 * 365 / 12, 0.0006 * 365 / 12),
    "behaviour.structural.will_not_by_bucket": ([0.0, 7.0], [0.0, 9.0]),
    "behaviour.structural.will_not_burden": (0.5, 1.5),
}


def test_a_range_is_kept_beside_its_value_in_its_unit(write):
    """Ranges stand in the provenance in canonical units, are written and read again, and move no number."""
    write()
    scenario = load_scenario(write(f'extends = "small.toml"{RANGED}', "ranged.toml"))
    again = load_scenario(write(scenario.text(), "again.toml"))

    assert {key: about.range for key, about in scenario.provenance.items() if about.range} == BY_KEY
    assert {key: about.range for key, about in again.provenance.items() if about.range} == BY_KEY
    assert again.baseline == scenario.baseline
    row = next(row for row in rows(scenario) if row[0] == "products.line.interest_rate")
    assert row[3] == in_words([0.0003 * 365 / 12, 0.0006 * 365 / 12])


def test_a_shape_and_a_group_are_kept_beside_their_range(write):
    """They are written and read again, shown by `parameters`, and gone with the value they are about."""
    write()
    key = "products.line.interest_rate"
    more = RANGED.replace("0.0006] }", '0.0006], shape = "uniform", group = { money = -0.5 } }')
    scenario = load_scenario(write(f'extends = "small.toml"{more}', "ranged.toml"))
    again = load_scenario(write(scenario.text(), "again.toml"))

    about = again.provenance[key]
    assert (about.shape, about.group) == ("uniform", (("money", -0.5),))
    row = next(row for row in rows(scenario) if row[0] == key)
    assert row[3].endswith("], uniform, group money = -0.5")
    assert not load_scenario(write(scenario.text(), "again.toml"), [f"{key}=0.01"]).provenance[key].group


def test_a_range_goes_with_the_value_it_is_about(write):
    """A layer that changes the value leaves no range; one that gives only a range keeps the value."""
    write()
    below = write(f'extends = "small.toml"{RANGED}', "ranged.toml")
    key = "products.line.interest_rate"
    changed = load_scenario(below, [f"{key}=0.0004"])
    wider = load_scenario(below, [f"{key}.range=[0.0001, 0.0009]"])

    assert changed.provenance[key].range == ()
    assert wider.provenance[key].range == (0.0001 * 365 / 12, 0.0009 * 365 / 12)
    assert wider.provenance[key].source == "S57"


@pytest.mark.parametrize(
    "line, said",
    [
        ("segment.all.autopay={ value = 0.3, range = [0.4, 0.5] }", "an interval around the value, which is 0.3"),
        ("segment.all.autopay={ value = 0.3, range = [0.2, 1.4] }", "less than or equal to 1"),
        ("segment.all.autopay={ value = 0.3, range = [0.2] }", "allowed: [low, high]"),
        ("segment.all.autopay={ value = 0.3, range = 0.2 }", "allowed: [low, high]"),
        ('segment.all.autopay={ value = 0.3, range = ["a", "b"] }', "allowed: [low, high]"),
        ("segment.all.autopay={ value = 0.3, range = [0.2, [0.4, 0.5]] }", "allowed: [low, high]"),
        ("segment.all.autopay={ value = 0.3, range = [[0.2], [0.4, 0.5]] }", "allowed: [low, high]"),
        ("policy.cut.enabled={ value = true, range = [0, 1] }", "allowed: of numbers"),
        ('behaviour.model={ value = "structural", range = [0, 1] }', "allowed: of numbers"),
        ("segment.all.line_limit.range=[1, 2]", "a range stands beside one value"),
        ("segment.all.opening.line={ value = [1.0], range = [[0.9, 0], [1.0, 0]] }", "give an end for each member"),
        ("segment.all.opening.line={ value = [1.0], range = [1.1, 1.2] }", "an interval around 1"),
        ("products.loan.terms={ value = [{ months = 12, share = 1 }], range = [0, 1] }", "allowed: of numbers"),
        ('segment.all.autopay={ value = 0.3, shape = "uniform" }', "a shape without a range"),
        ('segment.all.autopay={ value = 0.3, group = "all" }', "a group without a range"),
        ('segment.all.autopay={ value = 0.3, range = [0, 1], shape = "logit" }', "numbers above 0 and below 1"),
        ('segment.all.autopay={ value = 0.3, range = [0, 1], shape = "beta" }', "allowed: normal, lognormal"),
        ("segment.all.autopay={ value = 0.3, range = [0, 1], group = 3 }", 'allowed: group = "name", or'),
        ("segment.all.autopay={ value = 0.3, range = [0, 1], group = { a = 0.8, b = 0.8 } }", "at most 1"),
        ('segment.all.line_limit.group="all"', "a group stands beside one value"),
    ],
)
def test_a_wrong_range_is_refused(write, line, said):
    """What is no interval around the value, within the bounds of the value and of numbers, is an error."""
    with pytest.raises(UserError) as error:
        load_scenario(write(), [line])

    assert said in str(error.value)


def test_one_number_of_a_distribution_can_be_set(write):
    """--set of a distribution's mean leaves its other numbers."""
    limit = load_scenario(write(), ["segment.all.line_limit.mean=9000"]).baseline.segment["all"].line_limit

    assert (limit.mean, limit.sigma, limit.max) == (9000, 0.5, 50_000)


def test_a_distribution_that_names_its_kind_replaces(write):
    """A new kind of distribution leaves nothing of the old one."""
    override = 'segment.all.line_limit={distribution="uniform", low=1, high=2}'
    limit = load_scenario(write(), [override]).baseline.segment["all"].line_limit

    assert limit.model_dump() == {"distribution": "uniform", "low": 1, "high": 2}


def test_layers_apply_in_order(write):
    """The file lies on what it extends, --set on the file, sizes on --set, the variant on everything."""
    write()
    path = write(
        'extends = "small.toml"\nmonths = 18\n[policy.cut]\nkeep = 0.4\n'
        "[variant.a]\npolicy.cut = { enabled = true, at_dpd = 60 }\n[variant.b]\ntitle = 'B'\npolicy.cut.keep = 0.1",
        "top.toml",
    )
    scenario = load_scenario(path, ["policy.cut.keep=0.3", "replications=7"], replications=9, borrowers=50)
    base, a, b = (found.policy["cut"] for found in (scenario.baseline, *scenario.variants.values()))

    assert (base.keep, base.at_dpd, base.enabled) == (0.3, 30, False)
    assert (a.keep, a.at_dpd, a.enabled) == (0.3, 60, True)
    assert (b.keep, b.at_dpd, b.enabled) == (0.1, 30, False)
    assert (scenario.baseline.months, scenario.baseline.replications) == (18, 9)
    assert scenario.baseline.portfolio.borrowers == 50
    assert (scenario.variants["a"].title, scenario.variants["b"].title) == ("a", "B")


def test_the_digest_sees_values_and_not_layers(write):
    """The digest changes with a value, and not with the folder or the order in which layers gave it."""
    one, same = load_scenario(write(), ["policy.cut.keep=0.4"]), load_scenario(write(), ["policy.cut={keep=0.4}"])

    assert one.digest() == same.digest()
    assert one.digest() != load_scenario(write()).digest()


def test_several_files_are_laid_in_their_order(write):
    """The later of a list lies on the earlier; a file that two of them extend is laid once, below both."""
    write()
    write('extends = "small.toml"\nmonths = 18\n[policy.cut]\nkeep = 0.4\n', "a.toml")
    write('extends = "small.toml"\n[policy.cut]\nat_dpd = 60\n', "b.toml")
    write("[policy.cut]\nkeep = 0.3\n", "layer.toml")  # no scenario by itself
    settings = load_scenario(write('extends = ["a.toml", "b.toml", "layer.toml"]\n', "top.toml")).baseline

    assert (settings.months, settings.policy["cut"].at_dpd, settings.policy["cut"].keep) == (18, 60, 0.3)


def test_a_variant_may_extend_a_file(write):
    """What a variant says itself lies on the file; the file's numbers keep their source."""
    write('[policy.cut]\nenabled = true\nkeep = { value = 0.3, source = "S9" }\n', "layer.toml")
    text = SMALL + '[variant.a]\nextends = "layer.toml"\n[variant.b]\nextends = ["layer.toml"]\npolicy.cut.keep = 0.2\n'
    scenario = load_scenario(write(text))
    a, b = (found.policy["cut"] for found in scenario.variants.values())

    assert (a.enabled, a.keep, b.enabled, b.keep) == (True, 0.3, True, 0.2)
    assert scenario.variant_provenance["a"]["policy.cut.keep"].source == "S9"
    assert scenario.baseline.policy["cut"].keep == 0.5


def test_paths_are_relative_to_who_names_them(write, tmp_path, monkeypatch):
    """A path in a file starts at that file's folder, one given by --set at the current folder."""
    monkeypatch.chdir(tmp_path)
    for folder in ("base", "here"):
        (tmp_path / folder).mkdir()
    for name in ("base/map.toml", "here/book.csv"):
        write("", name)
    write(SMALL.replace("borrowers = 100", 'borrowers = 100\nmapping = "map.toml"'), "base/small.toml")
    path = write('extends = "../base/small.toml"\n', "here/top.toml")
    book = load_scenario(path, ["portfolio.tape=here/book.csv"]).baseline.portfolio

    assert book.tape == str((tmp_path / "here" / "book.csv").resolve())
    assert book.mapping == str((tmp_path / "base" / "map.toml").resolve())


def test_settings_cannot_be_changed(write):
    """What was validated stays as it was."""
    with pytest.raises(ValueError, match="frozen"):
        load_scenario(write()).baseline.months = 3


def test_every_model_refuses_unknown_keys_and_text_for_numbers():
    """Each table of the schema forbids extras, is strict and takes no NaN."""

    def below(model):
        return {model} | {inner for field in fields_of(model).values() if field.model for inner in below(field.model)}

    loose = {
        model.__name__
        for model in below(Settings)
        if issubclass(model, BaseModel)
        and not (model.model_config["extra"] == "forbid" and model.model_config["strict"])
    }

    assert loose == set()


def test_a_variant_may_change_behaviour_but_not_the_world_it_is_compared_in(write):
    """A variant on other months or random numbers is refused."""
    text = SMALL + "[variant.a]\nseed = 3\nmonths = 4\nbehaviour.structural.will_not = 0.1\n"
    with pytest.raises(UserError) as caught:
        load_scenario(write(text))

    assert {problem.key for problem in caught.value.problems} == {"variant.a.seed", "variant.a.months"}


@pytest.mark.parametrize(("borrowers", "expected"), [(2000, 20), (160_000, 1600), (24_050, 241), (8, 0)])
def test_applicants_are_scaled_with_the_borrowers(tmp_path, borrowers, expected):
    """A smaller book has fewer applicants, and a remark says so; a number that --set gives stays."""
    path = tmp_path / "book.toml"
    path.write_text(
        'extends = "' + str(ROOT / "scenarios" / "base" / "consumer.toml") + '"\n'
        "[portfolio]\nborrowers = 16_000\napplicants_per_month = 160\n"
    )
    loaded = load_scenario(path, borrowers=borrowers)
    kept = load_scenario(path, ["portfolio.applicants_per_month=160"], borrowers=borrowers)

    assert loaded.baseline.portfolio.applicants_per_month == expected
    assert f"from 160 to {expected:,}" in loaded.remarks[0]
    assert kept.baseline.portfolio.applicants_per_month == 160 and not kept.remarks
    assert not load_scenario(path).remarks and not load_scenario(path, borrowers=16_000).remarks
    again = tmp_path / "again.toml"
    again.write_text(loaded.text())
    assert load_scenario(again).digest() == loaded.digest()


def test_variants_say_whose_they_are_and_what_they_change(write, tmp_path):
    """Inherited ones and merged ones are marked with the other file; one that changes nothing in force says so."""
    write(SMALL + "[variant.one]\npolicy.cut.enabled = true\n[variant.two]\npolicy.cut.enabled = true\n")
    above = write(
        """extends = "small.toml"
        [variant.one]
        policy.cut.keep = 0.3
        [variant.asleep]
        policy.cut.at_dpd = 60
        [variant.same]
        title = "Only a title"
        products.line.minimum_share = 0.1
        """,
        "above.toml",
    )
    below = tmp_path / "small.toml"

    assert lines(load_scenario(above)) == [
        f"  one (merged with that of {below}): policy.cut.enabled = true, policy.cut.keep = 0.3",
        f"  two (inherited from {below}): policy.cut.enabled = true",
        "  asleep: changes nothing that is in force (policy.cut.at_dpd = 60; policy.cut not enabled)",
        "  same: changes nothing that is in force",
    ]


def test_an_inherited_variant_can_be_left_out(write):
    """`variant.NAME = false` takes it away, in a file or on the command line; a name that is not there is an error."""
    write(SMALL + "[variant.one]\npolicy.cut.enabled = true\n[variant.two]\npolicy.cut.enabled = true\n")
    above = write('extends = "small.toml"\nvariant.one = false\n', "above.toml")

    assert list(load_scenario(above).variants) == ["two"]
    assert list(load_scenario(above, ["variant.two=false"]).variants) == []
    with pytest.raises(UserError, match=r"variant\.tow: no such variant to leave out; did you mean two\?"):
        load_scenario(above, ["variant.tow=false"])


def test_the_example_of_the_readme_has_names_of_its_own(write):
    """What the README shows loads, and none of its variants is merged with one of the file it extends."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"^```toml$(.*?)^```$", text, re.MULTILINE | re.DOTALL).group(1)
    told = lines(load_scenario(write(example)))

    assert [line.split(":")[0] for line in told if "inherited" not in line] == ["  halve_at_30", "  halve_at_60"]
    assert not [line for line in told if "agency_from_90" in line or "nothing" in line]
