"""A package with two extensions on cloudkit's core: pip install --no-build-isolation docs/examples/cython"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

import cloudkit

header = [cloudkit.get_include()]
modules = [
    Extension(
        "letters.linked",
        ["letters/linked.pyx"],
        header,
        extra_objects=[cloudkit.get_library()],
        libraries=["m"],
    ),
    Extension("letters.capsule", ["letters/capsule.pyx"], header),
]
setup(
    name="letters",
    version="1",
    packages=["letters"],
    # cimport finds cloudkit/scope/__init__.pxd next to the installed package
    ext_modules=cythonize(modules, language_level=3, include_path=[str(Path(cloudkit.__file__).parents[1])]),
)
