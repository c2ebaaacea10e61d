"""Files that no one should have to read, made by name for bad_inputs.yaml: too large for a table, binary, or hostile on purpose."""

import gzip
import io
import json
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from cloudkit.models import shipped
from cloudkit.tables import generator_text

from .cli_examples import POSCAR, ROCK_SALT

MEBIBYTE = 1 << 20
Make = Callable[[Path], None]
MADE: dict[str, Make] = {}


def registered(make: Make) -> Make:
    """Known to the table by its name."""
    MADE[make.__name__.replace("_", " ")] = make
    return make


class Bomb:
    """What an unpickler would run: it leaves a file `owned` in the current folder."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, ("owned", "w")


def put(path: Path, content: object) -> None:
    """Make one entry of a table: text, null for an empty folder, {made: NAME}, {hex: …}, {text: …, times: n}."""
    match content:
        case str():
            path.write_text(content, encoding="utf-8", newline="")
        case None:
            path.mkdir()
        case {"made": str(name)}:
            MADE[name](path)
        case {"hex": str(digits)}:
            path.write_bytes(bytes.fromhex(digits))
        case {"text": str(text), "times": int(times)}:
            path.write_text(text * times, encoding="utf-8")
        case _:
            raise ValueError(f"{path.name}: no way to make {content!r}")


@registered
def model(path: Path) -> None:
    shutil.copytree(shipped()["thermal"], path)


@registered
def truncated_model(path: Path) -> None:
    model(path)
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


@registered
def huge_header(path: Path) -> None:
    """The header of safetensors says that it is 2**60 bytes long."""
    model(path)
    (path / "model.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")


@registered
def pickled_model(path: Path) -> None:
    model(path)
    (path / "model.safetensors").write_bytes(pickle.dumps(Bomb()))


@registered
def other_vocabulary(path: Path) -> None:
    model(path)
    lines = (path / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (path / "vocab.txt").write_text("\n".join([*lines[:-2], lines[-1], lines[-2]]) + "\n", encoding="utf-8")


@registered
def other_width(path: Path) -> None:
    model(path)
    spec = (path / "spec.yaml").read_text(encoding="utf-8")
    (path / "spec.yaml").write_text(spec.replace("width: 96", "width: 128"), encoding="utf-8")


@registered
def huge_width(path: Path) -> None:
    model(path)
    spec = (path / "spec.yaml").read_text(encoding="utf-8")
    (path / "spec.yaml").write_text(spec.replace("width: 96", "width: 4000000"), encoding="utf-8")


@registered
def tagged_spec(path: Path) -> None:
    model(path)
    text = "cloudkit: 1\nname: !!python/object/apply:builtins.open [owned, w]\n"
    (path / "spec.yaml").write_text(text, encoding="utf-8")


@registered
def older_model(path: Path) -> None:
    """A model whose intervals had one width for all crystals."""
    from safetensors.numpy import load_file, save_file

    model(path)
    weights = path / "model.safetensors"
    save_file({name: part for name, part in load_file(weights).items() if "width_" not in name}, weights)


@registered
def newer_model(path: Path) -> None:
    model(path)
    spec = (path / "spec.yaml").read_text(encoding="utf-8")
    (path / "spec.yaml").write_text(spec.replace("cloudkit: 1", "cloudkit: 2"), encoding="utf-8")


@registered
def long_string(path: Path) -> None:
    """A table with a string that is longer than any model reads."""
    text = f"{generator_text(1)} | " + " ".join(["Na 1a Cl 1a"] * 200)
    path.write_text(f"id,scope\nlong,{text}\n", encoding="utf-8")


@registered
def unfinished_model(path: Path) -> None:
    model(path)
    (path / "model.safetensors").unlink()


@registered
def published_pickle(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    (path / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))


@registered
def published_list(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text("[1, 2]", encoding="utf-8")


@registered
def published_deep(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text("[" * 200_000, encoding="utf-8")


@registered
def published_odd_tokenizer(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    (path / "tokenizer.json").write_text("{}", encoding="utf-8")


@registered
def published_outside(path: Path) -> None:
    """An index whose shard lies outside the folder."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    index = {"weight_map": {"x": "../../secret.safetensors"}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


@registered
def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr("bomb.cif", b"\0" * (136 * MEBIBYTE))


@registered
def zip_outside(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escaped.vasp", POSCAR)


@registered
def zip_cut(path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("salt.vasp", POSCAR)
    path.write_bytes(packed.getvalue()[:-30])


@registered
def tar_link(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("passwords.cif")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


@registered
def gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b" " * (16 * MEBIBYTE)) * 20)


@registered
def gzip_cut(path: Path) -> None:
    path.write_bytes(gzip.compress(f"scope\n{ROCK_SALT}\n".encode())[:-9])


@registered
def strange_shards(path: Path) -> None:
    path.mkdir()
    (path / "thesis.docx").write_text("of one's own", encoding="utf-8")


@registered
def broken_manifest(path: Path) -> None:
    path.mkdir()
    (path / "manifest.json").write_text('{"version": 1, "shards"', encoding="utf-8")


@registered
def structure(path: Path) -> None:
    path.write_text(POSCAR, encoding="utf-8")


@registered
def strings(path: Path) -> None:
    path.write_text(f"scope\n{ROCK_SALT}\n", encoding="utf-8")
