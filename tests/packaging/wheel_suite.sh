#!/usr/bin/env bash
# The tests upon the installed wheel: a tree whose folder cloudkit is the one in site-packages, in an environment of its own.
#
#     tests/packaging/wheel_suite.sh PYTHON PINS     a Python with cython, numpy, setuptools; a file of versions to install
set -euo pipefail
python=$(realpath -s "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
pins=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
CLOUDKIT_REQUIRE_CORE=1 "$python" -m pip wheel --quiet --no-deps --no-build-isolation -w "$work/dist" .
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -c "$pins" "$(echo "$work"/dist/*.whl)[test]"
mkdir "$work/tree"
git ls-files -z | grep -zv '^cloudkit/' | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
ln -s "$("$work/venv/bin/python" -c 'import cloudkit; print(cloudkit.__path__[0])')" cloudkit
CLOUDKIT_SHARED=${CLOUDKIT_SHARED:-$root/../shared} OMP_NUM_THREADS=1 PATH="$work/venv/bin:$PATH" \
    "$work/venv/bin/pytest" -n auto --maxprocesses 8 --dist loadfile
