"""ajv and jsonschema give the same verdict on every tree vector, sound or damaged."""

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def damaged(tree: dict[str, object], index: int) -> dict[str, object]:
    """A copy with one fault, another kind for each index."""
    copy = json.loads(json.dumps(tree))
    place = next(copy[part] for part in ("orbits", "wyckoff", "sites") if part in copy)[0]
    match index % 5:
        case 0:
            place["multiplicity"] += 1
        case 1:
            place["letter"] = "B"
        case 2:
            copy["space_group"] = copy["space_group"] % 230 + 1
        case 3:
            copy["more"] = 1
        case 4:
            del copy["generators"]
    return copy


def test_ajv_and_jsonschema_agree() -> None:
    if shutil.which("node") is None or not (ROOT / ".ajv/node_modules/ajv").is_dir():
        pytest.skip("node or ajv is not installed: `make ajv` does it (CI does)")
    files = sorted((ROOT / "spec/vectors/valid").glob("*.jsonl"))
    sound = [json.loads(line)["tree"] for file in files for line in file.read_text("ascii").splitlines()]
    trees = sound + [damaged(tree, index) for index, tree in enumerate(sound)]
    schema = json.loads((ROOT / "schemas/scope.schema.json").read_text())
    script = ROOT / ".ajv/check.mjs"
    shutil.copy(HERE / "ajv_check.mjs", script)  # node looks for packages next to the script
    done = subprocess.run(
        ["node", script],
        input=json.dumps({"schema": schema, "trees": trees}),
        capture_output=True,
        text=True,
        check=True,
    )
    rules = jsonschema.Draft202012Validator(schema)
    ours = [rules.is_valid(tree) for tree in trees]
    assert json.loads(done.stdout) == ours
    assert ours == [True] * len(sound) + [False] * len(sound)
