"""run folder -> card.md: description, data, errors and limits of a model (model cards, Mitchell 2019)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cloudkit.evaluate.class_metrics import SCORES
from cloudkit.evaluate.display import baseline_name, quantity_name
from cloudkit.evaluate.metrics import MEASURES
from cloudkit.html import format_number
from cloudkit.modelspec import BuiltinData, FileData, Spec, Task, ThermalHead, heads_of, load_spec, tables_of
from cloudkit.predict.about import pretraining_data
from cloudkit.report.run_folder import RunFolder, read_run
from cloudkit.report.verdict import interval_rows, lead, verdict

SOURCES: Final = {  # built-in data in one line each; all of it in cloudkit/data/builtin/SOURCES.md
    "thermal": "crystals and phonon densities of states of NCrystal's standard library (Apache-2.0; cite X.-X. Cai and "
    "T. Kittelmann, Comput. Phys. Commun. 246 (2020) 106851); harmonic, at the volume of the source",
    "minerals": "ordered structures of the American Mineralogist Crystal Structure Database, read from larixite (MIT; cite "
    "R. T. Downs and M. Hall-Wallace, Am. Mineral. 88 (2003) 247)",
    "prototypes": "AFLOW prototypes as listed in pymatgen (MIT; cite M. J. Mehl et al., Comput. Mater. Sci. 136 (2017) S1)",
    "phonons": "frequencies computed with the potentials sevennet-l3i5 (MIT) and nequix-oam-1-pft (CC-BY-4.0) on structures of the "
    "Materials Project and WBM (CC-BY-4.0) and of the American Mineralogist Crystal Structure Database",
}


def write_card(folder: Path) -> Path:
    """Write ``card.md``, the model card, into the folder of a run.

    Parameters
    ----------
    folder
        With spec.yaml and metrics.json.

    Returns
    -------
    Path
        Path of the card.

    Raises
    ------
    ModelError
        Naming a missing or damaged file.

    Examples
    --------
    >>> from cloudkit.modelspec import template
    >>> run = Path("run")
    >>> run.mkdir()
    >>> for name, text in (("spec.yaml", template("thermal")), ("metrics.json", '{"tasks": []}')):
    ...     _ = (run / name).write_text(text)
    >>> write_card(run).read_text().splitlines()[0]
    '# thermal'
    """
    run = read_run(folder)
    spec = load_spec(folder / "spec.yaml", check_files=False)
    parts = [_description(run, spec), _data(spec), _metrics(run), _limits(spec), _use(spec)]
    path = folder / "card.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _description(run: RunFolder, spec: Spec) -> str:
    tokens, encoder = spec.tokens, spec.encoder
    size = (
        f", {run.metrics['parameters']:,} parameters"
        if isinstance(run.metrics.get("parameters"), int)
        else ""
    )
    heads = [f"- `{name}`: {head.kind.replace('_', ' ')}" for name, head in spec.heads.items()]
    return "\n".join([
        f"# {spec.name}", "",
        f"A model over symmetry strings of crystals (SCOPE, `{tokens.dialect}` dialect, `{tokens.vocabulary}` vocabulary), built with "
        f"cloudkit. It reads no coordinates: elements, Wyckoff positions and space group only. {encoder.layers} layers of width "
        f"{encoder.width}{size}, seed {spec.run.seed}. Heads:", "",
        *heads,
    ])  # fmt: skip


def _data(spec: Spec) -> str:
    lines = ["## Data", "", "| step | head | rows from | source and licence |", "| --- | --- | --- | --- |"]
    before = [
        f"| before, in `{_cell(Path(name).name)}` | | | {_cell(source)} |"
        for name, source in pretraining_data(spec.init_from)
    ]
    own = [_row(task, table) for task in spec.tasks for table in tables_of(task.data)]
    return "\n".join([*lines, *before, *own])


def _row(task: Task, data: BuiltinData | FileData) -> str:
    if isinstance(data, BuiltinData):
        name, source = f"built-in `{data.builtin}`, part {data.part}", SOURCES[data.builtin]
    else:
        name, source = (
            f"`{_cell(Path(data.path).name)}`",
            "a file of the builder; cloudkit does not know its licence: add it here",
        )
    return f"| {task.kind} | `{' and '.join(heads_of(task))}` | {name} | {source} |"


def _cell(text: str) -> str:
    """Escape text for a cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("\n", " ")


def _metrics(run: RunFolder) -> str:
    tasks: list[dict[str, Any]] = run.metrics["tasks"]
    if not tasks:
        return "## Metrics\n\nNone: the spec has no evaluate task."
    numbers = [task for task in tasks if "classes" not in task]
    classes = [task for task in tasks if "classes" in task]
    lines = ["## Metrics"]
    for task in tasks:
        lines += ["", f"{lead(task)} {verdict(task)}"]
    lines += _table(numbers, ("mae", "rmse", "mae_over_mad")) + _table(classes, SCORES)
    for task in classes:
        lines += ["", *_confusion(task)]
    lines += _intervals(numbers)
    mad = "MAD is the mean |label − mean training label| over the same rows. " if numbers else ""
    lines += ["", f"{mad}Baselines saw the same training rows."]
    return "\n".join(lines)


def _table(tasks: list[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    """Tabulate the scores of some quantities and of their baselines."""
    if not tasks:
        return []
    heads = ["quantity", "rows", "", *(MEASURES[key].label for key in keys)]
    lines = ["", f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for task in tasks:
        unit = f" ({task['unit']})" if task.get("unit") else ""
        rows = {"this model": task} | {
            baseline_name(name, task): scores for name, scores in task.get("baselines", {}).items()
        }
        for name, scores in rows.items():
            values = " | ".join(format_number(scores.get(key)) for key in keys)
            what = _cell(quantity_name(task["quantity"]) + unit)
            lines.append(f"| {what} | {task['rows']} | {_cell(name)} | {values} |")
    return lines


def _confusion(task: dict[str, Any]) -> list[str]:
    """Tabulate predicted against true classes."""
    names = [_cell(name) for name in task["classes"]]
    lines = [f"| {_cell(quantity_name(task['quantity']))}: true class, predicted as | {' | '.join(names)} |"]
    lines.append("| --- " * (len(names) + 1) + "|")
    lines += [
        f"| {name} | {' | '.join(map(str, row))} |"
        for name, row in zip(names, task["confusion"], strict=True)
    ]
    if len(names) == 2:
        share = format_number(task["threshold"])
        lines += ["", f"{_cell(task['positive'])} is predicted from a probability of {share}."]
    return lines


def _intervals(tasks: list[dict[str, Any]]) -> list[str]:
    """Tabulate the coverage of intervals, by their width and by kind of crystal."""
    rows = [
        f"| {_cell(quantity_name(task['quantity']))} | {name} | {count} | {100 * inside:.0f} % | {format_number(width)} | {format_number(mae)} |"
        for task in tasks
        for name, count, inside, width, mae in interval_rows(task)
    ]
    heads = [
        "",
        "| quantity | crystals | number | in 80 % intervals | mean width | MAE |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return [*heads, *rows] if rows else []


def _limits(spec: Spec) -> str:
    lines = [
        "Two crystals with the same string get the same value: the model does not see volume, bond lengths or pressure.",
        "Chemistry and structure types that are rare in the training rows are guesses.",
        f"Strings longer than {spec.tokens.max_length} tokens are refused.",
    ]
    if any(isinstance(head, ThermalHead) for head in spec.heads.values()):
        lines.append("Thermal values come from the modes of each crystal: harmonic, constant volume, no electrons, magnetism, melting or "
                     "other phase transitions; low temperatures are the least certain. U and F include zero-point energy. Bands hold 80 % of the "
                     "validation crystals; without validation crystals there are none.")  # fmt: skip
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _use(spec: Spec) -> str:
    thermal = any(isinstance(head, ThermalHead) for head in spec.heads.values())
    option, argument = (" --temperatures 0:600:10", ", temperatures=[75, 300]") if thermal else ("", "")
    return "\n".join([
        "## Use", "", "```sh", f"cloudkit predict FOLDER crystal.cif{option}", "```", "",
        "```python", "import cloudkit", "", 'model = cloudkit.load("FOLDER")', f'model.predict("crystal.cif"{argument})', "```", "",
        "FOLDER is the folder of this card. Values are per mole of atoms unless `--per` says otherwise.",
    ])  # fmt: skip
