"""Would the tests notice? Mutants of three packages by mutmut, each run against the tests of its package.

    python tests/mutation/mutation.py [-n MUTANTS] [--seed SEED] [PACKAGE ...]

Of each package a sample of mutants (all of them where there are fewer) in a copy of the tree, so that nothing here is
touched. Killed: a test failed, or took too long. Not killed: all passed, or no test reaches the place. Prints one line a package,
then every mutant that lived.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LAWS: Final = ("tests/laws/test_round_trips.py", "tests/conformance/test_vectors.py")
TESTS: Final = {
    "scope": (
        "tests/unit/scope", *LAWS, "tests/laws/test_canonical_letters.py", "tests/conformance/test_examples_of_the_standard.py",
        "tests/unit/structure/test_structure_geometry.py",
        "tests/unit/cli/test_cli_encode.py", "tests/unit/cli/test_cli_closer_look.py",
    ),
    "tokens": ("tests/unit/tokens", *LAWS, "tests/laws/test_text_batches.py"),
    "modelspec": ("tests/unit/modelspec",),
}  # fmt: skip
COPIED: Final = ("cloudkit", "spec", "schemas", "tests", "csrc", "benchmarks", "docs", "pyproject.toml")
# as mutmut counts them: 1 and 3 a test failed, the others it took too long or was ended for it
KILLED: Final = {1, 3, 24, 36, 152, 255}


def configure(tree: Path, package: str) -> None:
    """Copy what tests need, and tell mutmut what to change and what to run."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    config = {
        "source_paths": ["cloudkit"],
        "only_mutate": [f"cloudkit/{package}/*"],
        "also_copy": list(COPIED[:-1]),
        "pytest_add_cli_args": ["-x", "-p", "fresh_caches", "--hypothesis-seed=0", "--deselect", "tests/laws/test_text_batches.py::test_neither_sound_nor_bad_input_leaves_memory_behind"],
        "pytest_add_cli_args_test_selection": list(TESTS[package]),
        "track_dependencies": False,
        "use_git_change_detection": False,
    }  # fmt: skip
    with (tree / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in config.items())


def mutmut(tree: Path, *names: str) -> None:
    """Make the mutants if there are none, and run those of these names."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [Path(sys.executable).parent / "mutmut", "run", "--max-children", "1", *names]
    with (tree / "log").open("a") as log:
        subprocess.run(command, cwd=tree, env=environment, stdout=log, stderr=log, check=False)


def verdicts(tree: Path) -> dict[str, int | None]:
    """The exit code of pytest for each mutant; None where it was not run."""
    found = {}
    for path in sorted((tree / "mutants").rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def run(package: str, count: int, seed: int) -> tuple[str, list[str]]:
    """The line of a package, and the mutants that lived."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        configure(tree, package)
        mutmut(tree, "none")
        made = sorted(verdicts(tree))
        sample = random.Random(seed).sample(made, min(count, len(made)))
        mutmut(tree, *sample)
        codes = verdicts(tree)
        done = [name for name in sample if codes[name] is not None]
        if not done:
            sys.exit(f"no mutant of {package} was run: {(tree / 'log').read_text()[-2000:]}")
        lived = sorted(name for name in done if codes[name] not in KILLED)
        killed = len(done) - len(lived)
        line = f"{package:10} {len(made):6} made {len(done):5} run {killed:5} killed {100 * killed / len(done):6.1f} %"
        return line, [f"{name}{' (no test)' if codes[name] == 33 else ''}" for name in lived]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", default=list(TESTS), metavar="PACKAGE")
    parser.add_argument("-n", type=int, default=150, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    given = parser.parse_args()
    results = [run(package, given.n, given.seed) for package in given.packages]
    print("\n".join(line for line, _ in results))
    print("\nlived:", *(name for _, lived in results for name in lived), sep="\n")


if __name__ == "__main__":
    main()
