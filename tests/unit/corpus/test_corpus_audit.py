"""Audits: what was put into the files is found, and nothing else."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cloudkit.cli import main
from cloudkit.corpus import audit
from cloudkit.io import read_table
from cloudkit.report import audit_page

from .corpus_examples import write_parquet

pytest.importorskip("duckdb", reason="audits need DuckDB: pip install 'cloudkit-scope[corpus]'")

GROUP_225 = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
GROUP_221 = "1 4 b O O O c O O O d O O O e O O O 0"
NACL, NACL_SHIFTED = f"{GROUP_225} | Na 4a Cl 4b", f"{GROUP_225} | Cl 4a Na 4b"
KCL, CSCL = f"{GROUP_225} | K 4a Cl 4b", f"{GROUP_221} | Cs 1a Cl 1b"
FLUORITE, ANTI = f"{GROUP_225} | Ca 4a F 8c", f"{GROUP_225} | Ca 4b F 8c"


def write(
    path: Path, rows: Sequence[tuple[object, ...]], header: Sequence[str] = ("id", "scope", "gap")
) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def test_strings_of_one_crystal_are_duplicates_whatever_their_letters(tmp_path: Path) -> None:
    given = write(tmp_path / "a.csv", [("x", NACL, 5.0), ("y", NACL_SHIFTED, 5.5), ("z", KCL, 5.1)])
    found = audit([given])
    assert (found["files"][0]["rows"], found["files"][0]["strings"]) == (3, 2)
    assert {key: found["duplicates"][key] for key in ("distinct_strings", "repeated", "surplus")} == {
        "distinct_strings": 2, "repeated": 1, "surplus": 1,
    }  # fmt: skip
    (one,) = found["duplicates"]["most"]
    assert (one["formula"], one["space_group"], one["copies"], one["id"]) == ("NaCl", 225, 2, "x")


def test_labels_that_clash_are_counted_with_their_spread(tmp_path: Path) -> None:
    rows = [
        ("a", NACL, 5.0),
        ("b", NACL, 7.0),
        ("c", KCL, 1.0),
        ("d", KCL, 1.0),
        ("e", CSCL, 2.0),
        ("f", FLUORITE, ""),
    ]
    (entry,) = audit([write(tmp_path / "a.csv", rows)])["labels"]
    assert (entry["label"], entry["repeated"], entry["clashing"]) == ("gap", 2, 1)
    assert (entry["median_spread"], entry["largest_spread"]) == (1.0, 2.0)
    assert entry["mad"] == pytest.approx((1.8 + 3.8 + 2.2 + 2.2 + 1.2) / 5)
    assert [(one["formula"], one["lowest"], one["highest"]) for one in entry["worst"]] == [("NaCl", 5.0, 7.0)]


def test_overlaps_are_by_string_and_by_formula_and_space_group(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", [("a", NACL, 1), ("b", KCL, 1), ("c", f"{GROUP_225} | Na 4a Cl 8c", 1)])
    second = write(tmp_path / "b.csv", [("d", NACL_SHIFTED, 1), ("e", NACL, 1), ("f", CSCL, 1)])
    third = write(tmp_path / "c.csv", [("g", FLUORITE, 1)])
    (pair,) = audit([first, second, third])["overlaps"]
    assert (pair["first"], pair["second"]) == (first, second)
    assert pair["string"] == {"shared": 1, "rows_first": 1, "rows_second": 2}
    assert pair["crystal"] == {"shared": 1, "rows_first": 1, "rows_second": 2}


def test_a_crystal_is_the_same_across_dialects(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", [("a", FLUORITE, 1)])
    second = write(tmp_path / "b.csv", [("b", f"{GROUP_225} | 4a 8c | Ca 0.33 F 0.67", 1)])
    found = audit([first, second])
    (pair,) = found["overlaps"]
    assert (pair["string"]["shared"], pair["crystal"]["shared"]) == (0, 1)
    assert found["same_crystal"] == "space group and fractions"


def test_a_split_that_leaks_is_found_in_its_column(tmp_path: Path) -> None:
    rows = [("a", NACL, "train"), ("b", NACL_SHIFTED, "test"), ("c", KCL, "train"), ("d", CSCL, "test")]
    (leak,) = audit([write(tmp_path / "a.csv", rows, ("id", "scope", "split"))])["splits"]
    assert (leak["first"], leak["second"], leak["string"]["shared"]) == ("test", "train", 1)
    clean = audit([write(tmp_path / "b.csv", rows[1:], ("id", "scope", "fold"))], part="fold")
    assert clean["splits"] == []


def test_coverage_counts_each_distinct_string_once(tmp_path: Path) -> None:
    found = audit(
        [write(tmp_path / "a.csv", [("a", NACL, 1), ("b", NACL, 1), ("c", CSCL, 1), ("d", ANTI, 1)])]
    )
    assert found["space_groups"] == {221: 1, 225: 2}
    assert found["elements"] == {"Ca": 1, "Cl": 2, "Cs": 1, "F": 1, "Na": 1}
    assert found["number_of_elements"] == {2: 3}
    assert found["tokens"] == {7: 3}
    assert found["space_groups_of_elements"]["Cl"] == {221: 1, 225: 1}
    assert found["sites"] == {2: 1, 8: 1, 12: 1}


def test_rows_are_named_by_any_column_of_ids(tmp_path: Path) -> None:
    lines = ["mp_id,scope", f"mp-1,{NACL}", f"mp-2,{NACL}"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    (most,) = audit([str(tmp_path / "a.csv")])["duplicates"]["most"]
    assert most["id"] == "mp-1"


def test_invalid_rows_are_counted_and_listed_and_make_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = write(tmp_path / "a.csv", [("a", NACL, 1), ("b", f"{GROUP_225} | Na 4z", 1), ("c", "", 1)])
    with pytest.raises(SystemExit) as ended:
        main(["audit", given, "--json"])
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert json.loads(out)["files"][0]["invalid"] == 2
    assert f"{given}: b: E2" in err


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_dedupe_keeps_the_first_row_of_each_string_with_copies_and_median_labels(
    tmp_path: Path, suffix: str
) -> None:
    first = write(tmp_path / "a.csv", [("x", KCL, 1), ("y", NACL_SHIFTED, 4.0), ("z", "nonsense | 1", 0)])
    second = write(tmp_path / "b.csv", [("p", NACL, 5.0), ("q", NACL, 9.0), ("r", CSCL, "")])
    target = tmp_path / f"u.{suffix}"
    found = audit([first, second], dedupe=target, report=False)
    table = read_table(target)
    assert found["dedupe"] == {"file": str(target), "strings": 3}
    assert table.column("id") == ["x", "y", "r"]
    assert table.column("scope")[1] == NACL
    assert [int(str(n)) for n in table.column("copies")] == [1, 3, 1]
    assert [float(str(v)) for v in table.column("gap")[:2]] == [1.0, 5.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", target.name]


def test_what_a_killed_audit_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".u.parquet.work"
    (left / "spill").mkdir(parents=True)
    (left / "facts.parquet.draft").write_bytes(b"PAR1")
    audit([write(tmp_path / "a.csv", [("x", KCL, 1)])], dedupe=tmp_path / "u.parquet", report=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "u.parquet"]


def test_a_folder_of_structures_in_parquet_is_encoded(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    write_parquet(tmp_path / "shards" / "a.parquet", range(11))
    (file,) = audit([str(tmp_path / "shards")])["files"]
    assert (file["rows"], file["strings"], file["invalid"]) == (11, 10, 1)


def test_a_column_of_cif_texts_is_encoded_beside_its_labels(tmp_path: Path) -> None:
    text = "data_a\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\nloop_\n_atom_site_label\n_atom_site_fract_x\n"
    text += "_atom_site_fract_y\n_atom_site_fract_z\nCs 0 0 0\nCl .5 .5 .5\n"
    rows = [
        ("a", text, 1.0),
        ("b", text, 3.0),
        ("c", text + text.replace("data_a", "data_b"), 2.0),
        ("d", "", 4.0),
    ]
    found = audit([write(tmp_path / "a.csv", rows, ("id", "cif", "gap"))])
    (file,) = found["files"]
    assert (file["rows"], file["valid"], file["strings"], file["labels"]) == (4, 2, 1, ["gap"])
    reasons = dict(file["first_invalid"])
    assert reasons["c"].startswith("S111: the cell has 2 structures") and reasons["d"].startswith("S101")


def test_labels_that_are_missing_or_not_numbers_are_counted(tmp_path: Path) -> None:
    rows = [
        ("a", NACL, 5.0),
        ("b", KCL, "n.a."),
        ("c", CSCL, ""),
        ("d", FLUORITE, "332.2 GPa"),
        ("e", ANTI, 4),
        ("f", KCL, 4),
    ]
    found = audit([write(tmp_path / "a.csv", rows)])
    assert found["files"][0]["labels"] == ["gap"]
    assert found["files"][0]["label_notes"] == [
        "gap: 1 empty label",
        "gap: 2 labels are not numbers, at which a build stops; the first: row 2, 'n.a.'",
    ]
    assert "a build stops" in audit_page(found)


def test_a_column_with_a_number_beyond_all_floats_is_no_label(tmp_path: Path) -> None:
    lines = [{"scope": NACL, "gap": 1.0, "odd": 10**400}, {"scope": NACL, "gap": 2.0, "odd": 1}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert [entry["label"] for entry in audit([str(tmp_path / "a.jsonl")])["labels"]] == ["gap"]


def test_the_page_is_one_file_without_outside_references(tmp_path: Path) -> None:
    given = write(tmp_path / "a<b>.csv", [("x", KCL, 1), ("y", KCL, 2), ("z", "no", 1)])
    text = audit_page(audit([given, write(tmp_path / "c.csv", [("x", KCL, 1)])]))
    assert text.count("<svg") == 7  # a single conflict is in the table only
    assert "<title>Cl: 1 strings</title>" in text and "<title>Xe: 0 strings</title>" in text
    assert "Space groups that do not occur: 1 to 224, 226 to 230." in text
    assert "a&lt;b&gt;.csv" in text and "a<b>" not in text
    assert "Overlaps across files" in text and "Conflicting labels" in text
    assert "<script" not in text and "src=" not in text and "href=" not in text


def test_without_duckdb_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(SystemExit) as ended:
        main(["audit", write(tmp_path / "a.csv", [("x", KCL, 1)])])
    assert (ended.value.code, "cloudkit-scope[corpus]" in capsys.readouterr().err) == (2, True)


def test_the_refractive_index_file_has_duplicate_strings_with_different_labels(shared: Path) -> None:
    """Counted independently: texts with letters and pairs of elements sorted."""
    path = shared / "data/refractive_index_train.csv"
    groups: dict[tuple[object, ...], list[float]] = {}
    for row in csv.DictReader(path.open(newline="")):
        generators, letters, shares = str(row["scope"]).split(" | ")
        words = shares.split(" ")
        key = (generators, *sorted(letters.split(" ")), *sorted(zip(words[::2], words[1::2], strict=True)))
        groups.setdefault(key, []).append(float(row["n"]))
    repeated = [values for values in groups.values() if len(values) > 1]
    found = audit([str(path)])
    (entry,) = found["labels"]
    assert found["duplicates"]["repeated"] == entry["repeated"] == len(repeated) > 50
    assert entry["clashing"] == sum(max(values) > min(values) for values in repeated)
    assert entry["largest_spread"] == max(max(values) - min(values) for values in repeated)


def test_overlaps_of_the_shared_sets_are_found(shared: Path) -> None:
    """The sets come from one database: what one structure file shares with another, counted from the strings themselves."""
    import gzip

    from cloudkit.encoding import encode_batch
    from cloudkit.scope import parse, reduced_formula

    paths = [shared / "data" / f"{name}.jsonl.gz" for name in ("elastic", "phonon_heat_capacity")]
    keys = []
    for path in paths:
        with gzip.open(path, "rt") as file:
            texts = encode_batch([json.loads(line) for line in file]).texts
        scopes = [parse(text) for text in texts if text]
        keys.append(({text for text in texts if text}, {(s.space_group, reduced_formula(s)) for s in scopes}))
    (pair,) = audit([str(path) for path in paths])["overlaps"]
    assert pair["string"]["shared"] == len(keys[0][0] & keys[1][0]) > 50
    assert pair["crystal"]["shared"] == len(keys[0][1] & keys[1][1]) > 50


def test_medians_in_parts_are_those_worked_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rock_salt = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
    pairs = [(a, b) for a in ("Li", "Na", "K") for b in ("F", "Cl")]
    rows = [f"{rock_salt} | {a} 4a {b} 4b,{n * len(a)}\n" for n in range(5) for a, b in pairs]
    (tmp_path / "rows.csv").write_text("scope,energy\n" + "".join(rows))
    for name, most in (("once.csv", 1_000_000), ("parts.csv", 4)):
        monkeypatch.setattr(sys.modules["cloudkit.corpus.audit"], "MAX_MEDIANS", most)
        audit([str(tmp_path / "rows.csv")], dedupe=tmp_path / name, report=False)
    once = (tmp_path / "once.csv").read_bytes()
    assert once == (tmp_path / "parts.csv").read_bytes() and once.count(b"\n") == 1 + len(pairs)
