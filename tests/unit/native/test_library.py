"""What an installed package offers to programs in C: header, static library, pkg-config file, capsule."""

import ctypes
from pathlib import Path

import pytest

import cloudkit
from cloudkit._native import library
from cloudkit.errors import CloudkitError

pytest.importorskip("cloudkit._native.core", reason="no compiled core in this installation")


def test_the_installed_header_is_that_of_the_repository(repository_header: str) -> None:
    assert (Path(cloudkit.get_include()) / "cloudkit/scope.h").read_text("ascii") == repository_header


def test_the_installed_library_is_an_archive_with_its_pkg_config_file_beside_it() -> None:
    path = Path(cloudkit.get_library())
    assert path.read_bytes()[:8] == b"!<arch>\n"
    assert f"Version: {cloudkit.__version__}" in (path.parent / "pkgconfig/cloudkit_scope.pc").read_text(
        "ascii"
    )


def test_the_capsule_has_the_name_and_abi_of_the_header(repository_header: str) -> None:
    name = repository_header.partition('CK_CAPSULE "')[2].partition('"')[0].encode()
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    head = ctypes.cast(get(cloudkit.scope_api, name), ctypes.POINTER(ctypes.c_uint32))
    assert f"#define CK_ABI_VERSION {head[0]}\n" in repository_header
    assert head[1] == 8 + 10 * ctypes.sizeof(ctypes.c_void_p)


def test_an_installation_without_the_library_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(library, "PACKAGE", tmp_path)
    for ask in (cloudkit.get_include, cloudkit.get_library):
        with pytest.raises(CloudkitError, match="without a C compiler"):
            ask()
