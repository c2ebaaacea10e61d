"""The compiled modules and the data packages; everything else is in pyproject.toml.

Switches (environment): CLOUDKIT_DEBUG=1 builds with -O0 -g, CLOUDKIT_SANITIZE=1 with ASan and UBSan.
"""

import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("CLOUDKIT_DEBUG") == "1"
SANITIZE = os.environ.get("CLOUDKIT_SANITIZE") == "1"

flags = ["-std=c11", "-O0", "-g"] if DEBUG or SANITIZE else ["-std=c11", "-O3"]
sanitizers = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"] if SANITIZE else []

core = Extension(
    "cloudkit._native.core",
    ["cloudkit/_native/core.pyx", "csrc/canonical.c", "csrc/check.c", "csrc/encode.c", "csrc/tables.c"],
    include_dirs=["csrc/include", "csrc"],
    depends=["csrc/include/cloudkit/scope.h", "csrc/scan.h", "csrc/tables.h", "cloudkit/_native/scope.pxd"],
    extra_compile_args=flags + sanitizers,
    extra_link_args=sanitizers,
)

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


class OptionalBuild(build_ext):
    """Without a C compiler the Python twin serves; say so rather than fail."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            if os.environ.get("CLOUDKIT_REQUIRE_CORE") == "1":
                raise
            print(
                f"warning: no compiled core ({error}); cloudkit will use its slower Python twin",
                file=sys.stderr,
            )


setup(
    ext_modules=[core, contacts, symspg],
    cmdclass={"build_ext": OptionalBuild},
    package_dir={"cloudkit": "cloudkit", "cloudkit.schemas": "schemas", "cloudkit.vocab": "spec/vocab"},
)
