"""``stance serve``: a model as a web service on this machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Annotated

import typer

from stance.app.console import load_model, warn
from stance.app.options import ModelPath

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def serve(
    model: ModelPath = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines reach only another than the default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8000,
) -> None:
    """Serve a page on which to read an article marked up, and a JSON API, until interrupted."""
    from stance.errors import StanceError

    try:
        from stance.app.service import create_app, server
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "stance":
            raise
        raise StanceError(f"stance serve needs {error.name}: pip install 'stance-detect[serve]'") from None
    predictor = load_model(model)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise StanceError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; wanted an address of this machine"
            " (--host) and a free port (--port N, or 0 for any)"
        ) from None
    with listener:
        is_local = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
        if not is_local:
            warn(f"whoever reaches {host} can use this service: it asks for no password and does not encrypt")
        app = create_app(predictor, hosts=(*LOOPBACK, host) if is_local else ())
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        print(f"Page: {address}/\nAPI:  {address}/docs\nCtrl-C ends it.", flush=True)
        server(app).run(sockets=[listener])
