"""Where the installed package keeps the C library for other people's programs (docs/examples)."""

from pathlib import Path

from cloudkit.errors import CloudkitError

PACKAGE = Path(__file__).resolve().parents[1]


def _find(name: str) -> str:
    path = PACKAGE / name
    if not path.exists():
        raise CloudkitError(
            f"this installation carries no C library ({path} is missing): it was built without a C compiler; "
            "install one, then install cloudkit again"
        )
    return str(path)


def get_include() -> str:
    """The folder to give a compiler as ``-I``, for ``#include <cloudkit/scope.h>``; the header is the manual."""
    _find("include/cloudkit/scope.h")
    return _find("include")


def get_library() -> str:
    """The static library, a file to link with; ``lib/pkgconfig`` next to it holds `cloudkit_scope.pc`."""
    return _find("lib/libcloudkit_scope.a")
