"""The compiled modules, the C library that goes into the package, and the data packages; the rest is in pyproject.toml.

Switches (environment): CLOUDKIT_DEBUG=1 builds with -O0 -g, CLOUDKIT_SANITIZE=1 with ASan and UBSan,
CLOUDKIT_REQUIRE_CORE=1 makes a failed compilation an error.
"""

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.editable_wheel import EditableStrategy, editable_wheel
from setuptools.errors import CCompilerError, ExecError, PlatformError

DEBUG = os.environ.get("CLOUDKIT_DEBUG") == "1"
SANITIZE = os.environ.get("CLOUDKIT_SANITIZE") == "1"
HEADER = Path("csrc/include/cloudkit/scope.h")
LIBRARY = sorted(map(str, Path("csrc").glob("*.c")))

optimize = ["-O0", "-g"] if DEBUG or SANITIZE else ["-O3"]
sanitizers = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"] if SANITIZE else []
flags = ["-std=c11", *optimize, *sanitizers]

core = Extension(
    "cloudkit._native.core",
    ["cloudkit/_native/core.pyx"],
    include_dirs=["csrc/include", "cloudkit/_native", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    depends=[*LIBRARY, *map(str, Path("csrc").glob("*.h")), str(HEADER), "csrc/cloudkit_scope.pc.in", "csrc/Makefile",
             *map(str, Path("cloudkit/_native").glob("*.pxi")), "cloudkit/_native/threads.h", "cloudkit/scope/__init__.pxd"],
    extra_compile_args=flags,
    extra_link_args=sanitizers,
)  # fmt: skip

contacts = Extension(
    "cloudkit.structure.contacts",
    ["cloudkit/structure/contacts.pyx"],
    extra_compile_args=flags + sanitizers,
    extra_link_args=sanitizers,
)
symspg = Extension(
    "cloudkit.structure.symspg",
    ["cloudkit/structure/symspg.pyx"],
    extra_compile_args=flags + sanitizers,
    extra_link_args=sanitizers,
)
cif_quick = Extension(
    "cloudkit.io.cif_quick",
    ["cloudkit/io/cif_quick.pyx"],
    include_dirs=[numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    extra_compile_args=flags + sanitizers,
    extra_link_args=sanitizers,
)


class BuildCompiled(build_ext):
    """Compile the C library once: for the extension, and into the package with its header and pkg-config file."""

    def run(self) -> None:
        """Without a C compiler the Python twin serves; say so rather than fail."""
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError) as error:
            if os.environ.get("CLOUDKIT_REQUIRE_CORE") == "1":
                raise
            print(
                f"warning: no compiled core ({error}); cloudkit will use its slower Python twin",
                file=sys.stderr,
            )

    def build_extension(self, ext: Extension) -> None:
        if ext is not core:
            super().build_extension(ext)
            return
        objects = self.compiler.compile(
            LIBRARY,
            output_dir=self.build_temp,
            include_dirs=["csrc/include"],
            extra_postargs=[*flags, "-fvisibility=hidden"],
        )
        ext.extra_objects = objects
        super().build_extension(ext)
        self.install_library(Path(self.build_lib) / "cloudkit", objects)

    def install_library(self, package: Path, objects: list[str]) -> None:
        """Write include/ and lib/ into the package: what other people's C and Cython need."""
        self.compiler.create_static_lib(objects, "cloudkit_scope", output_dir=str(package / "lib"))
        (package / "include/cloudkit").mkdir(parents=True, exist_ok=True)
        (package / "lib/pkgconfig").mkdir(parents=True, exist_ok=True)
        (package / "include/cloudkit" / HEADER.name).write_bytes(HEADER.read_bytes())
        described = Path("csrc/cloudkit_scope.pc.in").read_text()
        described = described.replace("@VERSION@", self.distribution.get_version())
        (package / "lib/pkgconfig/cloudkit_scope.pc").write_text(described)

    def copy_extensions_to_source(self) -> None:
        super().copy_extensions_to_source()
        for name in ("include", "lib"):
            self.copy_tree(str(Path(self.build_lib) / "cloudkit" / name), f"cloudkit/{name}")


class EditableWheel(editable_wheel):
    """Put the checkout on the path as well. The finder of setuptools is asked last, after the working directory: in the folder
    above a clone named cloudkit, Python would take that folder for the package.
    """

    def _select_strategy(self, name: str, tag: str, build_lib: str) -> EditableStrategy:
        return WithCheckout(super()._select_strategy(name, tag, build_lib))


class WithCheckout:
    """A strategy of setuptools and a .pth file."""

    def __init__(self, strategy: EditableStrategy) -> None:
        self.strategy = strategy

    def __call__(self, wheel: Any, files: list[str], mapping: Mapping[str, str]) -> None:
        self.strategy(wheel, files, mapping)
        wheel.writestr("cloudkit-checkout.pth", f"{Path(__file__).resolve().parent}\n")

    def __enter__(self) -> "WithCheckout":
        self.strategy.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a folder of the same name, for which the .pth file cares
            self.strategy.__exit__(*error)


setup(
    ext_modules=[core, contacts, symspg, cif_quick],
    cmdclass={"build_ext": BuildCompiled, "editable_wheel": EditableWheel},
    package_dir={"cloudkit": "cloudkit", "cloudkit.schemas": "schemas", "cloudkit.vocab": "spec/vocab"},
)
