"""The queries of an audit, SQL over the facts of all strings, in bounded memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cloudkit.errors import require

MEMORY: Final = "256MB"  # of DuckDB, which writes what needs more to the work folder
MAX_LISTED: Final = 20  # groups of duplicates or of conflicting labels
COPIES: Final = "SELECT scope, min(place) AS place, count(*) AS copies FROM facts GROUP BY scope"


@contextmanager
def open_facts(folder: Path) -> Iterator[Any]:
    """Open a DuckDB connection with the views `facts` and `labels` of a folder of facts."""
    duckdb = require("duckdb", "corpus")
    settings = {"memory_limit": MEMORY, "threads": 1, "temp_directory": str(folder / "spill")}
    with duckdb.connect(":memory:", config=settings) as connection:
        for name in ("facts", "labels"):
            file = quote(folder / f"{name}.parquet")
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({file})")
        yield connection


def quote(text: str | Path) -> str:
    """Write text as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def rows(connection: Any, query: str, **values: object) -> list[dict[str, Any]]:
    """Run a query; return its rows as dictionaries."""
    found = connection.execute(query, values) if values else connection.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def sources(connection: Any) -> list[dict[str, Any]]:
    """Return valid rows, distinct strings and dialects of each source."""
    return rows(
        connection,
        "SELECT source, count(*) AS valid, count(DISTINCT scope) AS strings, "
        "string_agg(DISTINCT dialect, ', ' ORDER BY dialect) AS dialects FROM facts GROUP BY source ORDER BY source",
    )


def duplicates(connection: Any) -> dict[str, Any]:
    """Count the strings that occur more than once over all sources; list the most frequent."""
    (counts,) = rows(
        connection,
        f"SELECT count(*) AS distinct_strings, coalesce(sum(copies), 0)::BIGINT AS rows, count(*) FILTER (copies > 1) AS repeated, "
        f"coalesce(sum(copies - 1), 0)::BIGINT AS surplus FROM ({COPIES})",
    )
    most = rows(
        connection,
        f"SELECT c.copies, f.formula, f.space_group, c.scope, f.id FROM ({COPIES} HAVING copies > 1) c JOIN facts f USING (place) "
        f"ORDER BY copies DESC, c.place LIMIT {MAX_LISTED}",
    )
    return counts | {"most": most}


def find_conflicts(connection: Any) -> list[dict[str, Any]]:
    """Find strings with several labels, for each source and label, and compare their spread with that of all labels."""
    found = rows(
        connection,
        """
        WITH known AS (SELECT source, scope, name, value FROM labels JOIN facts USING (place)),
             groups AS (SELECT source, name, scope, count(*) AS copies, min(value) AS low, max(value) AS high
                        FROM known GROUP BY ALL HAVING copies > 1),
             middle AS (SELECT source, name, avg(value) AS mean FROM known GROUP BY ALL),
             mads AS (SELECT source, name, avg(abs(value - mean)) AS mad FROM known JOIN middle USING (source, name) GROUP BY ALL)
        SELECT source, name AS label, count(*) AS repeated, sum(copies)::BIGINT AS rows, count(*) FILTER (high > low) AS clashing,
               median(high - low) AS median_spread, max(high - low) AS largest_spread, any_value(mad) AS mad
        FROM groups JOIN mads USING (source, name) GROUP BY source, name ORDER BY source, name
        """,
    )
    for entry in found:
        entry["worst"] = rows(
            connection,
            f"""
            SELECT min(formula) AS formula, min(space_group) AS space_group, scope, count(*) AS copies, min(value) AS lowest,
                   max(value) AS highest FROM labels JOIN facts USING (place)
            WHERE source = $source AND name = $label GROUP BY scope HAVING count(*) > 1 AND max(value) > min(value)
            ORDER BY max(value) - min(value) DESC, scope LIMIT {MAX_LISTED}
            """,
            source=entry["source"],
            label=entry["label"],
        )
    return found


def crystal_key(connection: Any) -> str:
    """Return the column that identifies a formula: fractions to two decimals if a source has no more than these."""
    dialects = {row["dialect"] for row in rows(connection, "SELECT DISTINCT dialect FROM facts")}
    return "fractions" if "reduced" in dialects else "formula"


def overlaps(connection: Any, column: str = "source") -> list[dict[str, Any]]:
    """Find pairs of sources that share strings, or formula and space group, and count these and their rows.

    column: "source", or "part" for the parts of each source.
    """
    key = crystal_key(connection)
    keys = {"string": "scope", "crystal": f"space_group || ' ' || {key}"}
    out: dict[tuple[Any, ...], dict[str, Any]] = {}
    for kind, text in keys.items():
        within = "a.source = b.source AND" if column == "part" else ""
        pairs = rows(
            connection,
            f"""
            WITH counted AS (SELECT source, {column} AS side, {text} AS key, count(*) AS n FROM facts
                             WHERE {column} IS NOT NULL GROUP BY ALL)
            SELECT min(a.source) AS source, a.side AS first, b.side AS second, count(*) AS shared,
                   sum(a.n)::BIGINT AS rows_first, sum(b.n)::BIGINT AS rows_second
            FROM counted a JOIN counted b ON {within} a.key = b.key AND a.side < b.side
            GROUP BY a.side, b.side{", a.source" if within else ""} ORDER BY ALL
            """,
        )
        for pair in pairs:
            place = (pair["source"], pair["first"], pair["second"])
            found = out.setdefault(
                place, {"source": pair["source"], "first": pair["first"], "second": pair["second"]}
            )
            found[kind] = {name: pair[name] for name in ("shared", "rows_first", "rows_second")}
    none = {"shared": 0, "rows_first": 0, "rows_second": 0}
    return [{"string": none, "crystal": none} | out[place] for place in sorted(out, key=str)]


def coverage(connection: Any) -> dict[str, Any]:
    """Count distinct strings by space group, element, both, sites, number of elements and orbits; lengths in tokens."""
    distinct = f"SELECT f.* FROM facts f JOIN ({COPIES}) USING (place)"

    def counts(expression: str, table: str = "") -> Mapping[Any, int]:
        query = f"SELECT {expression} AS key, count(*) AS n FROM (SELECT * FROM ({distinct})) {table} GROUP BY key ORDER BY key"
        return {row["key"]: row["n"] for row in rows(connection, query) if row["key"] is not None}

    each = ", LATERAL (SELECT unnest(string_split(elements, ' ')) AS element)"
    pairs: dict[str, dict[int, int]] = {}
    for row in rows(
        connection,
        f"SELECT element, space_group, count(*) AS n FROM (SELECT * FROM ({distinct})) {each} GROUP BY ALL ORDER BY ALL",
    ):
        pairs.setdefault(row["element"], {})[row["space_group"]] = row["n"]
    return {
        "space_groups": counts("space_group"),
        "elements": counts("element", each),
        "space_groups_of_elements": pairs,
        "sites": counts("sites"),
        "number_of_elements": counts("len(string_split(elements, ' '))"),
        "orbits": counts("orbits"),
        "tokens": counts("tokens"),
    }
