"""The latest-wins rule as SQL: which of several rows of one read stays, and which two contradict each other.

Belongs here: the order of precedence and the statements that apply it to a relation of candidate rows. Does
not belong here: which rows are candidates (`plan.py`) and where results are written (`batches.py`).

A candidate relation has the canonical columns and `_kind`: 0 the row in the store, 1 a row merged earlier,
consulted again, 2 a row being merged now. Within one read (READ_KEY) precedence rises with `last_updated_at`
(null is oldest), `receipt_id`, `load_sequence`, then quality (actual, substituted, estimated, missing), then
the larger value, then `meter_id` and the columns behind it, so that no two different rows ever tie.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightwatt.contracts.canonical import READ_COLUMNS, READ_KEY

STORED, WITNESS, INCOMING = 0, 1, 2
"""Values of `_kind`."""

COLUMNS = tuple(READ_COLUMNS)
PAYLOAD = tuple(c for c in COLUMNS if c not in (*READ_KEY, "receipt_id", "load_sequence"))
"""What a read says. Two rows of one read with equal payloads are duplicates."""

QUALITY_RANK = (
    "CASE quality WHEN 'actual' THEN 4 WHEN 'substituted' THEN 3 WHEN 'estimated' THEN 2 "
    "WHEN 'missing' THEN 1 ELSE 0 END"
)
_TIE_BREAK = ("meter_id", "unit", "interval_min", "read_date", "zone", "commodity")
PRECEDENCE = (
    "last_updated_at NULLS FIRST",
    "receipt_id NULLS FIRST",
    "load_sequence NULLS FIRST",
    QUALITY_RANK,
    "value NULLS FIRST",
    *(f"{column} NULLS FIRST" for column in _TIE_BREAK),
    "_kind DESC",
)

CONFLICT_COLUMNS: dict[str, str] = {
    **{name: READ_COLUMNS[name] for name in (*READ_KEY, "last_updated_at", "read_date")},
    **{
        f"{side}_{name}": READ_COLUMNS[name]
        for side in ("kept", "other")
        for name in ("value", "quality", "unit", "receipt_id", "load_sequence")
    },
}
"""Columns of a conflict file: the read, its source update time, the row that took precedence, the other."""

_COLUMN_LIST = ", ".join(COLUMNS)
_KEY_LIST = ", ".join(READ_KEY)


def latest_sql(candidates: str, *, has_stored: bool, first: Sequence[str] = ()) -> str:
    """Return the query for the rows that stay, one per read, in sorted order.

    One sort, then two or three streaming passes that compare each row with its neighbour; partitioned
    window functions or grouped `arg_max` need about twice the time and memory. It is correct only because
    DuckDB keeps the order of a sorted subquery through filters and `lag`/`lead` without a partition
    (`preserve_insertion_order`, the default); a property test compares it with two other computations.

    1. A row that repeats the payload of the row before it (same read) is left out, unless it is the stored
       one: what a duplicate repeats keeps its receipt and load.
    2. A row followed by another of the same read is left out, unless it is the stored one.
    3. At most a stored row and one newer remain per read. The newer replaces it where payloads differ.

    Args:
        candidates: SQL of the candidate relation.
        has_stored: whether it may contain rows of kind STORED.
        first: columns to sort by before the key; allowed only where equal keys agree on them.
    """
    order = ", ".join((*first, *READ_KEY, *PRECEDENCE))
    compared = (*READ_KEY, *PAYLOAD)
    passed = f"{_COLUMN_LIST}, _kind"
    ordered = f"SELECT {passed} FROM ({candidates}) ORDER BY {order}"
    repeats = f"SELECT {passed}, {_neighbour('lag', compared)} FROM ({ordered})"
    distinct = f"SELECT {passed} FROM ({repeats}) WHERE _kind = {STORED} OR NOT ({_equal('lag', compared)})"
    followed = f"SELECT {passed}, {_neighbour('lead', READ_KEY)} FROM ({distinct})"
    last = f"SELECT {passed} FROM ({followed}) WHERE _kind = {STORED} OR NOT ({_equal('lead', READ_KEY)})"
    if not has_stored:
        return f"SELECT {_COLUMN_LIST} FROM ({last})"
    pairs = f"SELECT {passed}, {_neighbour('lag', compared)}, {_neighbour('lead', compared)} FROM ({last})"
    return (
        f"SELECT {_COLUMN_LIST} FROM ({pairs}) WHERE CASE WHEN _kind = {STORED} "
        f"THEN NOT ({_equal('lead', READ_KEY)}) OR ({_equal('lead', PAYLOAD)}) "
        f"ELSE NOT ({_equal('lag', compared)}) END"
    )


def conflicts_sql(candidates: str) -> str:
    """Return the query for the findings `interval.conflict`, with CONFLICT_COLUMNS.

    Two rows of one read, neighbours in precedence, with the same source update time (or both without one,
    in the same receipt) and another value, quality or unit; at least one of them being merged now.
    """
    statement = "hash(value, quality, unit)"
    moment = f"{_KEY_LIST}, last_updated_at, CASE WHEN last_updated_at IS NULL THEN receipt_id END"
    sides = ", ".join(
        f"{source}{name} AS {side}_{name}"
        for side, source in (("kept", ""), ("other", "_lag_"))
        for name in ("value", "quality", "unit", "receipt_id", "load_sequence")
    )
    lagged = ("value", "quality", "unit", "receipt_id", "load_sequence", "_kind")
    neighbours = ", ".join(f"lag({c}) OVER precedence AS _lag_{c}" for c in lagged)
    return f"""
        WITH suspect AS (
            SELECT {moment} AS _receipt
            FROM ({candidates})
            GROUP BY ALL
            HAVING count(*) > 1 AND min({statement}) <> max({statement})
        ),
        side_by_side AS (
            SELECT c.*, {neighbours}
            FROM ({candidates}) AS c
            SEMI JOIN suspect AS s
                ON {" AND ".join(f"c.{k} = s.{k}" for k in READ_KEY)}
                AND c.last_updated_at IS NOT DISTINCT FROM s.last_updated_at
                AND (s._receipt IS NULL OR c.receipt_id = s._receipt)
            WINDOW precedence AS (PARTITION BY {moment} ORDER BY {", ".join(PRECEDENCE)})
        )
        SELECT {_KEY_LIST}, last_updated_at, read_date, {sides}
        FROM side_by_side
        WHERE _lag__kind IS NOT NULL AND {INCOMING} IN (_kind, _lag__kind)
            AND NOT ({_equal("lag", ("value", "quality", "unit"))})
        ORDER BY {_KEY_LIST}, {", ".join(PRECEDENCE)}
    """


def _neighbour(function: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{function}({c}) OVER () AS _{function}_{c}" for c in columns)


def _equal(function: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"_{function}_{c} IS NOT DISTINCT FROM {c}" for c in columns)
