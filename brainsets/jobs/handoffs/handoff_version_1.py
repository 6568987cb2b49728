"""Read handoffs of format 1: a pickle of one dict.

The payload, a pickle within, is not unpickled. The rest has plain values only, so few
opcodes are allowed: none that names a class or a function, and none by which a small
file takes a lot of memory.
"""

import io
import pickle
from typing import Any, BinaryIO

__all__ = ["FIRST_BYTE", "read"]

FIRST_BYTE = b"\x80"

_MAX_BYTES = 1 << 30
_ALLOWED_OPCODES = set(
    "PROTO FRAME MEMOIZE STOP MARK NONE EMPTY_DICT SETITEM SETITEMS EMPTY_LIST APPEND "
    "APPENDS SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 "
    "BININT BININT1 BININT2 LONG1 BINGET LONG_BINGET NEWTRUE NEWFALSE".split()
)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise ValueError(f"it asks for {module}.{name}")


def read(file: BinaryIO, size: int, with_payload: bool) -> dict[str, Any]:
    """Return what a handoff of version 1 says, as `Handoff` takes it.

    Raises
    ------
    Exception
        It is not of that format.
    """
    # Imported here, as it is slow to import and rarely needed.
    import pickletools

    if size > _MAX_BYTES:
        raise ValueError("it is too large")
    content = file.read(size)
    for opcode, _, _ in pickletools.genops(content):
        if opcode.name not in _ALLOWED_OPCODES:
            raise ValueError(f"it has the instruction {opcode.name} in it")
    found = _Unpickler(io.BytesIO(content)).load()
    key, payload, files = found["key"], found["payload"], found["files"]
    if type(key) is not dict or type(files) is not dict:
        raise ValueError("it is not what it should be")
    if not all(type(p) is str and type(n) is int for p, n in files.items()):
        raise ValueError("its files are not what they should be")
    reason = None if type(payload) is bytes else "it could not be kept"
    kept = payload if with_payload and reason is None else None
    return {"key": key, "files": files, "reason": reason, "payload": kept}
