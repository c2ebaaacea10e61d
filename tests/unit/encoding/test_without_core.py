"""Without a compiled core, and without moyopy: what still works, and what is said."""

import subprocess
import sys

SCRIPT = """
import sys, warnings
for name in {missing}:
    sys.modules[name] = None
import cloudkit
salt = ([[0, 2.8, 2.8], [2.8, 0, 2.8], [2.8, 2.8, 0]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Cl"])
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(cloudkit.encode(salt).partition(" | ")[2])
print(*[one.message for one in said if "cloudkit" in str(one.message)])
for engine in ("native", "moyo"):
    try:
        print(cloudkit.encode(salt, engine=engine).partition(" | ")[2])
    except cloudkit.CloudkitError as error:
        print(error)
print("spglib" in sys.modules)
"""


def run(*missing: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT.format(missing=missing)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_without_a_compiled_core_spglib_serves_and_says_so() -> None:
    string, warning, native, moyo, spglib = run("cloudkit._native.core")
    assert string == moyo == "Na 4a Cl 4b"
    assert warning.startswith("cloudkit has no compiled core: spglib finds symmetry")
    assert native.startswith("the native engine needs the compiled core")
    assert spglib == "True"


def test_the_native_engine_needs_neither_moyopy_nor_spglib() -> None:
    string, warning, native, moyo, spglib = run("moyopy")
    assert (string, warning, native, spglib) == ("Na 4a Cl 4b", "", "Na 4a Cl 4b", "False")
    assert "moyopy" in moyo and "cloudkit-scope[engines]" in moyo
