"""A run's numbers as Parquet tables, column by column; amounts in the currency, NaN as null."""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.analysis.errors import PARTS
from simulator.analysis.ledger import LINES, SETTLED, STOCKS, TRANSFER_LINES, is_count
from simulator.analysis.measures import ACCOUNTS, AXES, MEASURES, TAIL
from simulator.model.layout import BUCKETS, FLOWS, PRODUCTS, VINTAGES
from simulator.policy.risk_transfer import TRANSFERRED
from simulator.system.arrow_files import write_table

FROM = (*(str(b) for b in range(BUCKETS)), "arrived")
TO = (*(str(b) for b in range(BUCKETS)), "paid_off", "closed_at_zero", "written_off", "sold", "forgiven")
LINE_NAMES = (*FLOWS, *SETTLED, *LINES)
TRANSFER_NAMES = (*TRANSFERRED, *TRANSFER_LINES)

WHOLE = "whole"  # the window of all months


def labels(names, index):
    """Return a dictionary-encoded Arrow column: names[index]."""
    indices = pa.array(np.ascontiguousarray(np.broadcast_to(index, np.size(index)), dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(names), pa.string()))


def number(values):
    """Return an Arrow column of float64 in which NaN is null."""
    return pa.array(np.ravel(values), pa.float64(), from_pandas=True)


def write(path, worlds, tables_of):
    """Write the tables that `tables_of` gives of each comparison of `worlds`, which column `world` names."""
    with ExitStack() as opened:
        writer = None
        for name, comparison in worlds.items():
            for table in tables_of(comparison):
                table = table.add_column(0, "world", labels((name,), np.zeros(table.num_rows)))
                if writer is None:  # by a file, not a path: Arrow takes that for UTF-8, whatever the locale
                    file = opened.enter_context(open(path, "wb"))
                    writer = opened.enter_context(pq.ParquetWriter(file, table.schema, compression="zstd"))
                writer.write_table(table)


def write_monthly(path, worlds, keep_replications):
    """Write every line and monthly measure: a row per world, variant, month, segment, product and measure.

    Segment and product `all` are the totals. `replication` is null for the mean over replications, which alone has a
    standard error; with `keep_replications` a row for each replication follows (roll rates: for each batch).
    """
    write(path, worlds, lambda comparison: monthly_tables(comparison, keep_replications))


def monthly_tables(comparison, keep_replications):
    """Yield the tables of `write_monthly` of one world."""
    for variant in comparison.ledgers:
        yield from _monthly_tables(comparison, variant, keep_replications)


def _monthly_tables(comparison, variant, keep_replications):
    """Yield Arrow tables of a variant: the means of all measures, then the replications of one after the other."""
    ledger, frame = comparison.ledgers[variant], comparison.frame
    present = [PRODUCTS.index(name) for name in frame.products]
    segments, products = (*frame.segments, "all"), (*PRODUCTS, "all")
    names = by_month(comparison)
    units = tuple(_unit(name, frame) for name in names)
    segment, product = np.meshgrid(np.arange(len(frame.segments)), present, indexing="ij")
    cell_segment, cell_product = (
        np.append(x.ravel(), len(y) - 1) for x, y in ((segment, segments), (product, products))
    )
    n_cells = len(cell_segment)
    variants = tuple(comparison.ledgers)

    def table(k, first_month, value, se, replication):
        """Return rows of one measure from `value`, float64[.., month, cell]; `replication` int or None."""
        rows = value.size
        shape = value.shape[-2:]
        months = np.broadcast_to(np.arange(first_month, first_month + shape[0])[:, None], value.shape)
        columns = {
            "variant": labels(variants, np.full(rows, variants.index(variant))),
            "month": pa.array(months.ravel(), pa.int32()),
            "segment": labels(segments, np.broadcast_to(cell_segment, value.shape).ravel()),
            "product": labels(products, np.broadcast_to(cell_product, value.shape).ravel()),
            "measure": labels(names, np.full(rows, k)),
            "value": number(value),
            "unit": labels(tuple(dict.fromkeys(units)), np.full(rows, list(dict.fromkeys(units)).index(units[k]))),
            "standard_error": number(se),
            "replication": pa.array(replication, pa.int32()) if replication is not None else pa.nulls(rows, pa.int32()),
        }
        return pa.table(columns)

    def cells(k):
        """Return (first month, float64[replication, month, cell]) of measure k; the last cell is the total."""
        first, apart = monthly_samples(ledger, names[k], AXES)
        _, total = monthly_samples(ledger, names[k])
        apart = apart[..., present].reshape(*apart.shape[:2], n_cells - 1)
        return first, np.concatenate([apart, total[..., None]], axis=-1)

    means = []
    for k in range(len(names)):
        first, samples = cells(k)
        value, se = comparison.average.estimate(samples)
        means.append(table(k, first, value, se, None))
    yield pa.concat_tables(means)
    if keep_replications:
        for k in range(len(names)):
            first, samples = cells(k)
            replication = np.repeat(np.arange(len(samples)), samples[0].size)
            yield table(k, first, samples, np.full(samples.shape, np.nan), replication)


def by_month(comparison) -> tuple[str, ...]:
    """Return the names of what is told month by month: every line of the ledger, then the other monthly measures."""
    lines = (*LINE_NAMES, *(TRANSFER_NAMES if comparison.frame.transfers else ()))
    return (*lines, *(name for name, m in comparison.measures.items() if m.monthly and name not in lines))


def monthly_samples(ledger, name, by=()) -> tuple[int, np.ndarray]:
    """Return (first month, float64[replication, month, ...]) of a line or measure, with the axes `by`, of AXES.

    Batches of replications for roll rates; amounts in the currency.
    """
    if name not in (*LINE_NAMES, *TRANSFER_NAMES):
        first = 0 if MEASURES[name].opening else 1
        return first, MEASURES[name](ledger, by_month=True, by=by, opening=True)
    first = 0 if name in STOCKS else 1
    scale = 1 if is_count(name) else ledger.frame.minor_units
    summed = tuple(axis for axis, kept in enumerate(AXES, start=2) if kept not in by)
    amounts = ledger[name].sum(axis=summed) if by else ledger.total(name)
    return first, amounts[:, first:] / scale


def monthly_table(comparison, name, by=()) -> pa.Table:
    """Return a line or measure by month, its mean over replications: a row per variant, month, and `by`, of AXES."""
    frame, variants, tables = comparison.frame, tuple(comparison.ledgers), []
    cells = {"segment": frame.segments, "product": frame.products}
    present = [PRODUCTS.index(product) for product in frame.products]
    for v, ledger in enumerate(comparison.ledgers.values()):
        first, samples = monthly_samples(ledger, name, by)
        value, se = comparison.average.estimate(samples[..., present] if "product" in by else samples)
        value = np.asarray(value)
        months, *places = np.indices(value.shape)
        columns = {
            "variant": labels(variants, np.full(value.size, v)),
            "month": pa.array(first + months.ravel(), pa.int32()),
            **{axis: labels(cells[axis], place.ravel()) for axis, place in zip(by, places, strict=True)},
            "value": number(value),
            "se": number(se),
            "unit": labels((_unit(name, frame),), np.zeros(value.size)),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def _unit(name, frame):
    """Return the unit in words of a line or measure."""
    if name in MEASURES:
        return MEASURES[name].unit_in(frame)
    return ACCOUNTS if is_count(name) else frame.currency


def batch_means(comparison, ledger, sums):
    """Return (mean over replications, its standard error over batches) of int64[batch, ...] sums."""
    sizes = ledger.batch_sizes.reshape(-1, *[1] * (sums.ndim - 1))
    return sums.sum(axis=0) / sizes.sum(), comparison.average.estimate(sums / sizes).se


def write_rolls(path, worlds):
    """Write `rolls_table` of each world."""
    write(path, worlds, lambda comparison: [rolls_table(comparison)])


def rolls_table(comparison) -> pa.Table:
    """Return the roll matrices: mean accounts and balance of every move that happens, months 1 on.

    What is forgiven of accounts that stay is balance without accounts.
    """
    frame, variants = comparison.frame, tuple(comparison.ledgers)
    tables = []
    for v, ledger in enumerate(comparison.ledgers.values()):
        where = np.nonzero(ledger.rolls.any(axis=(0, -1)))  # month, segment, product, from, to
        moves = ledger.rolls[(slice(None), *where)]  # [batch, row, (count, balance)]
        count, count_se = batch_means(comparison, ledger, moves[..., 0])
        balance, balance_se = batch_means(comparison, ledger, moves[..., 1])
        columns = {
            "variant": labels(variants, np.full(len(where[0]), v)),
            "month": pa.array(where[0], pa.int32()),
            "segment": labels(frame.segments, where[1]),
            "product": labels(PRODUCTS, where[2]),
            "from": labels(FROM, where[3]),
            "to": labels(TO, where[4]),
            "n_accounts": number(count),
            "n_accounts_se": number(count_se),
            "balance": number(balance / frame.minor_units),
            "balance_se": number(balance_se / frame.minor_units),
            "unit": labels((frame.currency,), np.zeros(len(where[0]))),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def write_vintages(path, worlds):
    """Write `vintage_tables` of each world, a variant and measure at a time."""
    write(path, worlds, vintage_tables)


def vintage_tables(comparison) -> Iterator[pa.Table]:
    """Yield the vintages: a row per variant, entry month, month from it on, segment, product and measure."""
    frame, variants = comparison.frame, tuple(comparison.ledgers)
    units = (ACCOUNTS, frame.currency)
    for v, ledger in enumerate(comparison.ledgers.values()):
        lived = ledger.vintages.any(axis=(0, 2, 3, 4))  # [entry, name]: entries and measures that have anything
        for k, name in enumerate(VINTAGES):
            entry, month, segment, product = (
                x.ravel() for x in np.indices((*ledger.vintages.shape[1:3], len(frame.segments), len(PRODUCTS)))
            )
            present = np.isin(product, [PRODUCTS.index(p) for p in frame.products])
            keep = (month >= entry) & lived.any(axis=1)[entry] & present
            rows = tuple(x[keep] for x in (entry, month, segment, product))
            value, se = batch_means(comparison, ledger, ledger.vintages[(slice(None), *rows, k)])
            money = not is_count(name)
            scale = frame.minor_units if money else 1
            columns = {
                "variant": labels(variants, np.full(len(rows[0]), v)),
                "entry_month": pa.array(rows[0], pa.int32()),
                "month": pa.array(rows[1], pa.int32()),
                "months_on_book": pa.array(rows[1] - rows[0], pa.int32()),
                "segment": labels(frame.segments, rows[2]),
                "product": labels(PRODUCTS, rows[3]),
                "measure": labels(VINTAGES, np.full(len(rows[0]), k)),
                "value": number(value / scale),
                "unit": labels(units, np.full(len(rows[0]), int(money))),
                "standard_error": number(se / scale),
            }
            yield pa.table(columns)


def write_each(folder, tables):
    """Write tables into a folder, each under its name."""
    for name, table in tables.items():
        write_table(table, folder / f"{name}.parquet")


def write_replications(path, worlds):
    """Write `replications_table` of each world."""
    write(path, worlds, lambda comparison: [replications_table(comparison)])


def replications_table(comparison) -> pa.Table:
    """Return the headline measures of every replication, whole window: a row per variant, replication, measure.

    Tails, which have no value in a replication, and what the run cannot state are not there.
    """
    variants = tuple(comparison.ledgers)
    names = [
        name
        for name, measure in comparison.measures.items()
        if measure.headline and measure.kind != TAIL and not comparison.unstated(name)
    ]
    values = np.array([[comparison.samples(variant, name) for name in names] for variant in variants])
    variant, measure, replication = (index.ravel() for index in np.indices(values.shape))
    units = [MEASURES[name].unit_in(comparison.frame) for name in names]
    kinds = list(dict.fromkeys(units))
    columns = {
        "variant": labels(variants, variant),
        "replication": pa.array(replication, pa.int32()),
        "measure": labels(names, measure),
        "value": number(values),
        "unit": labels(kinds, np.array([kinds.index(unit) for unit in units])[measure]),
    }
    return pa.table(columns)


def write_comparison(path, worlds):
    """Write `comparison_table` of each world."""
    write(path, worlds, lambda comparison: [comparison_table(comparison)])


def comparison_table(comparison, measures=None, windows=None) -> pa.Table:
    """Return every measure in both windows: value, and the paired difference from the reference with its interval.

    Errors apart, of headline measures over the whole window: those of the difference, in rows of the baseline those of
    the value.

    Of `measures` and `windows`, where they are named. Column `people` is "all"; rows of the applicants swapped by a
    variant follow, "swapped_out" or "swapped_into". Column `reason` says why the run cannot state a measure.
    """
    rows = []
    for variant in comparison.ledgers:
        for window in windows or comparison.windows:
            for name in measures or comparison.measures:
                value, value_se = comparison.estimate(variant, name, window)
                row = {
                    "variant": variant,
                    "people": "all",
                    "measure": name,
                    "window": window,
                    "baseline": comparison.reference(variant),
                    "unit": MEASURES[name].unit_in(comparison.frame),
                    "value": value,
                    "value_standard_error": value_se,
                    "reason": comparison.unstated(name, window),
                }
                if window == WHOLE and comparison.measures[name].headline:
                    reference = None if variant == comparison.baseline else comparison.reference(variant)
                    parts = comparison.errors(variant, name, reference).as_dict()
                    row |= {part: se for part, se in parts.items() if se is not None}
                if variant != comparison.baseline:
                    d = comparison.difference(variant, name, window)
                    row |= {
                        "difference": d.value,
                        "standard_error": d.se,
                        "low": d.low,
                        "high": d.high,
                        "variance_reduction": d.variance_reduction,
                    }
                rows.append(row)
    for variant in comparison.swaps:
        for side in comparison.sides(variant):
            for name in comparison.swap_measures:
                value, value_se = comparison.swapped(variant, side, name)
                rows.append(
                    {
                        "variant": variant,
                        "people": f"swapped_{side}",
                        "measure": name,
                        "window": WHOLE,
                        "baseline": comparison.reference(variant),
                        "unit": MEASURES[name].unit_in(comparison.frame),
                        "value": value,
                        "value_standard_error": value_se,
                        "reason": comparison.unstated(name),
                    }
                )
    text = ("variant", "people", "measure", "window", "baseline", "unit")
    numbers = ("value", "value_standard_error", "difference", "standard_error", *(f"se_{part}" for part in PARTS))
    numbers += ("low", "high", "variance_reduction")
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in text}
    columns |= {name: number(np.array([row.get(name, np.nan) for row in rows])) for name in numbers}
    columns["reason"] = pa.array([row["reason"] for row in rows], pa.string())
    return pa.table(columns)
