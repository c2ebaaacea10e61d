#!/usr/bin/env bash
# The wheel as a stranger meets it: installed where no compiler is to be found, used, and then built upon.
#
#     tests/embedding/wheel_check.sh PYTHON        a Python with pip, setuptools, cython, numpy and pytest
set -euo pipefail
python=$(realpath -s "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
CLOUDKIT_REQUIRE_CORE=1 "$python" -m pip wheel --quiet --no-deps --no-build-isolation -w "$work/dist" .
"$python" -m venv "$work/venv"

cd "$work"
mkdir no-compiler
for tool in env uname; do ln -s "$(command -v $tool)" no-compiler/; done
without() { env PATH="$work/venv/bin:$work/no-compiler" "$@"; }
without python -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" --only-binary :all: dist/*.whl
printf 'rock salt\n1.0\n5.64 0 0\n0 5.64 0\n0 0 5.64\nNa Cl\n4 4\nDirect\n0 0 0\n0 .5 .5\n.5 0 .5\n.5 .5 0\n.5 0 0\n0 .5 0\n0 0 .5\n.5 .5 .5\n' > POSCAR
without cloudkit encode POSCAR | tee encoded
grep -q '| Na 4a Cl 4b' encoded
without python -c 'from cloudkit import _native; assert _native.COMPILED, "the wheel has no compiled core"'

"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" cython setuptools
CLOUDKIT_PYTHON="$work/venv/bin/python" "$python" -m pytest "$root/tests/embedding" -p no:cacheprovider
