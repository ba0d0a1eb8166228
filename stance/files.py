"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from stance.errors import StanceError


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a handle whose content appears under `path` whole, or not at all; StanceError if it cannot be written."""
    with ExitStack() as stack:
        try:
            handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed before it is renamed)
                dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
            )
            stack.callback(Path(handle.name).unlink, missing_ok=True)
            with handle:
                yield handle
            os.umask(mask := os.umask(0))
            os.chmod(handle.name, 0o666 & ~mask)
            os.replace(handle.name, path)
        except OSError as error:
            raise StanceError(f"cannot write {path}: {error.strerror}") from None
