"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stance.errors import StanceError


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a handle whose content appears under `path` whole, or not at all.

    Raises
    ------
    StanceError
        If the folder does not exist or cannot be written to.
    """
    try:
        handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed before it is renamed)
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        )
    except OSError as error:
        raise StanceError(f"cannot write {path}: {error.strerror}") from None
    part = Path(handle.name)
    try:
        with handle:
            yield handle
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except OSError as error:
        raise StanceError(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
