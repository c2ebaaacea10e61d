"""`load_spec`: text -> tree -> overrides -> keys -> values -> rules -> `Spec`; mistakes come all at once."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from cloudkit.errors import CloudkitError, Problem, SpecError
from cloudkit.modelspec import messages, overrides
from cloudkit.modelspec.files import resolve_files
from cloudkit.modelspec.keys import check_keys
from cloudkit.modelspec.library import presets, template
from cloudkit.modelspec.models import Spec
from cloudkit.modelspec.names import suggest
from cloudkit.modelspec.reader import MAX_BYTES, TOO_LARGE, position, read
from cloudkit.modelspec.rules import RULES
from cloudkit.modelspec.schema import json_schema
from cloudkit.modelspec.shape import Shape
from cloudkit.modelspec.sizes import fill_size
from cloudkit.modelspec.tree import Finding, Mark, Node, locate, plain


def load_spec(source: str | Path, overrides: Sequence[str] = (), *, check_files: bool = True) -> Spec:
    """Read a spec from a file or a preset's name (a file wins), changed by texts such as "encoder.width=128".

    Paths of data files become absolute; check_files=False accepts missing ones, since a trained
    model outlives its data.
    Raises SpecError with every mistake; CloudkitError if there is no such file or preset.
    """
    path = Path(source)
    kind = _kind(path)
    if kind == "file":
        return parse_spec(_read_file(path), str(source), path.parent, overrides, check_files=check_files)
    if str(source) in presets():
        return parse_spec(
            template(str(source)), f"{source} (preset)", Path(), overrides, check_files=check_files
        )
    if kind == "folder":
        raise CloudkitError(
            f"{source} is a folder; name a spec file in it or a preset: {', '.join(presets())}"
        )
    raise CloudkitError(f"no file or preset '{source}'" + suggest(str(source), presets(), "presets"))


def parse_spec(
    text: str, file: str, folder: Path, overrides: Iterable[str] = (), *, check_files: bool = True
) -> Spec:
    """Read a spec from text; `file` is its name in messages, `folder` where its data paths count from."""
    tree, problems = read(text, Mark(file, 1, 1))
    if not isinstance(tree.value, dict):
        what = "is empty" if tree.value is None else "holds no keys"
        raise SpecError(
            [*problems, Problem(*tree.mark, f"the spec {what}; `cloudkit new FILE` writes one to start from")]
        )
    return _check(tree, problems, folder, overrides, check_files)


def _kind(path: Path) -> str | None:
    """ "file" (or a pipe), "folder", or None where there is nothing."""
    try:
        return ("folder" if path.is_dir() else "file") if path.exists() else None
    except OSError:  # a text too long for a file's name
        return None


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CloudkitError(f"cannot read {path}: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise SpecError([Problem(str(path), 1, 1, TOO_LARGE)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = position(raw[: error.start].decode("utf-8-sig"))
        problem = Problem(str(path), line, column, "not text in UTF-8; is this a spec file?")
        raise SpecError([problem]) from None


def _check(
    tree: Node, problems: list[Problem], folder: Path, texts: Iterable[str], check_files: bool
) -> Spec:
    """The second half of `parse_spec`; raises SpecError with `problems` and all that is found here."""
    shape = Shape(json_schema())
    problems += overrides.apply(tree, texts, shape)
    check_keys(shape, shape.root, tree)
    fill_size(tree)
    spec, wrong = _validate(tree, shape)
    draft = shape.filled(shape.root, tree)
    wrong += [finding for rule in RULES for finding in rule(draft)]
    wrong += resolve_files(tree, folder, check=check_files)
    problems += [
        Problem(*(at or locate(tree, path)), message) for path, message, at in shape.findings + wrong
    ]
    if problems or spec is None:
        unique = sorted(dict.fromkeys(problems), key=lambda p: (p.file == overrides.SET, p.line, p.column))
        raise SpecError(unique)
    return Spec.model_validate(plain(tree))


def _validate(tree: Node, shape: Shape) -> tuple[Spec | None, list[Finding]]:
    try:
        return Spec.model_validate(plain(tree)), []
    except ValidationError as error:
        return None, messages.findings(error.errors(include_url=False), tree, shape)
