"""`load_spec`: text -> tree -> overrides -> keys -> values -> rules -> `Spec`; all errors are reported at once."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from cloudkit.errors import CloudkitError, Problem, SpecError, nearest, suggest
from cloudkit.io.formats import classify
from cloudkit.io.paths import missing_hint
from cloudkit.modelspec.column_check import check_columns
from cloudkit.modelspec.rules import check_rules
from cloudkit.modelspec.schema_check import SchemaCheck, check_keys, findings
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
    """List the presets.

    Returns
    -------
    dict
        Name -> summary in one line, the first comment of the file.

    Examples
    --------
    >>> "thermal" in presets()
    True
    """
    entries = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))
    names = sorted(entry.removesuffix(".yaml") for entry in entries)
    return {name: _text(name).split("\n", 1)[0].lstrip("# ") for name in names}


def template(preset: str = "thermal") -> str:
    """Return the commented text of a preset, to start a spec from.

    Parameters
    ----------
    preset
        A name of `presets`.

    Returns
    -------
    str
        YAML.

    Raises
    ------
    CloudkitError
        With the nearest name for an unknown one.

    Examples
    --------
    >>> "name: thermal" in template("thermal")
    True
    """
    if preset not in presets():
        raise CloudkitError(f"no preset '{preset}'" + suggest(preset, presets()))
    return _text(preset)


def _text(preset: str) -> str:
    return (_FOLDER / f"{preset}.yaml").read_text(encoding="utf-8")


SET = "--set"


def apply_overrides(tree: Node, overrides: Iterable[str], check: SchemaCheck) -> list[Problem]:
    """Apply overrides to the tree; return the errors. Unknown keys are added too, since `check_keys` reports them."""
    problems: list[Problem] = []
    for number, text in enumerate(overrides, 1):
        target, equals, value = text.partition("=")
        if not equals or not target.strip():
            problems.append(
                Problem(SET, number, 1, f"'{text}' is not of the form KEY=VALUE, such as encoder.width=128")
            )
            continue
        try:
            node, mistakes = read(value, Mark(SET, number, len(target) + 2))
        except SpecError as error:
            problems.extend(error.problems)
            continue
        problems.extend(mistakes)
        message = _put(tree, target.strip().split("."), node, check)
        if message:
            problems.append(Problem(SET, number, 1, message))
    return problems


def _put(tree: Node, parts: list[str], new: Node, check: SchemaCheck) -> str | None:
    """Put a node at a path, adding missing mappings; return a message if that is impossible."""
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
            named = "additionalProperties" in check.at(tree, path) and "properties" not in check.at(
                tree, path
            )
            if named:
                return f"no '{part}' in {dotted(path)}" + suggest(part, node.value)
            node.value[part] = Node({}, new.key, new.key)
        path, node = (*path, part), node.value[part]
    return None


def resolve_files(tree: Node, folder: Path, *, check: bool) -> list[Finding]:
    """Make each `path` of a task's data absolute; return those of missing files (if `check`).

    Paths are relative to `folder`, those of ``--set`` to the working directory; `init_from` may name a shipped model instead.
    """
    findings, reported = list[Finding](), set[Mark]()
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
        if ("\0" in written or message) and node.mark not in reported:
            reported.add(node.mark)  # an alias is written once
            end = message or "it contains a null character"
            findings.append(Finding(path, f"{dotted(path)} = '{written}': {end}"))
        node.value = str(base / written)
    return findings


def _paths(tree: Node) -> Iterator[tuple[KeyPath, Node]]:
    """Yield the node of each key `path` of the tables of tasks, also joined and excluded ones, with its path in the tree."""
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
    """Return why a file cannot be read, with the nearest name in its folder; None if it can."""
    try:
        if file.is_file():
            return None
        if file.is_dir():
            return f"{file} is a folder, not a file"
        names = sorted(other.name for other in file.parent.iterdir() if other.is_file())[:1000]
    except OSError:  # a missing or unreadable folder, or a name that is too long
        return f"no such file: {file}"
    stems = {name.partition(".")[0]: name for name in names}  # names are alike by their suffix alone
    near = nearest(file.name.partition(".")[0], stems)
    return f"no such file in {file.parent}" + (f"; did you mean '{stems[near[0]]}'?" if near else "")


def fill_size(tree: Node) -> None:
    """Add the keys that `encoder.size` of a transformer sets."""
    encoder = child(tree, "encoder")
    size, kind = (child(encoder, name) if encoder else None for name in ("size", "kind"))
    if encoder is None or size is None or kind is None or kind.value != "transformer":
        return
    for key, number in SIZES.get(str(size.value), {}).items():
        given = child(encoder, key)
        if given is None or (size.mark.file == SET and given.mark.file != SET):
            encoder.value[key] = Node(number, size.mark, size.key)


def load_spec(source: str | Path, overrides: Sequence[str] = (), *, check_files: bool = True) -> Spec:
    """Read a spec from a YAML file or a preset.

    Parameters
    ----------
    source
        Path, or name of a preset; a file of that name takes precedence. Paths of data files become absolute.
    overrides
        Such as "encoder.width=128" or "tasks.0.epochs=5".
    check_files
        False accepts missing data files, which the spec of a trained model may name.

    Returns
    -------
    Spec
        The checked spec.

    Raises
    ------
    SpecError
        With all errors, each with line and column.
    CloudkitError
        If there is no such file or preset.

    Examples
    --------
    >>> load_spec("thermal", ["encoder.width=128"]).encoder.width
    128
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
    message = f"no file or preset '{source}'"
    raise CloudkitError(
        f"{message}; a spec is a YAML file; {hint}" if hint else message + suggest(str(source), presets())
    )


def parse_spec(
    text: str, file: str, folder: Path, overrides: Iterable[str] = (), *, check_files: bool = True
) -> Spec:
    """Read a spec from YAML text.

    Parameters
    ----------
    text
        YAML.
    file
        Name of the spec in messages.
    folder
        Folder to which paths of data files are relative.
    overrides, check_files
        As in `load_spec`.

    Returns
    -------
    Spec
        The checked spec.

    Raises
    ------
    SpecError
        With all errors, each with line and column.

    Examples
    --------
    >>> parse_spec("cloudkit: 1\\nnam: x", "model.yaml", Path())
    Traceback (most recent call last):
    cloudkit.errors.SpecError: model.yaml:1:1  ...
    """
    tree, problems = read(text, Mark(file, 1, 1))
    if not isinstance(tree.value, dict):
        what = "is empty" if tree.value is None else "has no keys"
        raise SpecError(
            [*problems, Problem(*tree.mark, f"the spec {what}; `cloudkit new FILE` writes one to start from")]
        )
    return _check(tree, problems, folder, overrides, check_files)


def _kind(path: Path) -> str | None:
    """Return "file" (or a pipe), "folder", or None if there is nothing."""
    try:
        return ("folder" if path.is_dir() else "file") if path.exists() else None
    except OSError:  # text that is too long for a file name
        return None


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CloudkitError(f"cannot read {path} ({error.strerror}); check its permissions") from error
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
    """Check the tree and make the spec; raise SpecError with `problems` and all that are found here."""
    check = SchemaCheck(json_schema())
    problems += apply_overrides(tree, texts, check)
    missing = resolve_files(tree, folder, check=check_files)
    check_keys(check, check.root, tree)
    fill_size(tree)
    spec, wrong = _validate(tree, check)
    wrong += check_rules(check, tree) + missing
    if spec is not None and check_files:
        wrong += check_columns(spec)
    problems += [
        Problem(*(at or locate(tree, path)), message) for path, message, at in check.findings + wrong
    ]
    if problems or spec is None:
        unique = sorted(dict.fromkeys(problems), key=lambda p: (p.file == SET, p.line, p.column))
        raise SpecError(unique)
    return spec


def _validate(tree: Node, check: SchemaCheck) -> tuple[Spec | None, list[Finding]]:
    try:
        return Spec.model_validate(plain(tree)), []
    except ValidationError as error:
        return None, findings(error.errors(include_url=False), tree, check)
