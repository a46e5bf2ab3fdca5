"""Write a file whole or not at all, on disk and in an object store."""

import os
from uuid import uuid4

from upath import UPath


def write_whole(path: UPath, content: bytes) -> None:
    """Put `content` at `path`; a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.protocol not in ("", "file", "local"):  # an object store puts whole objects anyway
        path.write_bytes(content)
        return
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(beside), str(path))
