"""`load_spec`: text -> tree -> overrides -> keys -> values -> rules -> `Spec`; all errors are reported at once."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from cloudkit.errors import CloudkitError, Problem, SpecError, suggest
from cloudkit.io.formats import classify
from cloudkit.io.paths import missing_hint
from cloudkit.modelspec.rules import check_rules
from cloudkit.modelspec.schema_check import Shape, check_keys, findings, nearest_name
from cloudkit.modelspec.spec import SIZES, Spec, json_schema
from cloudkit.modelspec.yaml_tree import (
    MAX_BYTES,
    TOO_LARGE,
    Finding,
    KeyPath,
    Mark,
    Node,
    child,
    dotted,
    locate,
    plain,
    position,
    read,
)

_FOLDER = files("cloudkit.modelspec") / "presets"


def presets() -> dict[str, str]:
    """Name -> summary in one line (the file's first comment)."""
    entries = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))
    names = sorted(entry.removesuffix(".yaml") for entry in entries)
    return {name: _text(name).split("\n", 1)[0].lstrip("# ") for name in names}


def template(preset: str = "thermal") -> str:
    """The commented text of a preset, to start a spec from.

    Raises CloudkitError with the nearest name if there is none.
    """
    if preset not in presets():
        raise CloudkitError(f"no preset '{preset}'" + suggest(preset, presets()))
    return _text(preset)


def _text(preset: str) -> str:
    return (_FOLDER / f"{preset}.yaml").read_text(encoding="utf-8")


SET = "--set"


def apply_overrides(tree: Node, overrides: Iterable[str], shape: Shape) -> list[Problem]:
    """Change the tree; return the errors. Unknown keys are put in as well: the check of all keys reports them."""
    problems: list[Problem] = []
    for number, text in enumerate(overrides, 1):
        target, equals, value = text.partition("=")
        if not equals or not target.strip():
            problems.append(Problem(SET, number, 1, f"'{text}' is not of the form a.b=c"))
            continue
        try:
            node, mistakes = read(value, Mark(SET, number, len(target) + 2))
        except SpecError as error:
            problems.extend(error.problems)
            continue
        problems.extend(mistakes)
        message = _put(tree, target.strip().split("."), node, shape)
        if message:
            problems.append(Problem(SET, number, 1, message))
    return problems


def _put(tree: Node, parts: list[str], new: Node, shape: Shape) -> str | None:
    """Put a node at a path, making mappings that are not written; a message if that is impossible."""
    new.key = Mark(SET, new.mark.line, 1)
    path: KeyPath = ()
    node = tree
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(node.value, list):
            if not part.isdecimal() or int(part) >= len(node.value):
                return f"{dotted(path)} has no item '{part}'; its items are 0 to {len(node.value) - 1}"
            if last:
                node.value[int(part)] = new
            path, node = (*path, int(part)), node.value[int(part)]
            continue
        if not isinstance(node.value, dict):
            return f"{dotted(path)} has no keys, so '{dotted((*path, part))}' cannot be set"
        if last:
            node.value[part] = new
        elif part not in node.value:
            named = "additionalProperties" in shape.at(tree, path) and "properties" not in shape.at(
                tree, path
            )
            if named:
                return f"no '{part}' in {dotted(path)}" + suggest(part, node.value)
            node.value[part] = Node({}, new.key, new.key)
        path, node = (*path, part), node.value[part]
    return None


def resolve_files(tree: Node, folder: Path, *, check: bool) -> list[Finding]:
    """Make each `path` of a task's data absolute; returns those that are not there (if `check`).

    Paths count from `folder`, those of ``--set`` from the working directory; `init_from` may name a shipped model instead.
    """
    findings: list[Finding] = []
    start = child(tree, "init_from")
    if start is not None and isinstance(start.value, str) and "\0" not in start.value:
        base = Path.cwd() if start.mark.file == SET else folder.absolute()
        if (base / start.value).is_dir():
            start.value = str(base / start.value)
    for path, node in _paths(tree):
        if not isinstance(node.value, str) or not node.value:
            continue
        written, base = node.value, Path.cwd() if node.mark.file == SET else folder.absolute()
        message = _missing(base / Path(written)) if check and "\0" not in written else None
        if "\0" in written or message:
            end = message or "it contains a null character"
            findings.append(Finding(path, f"{dotted(path)} = '{written}': {end}"))
        node.value = str(base / written)
    return findings


def _paths(tree: Node) -> Iterator[tuple[KeyPath, Node]]:
    """The node of each key `path` of a table of data, joined or not, or of tables to exclude, with its path."""
    tasks = child(tree, "tasks")
    for index, task in enumerate(tasks.value if tasks and isinstance(tasks.value, list) else []):
        data = child(task, "data")
        joined = child(data, "join") if data else None
        tables: list[tuple[KeyPath, Node]] = [(("data",), data)] if data else []
        for number, table in enumerate(joined.value if joined and isinstance(joined.value, list) else []):
            tables.append((("data", "join", number), table))
        excluded = child(task, "exclude_from")
        for number, table in enumerate(
            excluded.value if excluded and isinstance(excluded.value, list) else []
        ):
            tables.append((("exclude_from", number), table))
        for below, table in tables:
            node = child(table, "path")
            if node is not None:
                yield ("tasks", index, *below, "path"), node


def _missing(file: Path) -> str | None:
    """Why a file cannot be read, with the nearest name in its folder; None if it can."""
    try:
        if file.is_file():
            return None
        if file.is_dir():
            return f"{file} is a folder, not a file"
        names = sorted(other.name for other in file.parent.iterdir() if other.is_file())[:1000]
    except OSError:  # a folder that is missing, closed to us, or a name too long
        return f"no such file: {file}"
    near = nearest_name(file.name, names)
    return f"no such file in {file.parent}" + (f"; did you mean '{near}'?" if near else "")


def fill_size(tree: Node) -> None:
    """Write out the keys that `encoder.size` of a transformer sets."""
    encoder = child(tree, "encoder")
    size, kind = (child(encoder, name) if encoder else None for name in ("size", "kind"))
    if encoder is None or size is None or kind is None or kind.value != "transformer":
        return
    for key, number in SIZES.get(str(size.value), {}).items():
        given = child(encoder, key)
        if given is None or (size.mark.file == SET and given.mark.file != SET):
            encoder.value[key] = Node(number, size.mark, size.key)


def load_spec(source: str | Path, overrides: Sequence[str] = (), *, check_files: bool = True) -> Spec:
    """Read a spec from a file or a preset's name (a file wins), changed by texts such as "encoder.width=128".

    Paths of data files become absolute; check_files=False accepts missing ones, since a trained
    model outlives its data.
    Raises SpecError with all errors; CloudkitError if there is no such file or preset.
    """
    path = Path(source)
    kind = _kind(path)
    if kind == "file" and (form := classify(path.name)):
        raise CloudkitError(
            f"{source} is a data file ({form}), not a YAML spec; to write a spec for it, run "
            "`cloudkit new my.yaml --preset property`"
        )
    if kind == "file":
        return parse_spec(_read_file(path), str(source), path.parent, overrides, check_files=check_files)
    if str(source) in presets():
        return parse_spec(
            template(str(source)), f"{source} (preset)", Path(), overrides, check_files=check_files
        )
    if kind == "folder":
        raise CloudkitError(f"{source} is a folder; give a spec file or a preset: {', '.join(presets())}")
    hint = missing_hint(str(source))
    said = f"no file or preset '{source}'"
    raise CloudkitError(
        f"{said}; a spec is a YAML file; {hint}" if hint else said + suggest(str(source), presets())
    )


def parse_spec(
    text: str, file: str, folder: Path, overrides: Iterable[str] = (), *, check_files: bool = True
) -> Spec:
    """Read a spec from text; `file` is its name in messages, `folder` where its data paths count from."""
    tree, problems = read(text, Mark(file, 1, 1))
    if not isinstance(tree.value, dict):
        what = "is empty" if tree.value is None else "has no keys"
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
        problem = Problem(str(path), line, column, "not UTF-8 text; is this a spec file?")
        raise SpecError([problem]) from None


def _check(
    tree: Node, problems: list[Problem], folder: Path, texts: Iterable[str], check_files: bool
) -> Spec:
    """The second half of `parse_spec`; raises SpecError with `problems` and all that is found here."""
    shape = Shape(json_schema())
    problems += apply_overrides(tree, texts, shape)
    missing = resolve_files(tree, folder, check=check_files)
    check_keys(shape, shape.root, tree)
    fill_size(tree)
    spec, wrong = _validate(tree, shape)
    wrong += check_rules(shape, tree) + missing
    problems += [
        Problem(*(at or locate(tree, path)), message) for path, message, at in shape.findings + wrong
    ]
    if problems or spec is None:
        unique = sorted(dict.fromkeys(problems), key=lambda p: (p.file == SET, p.line, p.column))
        raise SpecError(unique)
    return spec


def _validate(tree: Node, shape: Shape) -> tuple[Spec | None, list[Finding]]:
    try:
        return Spec.model_validate(plain(tree)), []
    except ValidationError as error:
        return None, findings(error.errors(include_url=False), tree, shape)
