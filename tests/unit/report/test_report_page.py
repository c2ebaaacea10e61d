import csv
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from cloudkit.errors import ModelError
from cloudkit.report.build_page import write_report
from cloudkit.report.card import write_card
from cloudkit.report.verdict import lead, verdict

from .report_examples import TEMPERATURES, make_run

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and fails on tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(folder):
    return Page(write_report(folder).read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_refers_to_nothing_outside(tmp_path):
    page = read(make_run(tmp_path / "run"))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "href")]
    style = write_report(tmp_path / "run").read_text(encoding="utf-8").split("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_the_page_has_every_figure_and_fact(tmp_path):
    page = read(make_run(tmp_path / "run"))
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert (
        sum("predicted against reference" in label for label in labels) == 2
    )  # the model and the best baseline
    assert sum(label.startswith("heat capacity Cv (J/mol_atom/K) of Cr") for label in labels) == 6
    assert (
        sum("over temperature" in label for label in labels) == 1
        and sum("epochs" in label for label in labels) == 1
    )
    digest = hashlib.sha256((tmp_path / "run" / "predictions.csv").read_bytes()).hexdigest()
    for fact in (
        "0.500",
        "extra trees",
        "torch",
        "9.9.9",
        "12.3 s",
        digest,
        "vocabulary: compact",
        "Fm-3m | Na 4a Cl 4b",
    ):
        assert fact in page.text, fact


def test_the_page_says_whether_trees_or_the_model_win(tmp_path):
    lost = read(make_run(tmp_path / "lost", model_error=1.0, tree_error=0.4)).text
    assert "extra trees predict better than this model" in lost and "60\N{NO-BREAK SPACE}% less error" in lost
    scores = {name: {"mae": 1.0} for name in ("ridge", "extra_trees", "boosted_trees")}
    task = {"mae": 2.0, "quantity": "entropy", "unit": "J/mol_atom/K", "baselines": scores}
    assert verdict(task).startswith("Here ridge, extra trees and boosted trees predict better")
    won = read(make_run(tmp_path / "won", model_error=0.4, tree_error=1.0)).text
    assert "This model has the smallest error" in won and "better than this model" not in won


def test_the_verdict_says_whether_the_difference_from_the_best_baseline_may_be_chance():
    baseline = {"mae": 1.0, "gain": 0.2, "gain_half_width": 0.1}
    task = {"mae": 0.8, "quantity": "K_VRH", "unit": "GPa", "baselines": {"ridge": baseline}}
    assert "(20 % less error here: 0.200 ± 0.100, more than chance)" in verdict(task)
    baseline["gain_half_width"] = 0.3
    assert "which may be chance" in verdict(task)
    lost = task | {"mae": 1.5, "baselines": {"ridge": baseline | {"gain": -0.5}}}
    assert "(33 % less error: 0.500 ± 0.300, more than chance)" in verdict(lost)


def test_each_quantity_has_its_own_verdict_and_rmse_is_named_where_it_disagrees(tmp_path):
    folder = make_run(tmp_path / "run", model_error=0.4, tree_error=1.0)
    metrics = json.loads((folder / "metrics.json").read_text())
    (first,) = metrics["tasks"]
    lost = first | {"quantity": "G_VRH", "unit": "GPa", "mae": 10.2, "rmse": 15.0, "coverage_of_80": 0.76}
    lost["baselines"] = {"mean": {"mae": 30.0, "rmse": 40.0}, "extra_trees": {"mae": 9.7, "rmse": 16.0}}
    metrics["tasks"] = [first, lost]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    text = read(folder).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "This model has the smallest error" in text
    assert (
        "Here extra trees predict better than this model: extra trees 9.70 against 10.2 (5 % less error)."
        in text
    )
    assert "By RMSE, which large errors dominate, this model is ahead: 15.0 against 16.0." in text
    assert "76 % of the labels lie within their 80 % intervals." in text
    assert "G_VRH is off by 10.2 GPa on average" in text
    card = write_card(folder).read_text(encoding="utf-8")
    assert "G_VRH is off by 10.2 GPa" in card and "This model has the smallest error" in card


def test_what_pretraining_has_seen_is_one_sentence_with_the_error_on_the_rest():
    task = {
        "mae": 10.0,
        "quantity": "K_VRH",
        "unit": "GPa",
        "rows": 181,
        "crystals": 181,
        "crystals_seen_before": 61,
    }
    task["new_crystals"] = {"crystals": 120, "mae": 10.4}
    said = lead(task)
    assert "181 crystals whose labels training has not seen" in said
    assert said.endswith(
        "structures or other labels of 61 of the crystals; on the other 120 crystals the error is 10.4 GPa."
    )


def test_text_from_files_cannot_become_markup(tmp_path):
    hostile = '<script>alert("{}")</script>&"'
    folder = make_run(tmp_path / "run", name=hostile)
    (folder / "spec.yaml").write_text("# </pre><script>1</script>\n", encoding="utf-8")
    page = read(folder)
    assert "script" not in page.tags and '<script>alert("7")</script>&"' in page.text


def test_the_same_run_gives_the_same_bytes(tmp_path):
    folder = make_run(tmp_path / "run")
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_many_rows_stay_under_two_megabytes(tmp_path):
    folder = make_run(tmp_path / "run", crystals=8000)
    assert 8000 * len(TEMPERATURES) == 40_000
    assert write_report(folder).stat().st_size < 2_000_000


def test_many_rows_are_drawn_as_a_density_with_a_scale_and_few_as_points(tmp_path):
    few, folder = make_run(tmp_path / "few"), make_run(tmp_path / "many", crystals=400)
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    for row in rows[:-1]:
        row[head.index("target")], row[head.index("prediction")] = "10", "11"
    with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    text = write_report(folder).read_text(encoding="utf-8")
    plot = text[text.index('aria-label="model: predicted against') :].split("</svg>")[0]
    names = re.findall(r'class="k"[^>]*>([^<]*)<', plot)
    assert names[0].startswith("1–") and names[-1].endswith(f"–{len(rows) - 1:,} rows") and len(names) == 5
    legend, drawn = plot.split('<line class="grid"', 1)
    discs = [re.findall(rf'class="dots n{n} a" d="([^"]*)"', drawn)[0].count("M") for n in range(1, 6)]
    assert discs == [1, 0, 0, 0, 1], "one row by itself, and all others around one disc"
    assert 'class="dots n5 a"' in legend and "number of held-out rows" in text
    points = write_report(few).read_text(encoding="utf-8")
    assert "dots n1" not in points and "every held-out row" in points


def test_a_run_that_evaluated_nothing_says_so(tmp_path):
    folder = make_run(tmp_path / "run")
    for name in ("predictions.csv", "curves.json", "timing.json"):
        (folder / name).unlink()
    (folder / "metrics.json").write_text('{"tasks": []}')
    page = read(folder)
    assert "evaluated nothing" in page.text and "svg" not in page.tags


def test_labels_without_temperature_have_a_parity_plot_and_no_curves(tmp_path):
    folder = make_run(tmp_path / "run")
    lines = (
        (folder / "predictions.csv")
        .read_text()
        .replace("heat_capacity", "band_gap")
        .replace("J/mol_atom/K", "")
    )
    for kelvin in TEMPERATURES:
        lines = lines.replace(f",band_gap,{kelvin},", ",band_gap,,")
    (folder / "predictions.csv").write_text(lines)
    labels = [value for name, value in read(folder).attributes if name == "aria-label"]
    assert [label for label in labels if "band gap" in label] and not [
        label for label in labels if "temperature" in label
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", "{"), ("metrics.json", "[]"), ("metrics.json", "{}"), ("curves.json", "{}"), ("timing.json", "nope"),
        ("predictions.csv", "id,scope\na,b\n"), ("predictions.csv", "id,scope,quantity,temperature,target,prediction,unit\na,b,c,x,1,2,\n"),
        ("predictions.csv", "id,scope,quantity,temperature,target,prediction,unit\na,b,c,1\n"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(name, content, tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=name):
        write_report(folder)


@pytest.mark.parametrize("name", ["metrics.json", "spec.yaml"])
def test_a_missing_file_is_named(name, tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_runs_without_baselines_are_not_praised(tmp_path):
    folder = make_run(tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["tasks"][0]["baselines"] = {}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert "No baseline was evaluated" in read(folder).text


def test_intervals_are_shown_by_thirds_and_kinds_in_report_and_card(tmp_path):
    folder = make_run(tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    thirds = [
        {"name": name, "crystals": 40, "coverage": share, "width": width, "mae": error}
        for name, share, width, error in (
            ("narrowest", 0.78, 1.5, 0.5),
            ("middle", 0.8, 3.0, 0.9),
            ("widest", 0.81, 7.0, 1.7),
        )
    ]
    kinds = [{"name": "oxides", "crystals": 33, "coverage": 0.7, "width": 2.5, "mae": 0.6}]
    metrics["tasks"][0] |= {"coverage_of_80": 0.797, "intervals": {"thirds": thirds, "kinds": kinds}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = read(folder).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "80 % of the labels lie within their 80 % intervals: 78 %, 80 % and 81 % in the thirds" in page
    assert "the wide third errs 3.4 times as much as the narrow one" in page
    assert "widest third" in page and "oxides" in page
    card = write_card(folder).read_text(encoding="utf-8")
    assert "| oxides | 33 | 70 % | 2.50 | 0.600 |" in card
