"""The SCOPE string of rock salt from arrays, through ctypes, with no compiler.

    python encode.py

The table of functions comes out of a capsule of the installed package; its layout is `ck_api` in scope.h.
"""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
    cast,
    create_string_buffer,
    py_object,
    pythonapi,
)

import cloudkit


class Crystal(Structure):
    """ck_crystal: a lattice, positions and labels."""

    _fields_ = [
        ("lattice", POINTER(c_double)),
        ("positions", POINTER(c_double)),
        ("labels", POINTER(c_int32)),
        ("n", c_size_t),
        ("occupancies", POINTER(c_double)),
        ("n_labels", c_size_t),
    ]


WorkSize = CFUNCTYPE(c_size_t, c_size_t)
EncodeStructure = CFUNCTYPE(
    c_int,
    POINTER(Crystal),
    c_void_p,
    c_double,
    c_uint64,
    c_void_p,
    c_size_t,
    c_void_p,
    c_size_t,
    POINTER(c_size_t),
    POINTER(c_uint32),
)


class Api(Structure):
    """ck_api; the functions that this program does not call are plain addresses."""

    _fields_ = [
        ("abi_version", c_uint32),
        ("size", c_uint32),
        ("text_functions", c_void_p * 7),
        ("work_size", WorkSize),
        ("find_symmetry", c_void_p),
        ("encode_structure", EncodeStructure),
    ]


def load() -> Api:
    """The table of the installed core."""
    pythonapi.PyCapsule_GetPointer.restype = c_void_p
    pythonapi.PyCapsule_GetPointer.argtypes = [py_object, c_char_p]
    address = pythonapi.PyCapsule_GetPointer(cloudkit.scope_api, b"cloudkit.scope_api")
    return cast(address, POINTER(Api)).contents


def encode(api: Api, lattice: list[float], positions: list[float], numbers: list[int]) -> str:
    """The canonical string, symprec 0.01."""
    sites = len(numbers)
    crystal = Crystal(
        (c_double * 9)(*lattice), (c_double * (3 * sites))(*positions), (c_int32 * sites)(*numbers), sites
    )
    work, text = create_string_buffer(api.work_size(sites)), create_string_buffer(80 + 8 * sites)
    length = c_size_t()
    status = api.encode_structure(
        byref(crystal), None, 1e-2, 0, work, len(work), text, len(text), byref(length), None
    )
    if status != 0:
        raise SystemExit(f"no string: status {status}")
    return text.raw[: length.value].decode("ascii")


def main() -> None:
    api = load()
    if api.abi_version != 1 or api.size < Api.encode_structure.offset + Api.encode_structure.size:
        raise SystemExit(f"this core cannot encode structures: ABI {api.abi_version}, {api.size} bytes")
    lattice = [5.64, 0, 0, 0, 5.64, 0, 0, 0, 5.64]
    sodium = [0, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0]
    chlorine = [0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0.5, 0.5, 0.5]
    print(encode(api, lattice, sodium + chlorine, [11] * 4 + [17] * 4))


if __name__ == "__main__":
    main()
