"""The program as a whole: help, exit codes, and errors without tracebacks."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from cloudkit.cli import app, terminal
from cloudkit.modelspec import presets

NEEDS_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="models need torch")

VERBS = (
    *("build", "fetch", "encode", "explain", "validate", "decode", "convert", "tokenize"),
    *("predict", "evaluate", "new", "schema", "doctor", "sweep", "audit", "enumerate", "bench", "matbench"),
)
COMMAND = (sys.executable, "-c", "from cloudkit.cli import main; main()")


def test_the_help_lists_the_verbs(cloudkit):
    answer = cloudkit("--help")
    assert answer.code == 0
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", answer.out, re.MULTILINE)


def test_without_arguments_it_shows_five_commands_and_how_to_see_all(cloudkit):
    answer = cloudkit()
    shown = re.findall(r"^  cloudkit (\w+)", answer.out, re.MULTILINE)
    assert (answer.code, answer.err, len(shown)) == (0, "", 5)
    assert set(shown) <= set(VERBS)
    assert "cloudkit --help" in answer.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("cloudkit enc", ["encode"]),
        ("cloudkit predict the", ["thermal"]),
        ("cloudkit predict ge", []),  # it predicts no values
        ("cloudkit predict mat", ["materials"]),
        ("cloudkit evaluate mat", []),
        ("cloudkit sweep ", ["scaling"]),
        ("cloudkit predict runs/", ["runs/mine"]),
        ("cloudkit build thermal-", ["thermal-multi"]),
        ("cloudkit schema mo", ["model"]),
        ("cloudkit encode --dia", ["--dialect"]),
    ],
)
def test_a_shell_completes_verbs_options_presets_models_and_schemas(tmp_path, typed, offered):
    (tmp_path / "runs/mine").mkdir(parents=True)
    (tmp_path / "runs/mine/model.safetensors").touch()
    asked = {"_CLOUDKIT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run(COMMAND, cwd=tmp_path, env=os.environ | asked, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_completion_offers_all_presets_models_and_schemas_that_there_are(cloudkit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert terminal.complete_presets("") == sorted(presets())
    assert terminal.complete_schemas("") == sorted(json.loads(cloudkit("schema", "--json").out))
    pytest.importorskip("torch", reason="models need torch")
    from cloudkit.models import shipped

    assert terminal.complete_models("") == sorted(set(shipped()) - {"geometry"})


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example_and_offers_json(cloudkit, verb):
    answer = cloudkit(verb, "--help")
    assert answer.code == 0
    assert re.search(rf"Examples?:\n    cloudkit {verb}", answer.out)
    assert "--json" in answer.out


def test_the_version_is_that_of_the_package(cloudkit):
    from importlib.metadata import version

    printed = cloudkit("--version").out
    assert printed.startswith(f"cloudkit {version('cloudkit-scope')} (")
    assert re.fullmatch(
        r".*\((compiled core|core in Python), native engine \S+, Python 3\.\d+\.\S+\)\n", printed
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["encod"], "Did you mean 'encode'"),
        (["encode"], "Missing argument"),
        (["encode", "no-such-file.cif"], "no such file or folder: no-such-file.cif"),
        (["encode", "no-such-*.cif"], "no such file or folder"),
        (["encode", "x.cif", "--symprec", "0"], "between 0 and 10"),
        (["encode", "x.cif", "--symprec", "nan"], "between 0 and 10"),
        (["encode", "x.cif", "--engine", "phonopy"], "moyo"),
        (["encode", "x.cif", "-o", "out.txt"], "use .csv or .jsonl"),
        (["encode", "x.cif", "-o", "no-such-folder/out.csv"], "no such folder: no-such-folder"),
        (["validate"], "nothing to read"),
        (["validate", "--file", "no-such-file.csv"], "no such file"),
        (["validate", "a", "--file", "b.txt"], "not both"),
        (["validate", "a", "--column", "scope"], "--column needs"),
        (["decode"], "nothing to read"),
        (["decode", "a", "--format", "yaml"], "json"),
        (["convert", "--to", "orbit"], "nothing to read"),
        (["convert", "a"], "--to"),
        (["convert", "a", "--to", "cif"], "aflow"),
        (["convert", "a", "--to", "orbit", "--top", "0"], "--top"),
        (["explain"], "Missing argument"),
        (["explain", "no-such-file.cif"], "no such file: no-such-file.cif"),
        (["explain", "."], "a folder; name one file"),
        (["explain", "x.cif", "--symprec", "-1"], "between 0 and 10"),
        (["tokenize", "a", "--vocab", "bert"], "compact"),
        (["tokenize", "a", "-o", "ids.txt"], "use .npy"),
        (["schema", "nothing"], "choose from "),
        (["new"], "missing FILE"),
        (["new", "x.yaml", "--preset", "thermall"], "thermal"),
        (["build", "no-such-spec.yaml"], "no file or preset"),
        pytest.param(["predict", "no-such-model", "a | b"], "no-such-model", marks=NEEDS_TORCH),
        pytest.param(["evaluate", "no-such-model", "x.csv"], "no-such-model", marks=NEEDS_TORCH),
    ],
)
def test_a_command_that_cannot_work_says_why_and_exits_2(cloudkit, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    answer = cloudkit(*arguments)
    assert answer.code == 2
    assert says in answer.err
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_starts_without_the_heavy_packages():
    heavy = ["torch", "pandas", "lightning", "sklearn", "pydantic", "gemmi", "moyopy", "spglib"]
    code = f"import sys, cloudkit.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_missing_package_is_named_with_the_command_that_installs_it(cloudkit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "strings.parquet").write_bytes(b"PAR1")
    answer = cloudkit("validate", "--file", tmp_path / "strings.parquet")
    assert answer.code == 2
    assert "pip install 'cloudkit-scope[tables]'" in answer.err


def test_an_interrupted_command_exits_130_and_leaves_nothing_behind(structures, tmp_path):
    pipe = tmp_path / "structures.extxyz"
    os.mkfifo(pipe)
    arguments = ["encode", str(structures / "salt.vasp"), str(pipe), "-o", str(tmp_path / "out.csv")]
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".out.csv.*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(tmp_path.glob(".out.csv.*")), "the command never began to write"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["structures", "structures.extxyz"]


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path):
    (tmp_path / "many.txt").write_text("abc\n" * 20_000)
    process = subprocess.Popen(
        [*COMMAND, "tokenize", "--vocab", "cloud", "--file", str(tmp_path / "many.txt")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 1


def test_output_that_nobody_reads_is_no_error_message():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run([*COMMAND, "schema", "model"], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "")


def test_no_summary_of_a_verb_is_cut_at_eighty_columns():
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True, env=environment)
    lines = done.stdout.partition("Commands:")[2].strip().splitlines()
    assert len(lines) == len(app.VERBS)
    assert all(line.endswith(".") and not line.endswith("...") and len(line) <= 80 for line in lines), lines


def test_the_list_of_presets_has_space_after_each_name(cloudkit):
    lines = cloudkit("new", "--list").out.splitlines()
    assert (
        all(re.match(r"[\w-]+  +\S", line) for line in lines)
        and len({line.index("  ") for line in lines}) > 1
    )
