"""The C core through ctypes, with no compiler: what is wrong with each line of standard input.

    python check_lines.py < strings.txt

The table of functions comes out of a capsule of the installed package; its layout is `ck_api` in scope.h.
"""

import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
    cast,
    py_object,
    pythonapi,
)

import cloudkit


class Issue(Structure):
    """ck_issue: what is wrong, and where, in bytes."""

    _fields_ = [("code", c_uint32), ("length", c_uint32), ("offset", c_uint64)]


Check = CFUNCTYPE(c_size_t, c_char_p, c_size_t, POINTER(Issue), c_size_t, POINTER(c_uint32))


class Api(Structure):
    """The head of ck_api; the functions that this program does not call are left out."""

    _fields_ = [("abi_version", c_uint32), ("size", c_uint32), ("check", Check)]


def load() -> Api:
    """The table of the installed core."""
    pythonapi.PyCapsule_GetPointer.restype = c_void_p
    pythonapi.PyCapsule_GetPointer.argtypes = [py_object, c_char_p]
    address = pythonapi.PyCapsule_GetPointer(cloudkit.scope_api, b"cloudkit.scope_api")
    api = cast(address, POINTER(Api)).contents
    if api.abi_version != 1:
        raise SystemExit(f"this program knows ABI 1 of the core, found {api.abi_version}")
    return api


def main() -> None:
    api, issues, group = load(), (Issue * 16)(), c_uint32()
    for line in sys.stdin.buffer:
        text = line.rstrip(b"\n")
        count = api.check(text, len(text), issues, len(issues), byref(group))
        found = [f"{issue.code} at byte {issue.offset}" for issue in issues[: min(count, 16)]]
        print(f"space group {group.value}: {', '.join(found) or 'valid'}")


if __name__ == "__main__":
    main()
