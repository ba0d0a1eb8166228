"""The same work on many machines: a Dask cluster behind the interface of the standard library."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

from stance.errors import StanceError

#: How long a scheduler may take to answer.
PATIENCE = "10s"


@contextmanager
def client_of(scheduler: str | None) -> Iterator[Any]:
    """Yield a client of a cluster whose workers have this package; it is the default one meanwhile.

    Parameters
    ----------
    scheduler
        Address such as ``tcp://host:8786``; None starts worker processes on this machine.

    Raises
    ------
    StanceError
        If Dask is not installed, the scheduler does not answer, there is no worker, or a worker has no or
        another version of this package.
    """
    try:
        distributed: Any = import_module("distributed")  # has types for some of its names only
    except ImportError:
        raise StanceError("a Dask cluster needs dask: pip install 'stance-detect[dask]'") from None
    if scheduler is None:
        with (
            distributed.LocalCluster(n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield _checked(client)
        return
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise StanceError(f"no Dask scheduler answers at {scheduler} ({error}); wanted HOST:PORT of one") from None
    with client:
        yield _checked(client)


def _checked(client: Any) -> Any:
    here = version("stance-detect")
    try:
        others = {place: found for place, found in client.run(version, "stance-detect").items() if found != here}
    except Exception as error:
        raise StanceError(f"a Dask worker cannot use stance-detect ({error}); wanted {here} on each") from None
    if others:
        raise StanceError(f"Dask workers have another stance-detect ({others}); wanted {here} on each")
    if not client.nthreads():
        raise StanceError("the Dask cluster has no worker; wanted at least one (`dask worker ADDRESS`)")
    return client
