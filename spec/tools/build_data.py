"""Write the built-in tables, cloudkit/data/builtin/*.csv.gz and SOURCES.md there.

    pip install ncrystal==4.4.6 pymatgen==2026.10.24
    pip download --no-deps --dest WHEELS larixite==2026.1.0
    python spec/tools/build_data.py --larixite WHEELS/larixite-*.whl --phonons ../shared/data/potential_phonons.jsonl.gz

Without --larixite the wheel is downloaded to a temporary folder. The result depends on the three packages, the file of
phonons (spec/tools/label_phonons.py makes such files) and cloudkit's encoder only: run it again when a string changes
(tests/unit/builtin_data notices).
"""

import argparse
import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import data_minerals
import data_phonons
import data_prototypes
import data_thermal
from data_sources import BuiltTable, sources_page

BUILTIN: Final = Path(__file__).resolve().parents[2] / "cloudkit" / "data" / "builtin"
PHONONS: Final = BUILTIN.parents[3] / "shared" / "data" / "potential_phonons.jsonl.gz"
LARIXITE: Final = "2026.1.0"
DATABASE: Final = "larixite/amcsd_cif1.db"


def compressed(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The table as gzipped CSV, with nothing in it that changes from run to run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)


def counted(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {f"{reason} ({len(ids)})": ", ".join(ids) for reason, ids in names.items()}


def make_thermal() -> BuiltTable:
    rows, excluded, source = data_thermal.build()
    data = compressed(data_thermal.COLUMNS, rows)
    crystals = {row[0]: row[-1] for row in rows}
    test = sum(part == "test" for part in crystals.values())
    note = f"{len(crystals)} crystals, {test} of them test, at {len(data_thermal.TEMPERATURES)} temperatures"
    return BuiltTable(
        "thermal", f"ncrystal {version('ncrystal')}", source, data, len(rows), note, counted(excluded)
    )


def make_minerals(wheel: Path) -> BuiltTable:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            database = Path(archive.extract(DATABASE, folder))
        source = hashlib.sha256(database.read_bytes()).hexdigest()
        rows, refused = data_minerals.build(database)
    data = compressed(data_minerals.COLUMNS, rows)
    excluded = {f"{reason} ({n})": "" for reason, n in sorted(refused.items())}
    return BuiltTable(
        "minerals", f"larixite {LARIXITE}", source, data, len(rows), f"{len(rows)} structures", excluded
    )


def make_prototypes() -> BuiltTable:
    rows, failed, source = data_prototypes.build()
    data = compressed(data_prototypes.COLUMNS, rows)
    excluded = {reason: label for label, reason in failed}
    return BuiltTable(
        "prototypes",
        f"pymatgen {version('pymatgen')}",
        source,
        data,
        len(rows),
        f"{len(rows)} prototypes",
        excluded,
    )


def make_phonons(path: Path) -> BuiltTable:
    rows, refused, source = data_phonons.build(path)
    data = compressed(data_phonons.COLUMNS, rows)
    teachers = Counter(row[5] for row in rows)
    by = ", ".join(f"{count} by {teacher}" for teacher, count in sorted(teachers.items()))
    note = f"{len({row[2] for row in rows})} crystals, {by}"
    excluded = {f"{reason} ({count})": "" for reason, count in sorted(refused.items())}
    return BuiltTable("phonons", path.name, source, data, len(rows), note, excluded)


def download_larixite(folder: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    subprocess.run([*command, f"larixite=={LARIXITE}"], check=True)
    return next(Path(folder).glob("larixite-*.whl"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--larixite", type=Path, help="wheel of larixite; downloaded if not given")
    parser.add_argument("--phonons", type=Path, default=PHONONS, help="file of label_phonons.py")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        minerals = make_minerals(options.larixite or download_larixite(folder))
    made = [make_thermal(), minerals, make_prototypes(), make_phonons(options.phonons)]
    for table in made:
        (BUILTIN / f"{table.name}.csv.gz").write_bytes(table.data)
    (BUILTIN / "SOURCES.md").write_text(sources_page(made), encoding="utf-8")
    for table in made:
        print(f"{table.name}: {table.note}, {table.rows} rows, {len(table.data)} bytes")


if __name__ == "__main__":
    main()
