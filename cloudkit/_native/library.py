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
    """Locate the C header, which is the manual of the C library.

    Returns
    -------
    str
        The folder to give a compiler as ``-I``, for ``#include <cloudkit/scope.h>``.

    Raises
    ------
    CloudkitError
        If cloudkit was built without a C compiler.

    Examples
    --------
    >>> from pathlib import Path
    >>> (Path(get_include()) / "cloudkit" / "scope.h").is_file()
    True
    """
    _find("include/cloudkit/scope.h")
    return _find("include")


def get_library() -> str:
    """Locate the static C library.

    Returns
    -------
    str
        A file to link with; ``lib/pkgconfig`` next to it holds `cloudkit_scope.pc`.

    Raises
    ------
    CloudkitError
        If cloudkit was built without a C compiler.

    Examples
    --------
    >>> get_library().endswith(".a")
    True
    """
    return _find("lib/libcloudkit_scope.a")
