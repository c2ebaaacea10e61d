"""`new`, `schema` and `doctor`."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from typing import NamedTuple

import pytest

from cloudkit.cli import doctor


class Done(NamedTuple):
    """What subprocess.run answers."""

    returncode: int


def test_new_writes_a_spec_that_loads(cloudkit, tmp_path):
    from cloudkit.modelspec import load_spec

    assert cloudkit("new", tmp_path / "m.yaml").code == 0
    assert load_spec(tmp_path / "m.yaml").name == "thermal"


def test_new_writes_the_schema_by_which_an_editor_completes_the_spec(cloudkit, tmp_path):
    answer = cloudkit("new", tmp_path / "m.yaml")
    (line,) = [
        line for line in (tmp_path / "m.yaml").read_text().splitlines() if "yaml-language-server" in line
    ]
    schema = json.loads((tmp_path / line.partition("$schema=")[2]).read_text())
    assert "encoder" in schema["properties"]
    assert "model.schema.json for editors" in answer.err


def test_new_leaves_a_schema_that_is_there(cloudkit, tmp_path):
    (tmp_path / "model.schema.json").write_text("mine\n")
    assert cloudkit("new", tmp_path / "m.yaml").code == 0
    assert (tmp_path / "model.schema.json").read_text() == "mine\n"


def test_new_never_overwrites(cloudkit, tmp_path):
    (tmp_path / "m.yaml").write_text("mine\n")
    answer = cloudkit("new", tmp_path / "m.yaml")
    assert (answer.code, "already exists" in answer.err) == (2, True)
    assert (tmp_path / "m.yaml").read_text() == "mine\n"


def test_the_presets_are_listed_with_a_summary(cloudkit):
    listed = json.loads(cloudkit("new", "--list", "--json").out)
    assert "thermal" in listed
    lines = cloudkit("new", "--list").out.splitlines()
    assert [line.split(None, 1) for line in lines] == [[name, summary] for name, summary in listed.items()]
    assert (
        len({line.index(summary) for line, summary in zip(lines, listed.values(), strict=True)}) == 1
    )  # aligned


def test_the_model_schema_knows_the_parts_of_a_spec(cloudkit):
    schema = json.loads(cloudkit("schema", "model").out)
    assert {"encoder", "heads", "tasks"} <= set(schema["properties"])


def test_schema_without_a_name_lists_the_names(cloudkit):
    assert "model" in cloudkit("schema").out.splitlines()
    assert "model" in json.loads(cloudkit("schema", "--json").out)


def test_doctor_shows_versions_and_is_content_with_a_full_environment(cloudkit):
    pytest.importorskip("lightning")
    findings = {f["name"]: f for f in json.loads(cloudkit("doctor", "--json").out)}
    assert findings["moyopy"]["value"] == metadata.version("moyopy")
    missing = [f for f in findings.values() if f["fix"] and f["needed"]]
    assert cloudkit("doctor").code == (1 if missing else 0)


def test_doctor_names_the_command_that_installs_what_is_missing(cloudkit, monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "lightning":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    answer = cloudkit("doctor")
    assert answer.code == 1
    assert "lightning     missing  ->  pip install 'cloudkit-scope[train]'" in answer.out


def test_doctor_looks_for_all_that_the_core_and_training_need(cloudkit):
    wanted = [text.partition(";") for text in metadata.requires("cloudkit-scope")]
    names = {
        re.split(r"[<>=!~\[]", name)[0].strip()
        for name, _, extra in wanted
        if not extra or '"train"' in extra
    }
    assert len(names) > 15
    assert names <= {finding["name"] for finding in json.loads(cloudkit("doctor", "--json").out)}


def test_doctor_finds_drafts_of_killed_commands_and_removes_them(cloudkit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)  # whatever the age of the core, nothing is rebuilt here
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive = tmp_path / f".out.csv.{ended.pid}.tmp", tmp_path / f".out.csv.{os.getpid()}.tmp"
    for draft in (dead, alive, tmp_path / "mine.tmp"):
        draft.touch()
        os.utime(draft, (0, 0))
    answer = cloudkit("doctor")
    assert (answer.code, f"1 temporary file of killed commands  ->  rm '{dead.name}'" in answer.out) == (
        1,
        True,
    )
    assert dead.exists()
    assert "fixed: 1 temporary file" in cloudkit("doctor", "--fix").out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([alive.name, "mine.tmp"])


def test_doctor_finds_a_core_that_is_older_than_its_sources_and_rebuilds_it(cloudkit, tmp_path, monkeypatch):
    package, built = tmp_path / "cloudkit", []
    for name in ("setup.py", "csrc/check.c", "cloudkit/_native/core.so", "cloudkit/structure/contacts.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (100, 100))
    monkeypatch.setattr(doctor, "PACKAGE", package)
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: built.append(command) or Done(0))
    assert doctor.core().value == "compiled"
    os.utime(tmp_path / "csrc/check.c", (200, 200))
    finding = doctor.core()
    assert finding.value == "older than csrc/check.c"
    assert finding.fix.startswith("python -m pip install --no-build-isolation")
    assert "fixed: older than" in cloudkit("doctor", "--fix").out
    assert built[0][1:] == finding.fix.split()[1:]


def test_doctor_shows_what_pip_says_where_a_rebuild_fails(cloudkit, tmp_path, monkeypatch):
    for name in ("setup.py", "csrc/check.c", "cloudkit/_native/core.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('this core does not compile')")
    os.utime(tmp_path / "cloudkit/_native/core.so", (100, 100))
    monkeypatch.setattr(doctor, "PACKAGE", tmp_path / "cloudkit")
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    answer = cloudkit("doctor", "--fix")  # its standard error is not a file here
    assert answer.code == 2
    assert "this core does not compile" in answer.err and "cannot rebuild" in answer.err


def test_doctor_finds_installed_files_that_were_changed(monkeypatch, tmp_path):
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"as it was").digest()).rstrip(b"=").decode()
    (tmp_path / "a.py").write_bytes(b"as it was")
    (tmp_path / "cloudkit_scope-0.dist-info").mkdir()
    (tmp_path / "cloudkit_scope-0.dist-info/METADATA").write_text("Name: cloudkit-scope\nVersion: 0\n")
    (tmp_path / "cloudkit_scope-0.dist-info/RECORD").write_text(f"a.py,sha256={digest},9\n")
    found = metadata.PathDistribution(tmp_path / "cloudkit_scope-0.dist-info")
    monkeypatch.setattr(doctor.metadata, "files", lambda _: found.files)
    assert doctor.files().value == "as installed"
    (tmp_path / "a.py").write_bytes(b"changed")
    assert doctor.files().value == "1 changed or missing since installation; the first is a.py"
    assert "--force-reinstall" in doctor.files().fix
