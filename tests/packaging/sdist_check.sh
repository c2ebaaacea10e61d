#!/usr/bin/env bash
# The source archive as a stranger meets it: it holds the tree as committed, builds and passes its tests where it was unpacked.
#
#     tests/packaging/sdist_check.sh PYTHON [TARGET]     a Python with build; a target of the Makefile, test if none is given
set -euo pipefail
python=$(realpath -s "$1")
target=${2:-test}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
"$python" -m build --sdist --no-isolation --outdir "$work" . > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
archive=$(echo "$work"/*.tar.gz)
tar -tzf "$archive" | sed 's|^[^/]*/||; /\/$/d; /^$/d' | sort > "$work/held"
git ls-files | sort > "$work/committed"
missing=$(comm -13 "$work/held" "$work/committed")
stray=$(comm -23 "$work/held" "$work/committed" | grep -vE '^(PKG-INFO|setup\.cfg|cloudkit_scope\.egg-info/.*)$' || true)
[ "$missing" = "" ] || { echo "the archive lacks: $missing"; exit 1; }
[ "$stray" = "" ] || { echo "the archive holds what is not committed: $stray"; exit 1; }
echo "$(basename "$archive"): $(stat -c %s "$archive") bytes, the $(wc -l < "$work/committed") committed files"

mkdir "$work/unpacked"
tar -xzf "$archive" -C "$work/unpacked" --strip-components 1
make --no-print-directory -C "$work/unpacked" "$target"
