"""Load `stance serve` for ten seconds: 200 requests a second of one sentence each, on loopback.

    python experiments/load_serve.py

Writes the table into experiments/RESULTS.md. Requests leave at fixed times whether or not earlier ones are answered,
and a request's time counts from when it should have left, so that a service that stalls cannot hide it. Any answer but
200 ends the run. Needs a machine with nothing else to do: the load average that it began with stands below the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from picture_page import served
from readme import write_sections

from stance.report.tables import markdown

ROOT = Path(__file__).parent.parent
_CONNECTIONS = 32


async def load(url: str, bodies: list[bytes], rate: int) -> list[float]:
    """Return the milliseconds of each request, in order; any answer but 200 is an error."""
    address = urlsplit(url)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(address.hostname, address.port))
    start = time.perf_counter() + 0.1

    async def one(i: int, body: bytes) -> float:
        planned = start + i / rate
        await asyncio.sleep(planned - time.perf_counter())
        reader, writer = await free.get()
        head = f"POST /predict HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(f"request {i} was answered {answer!r}")
        await reader.readexactly(int(answer.partition(b"content-length: ")[2].partition(b"\r")[0]))
        milliseconds = (time.perf_counter() - planned) * 1000
        free.put_nowait((reader, writer))
        return milliseconds

    found = await asyncio.gather(*(one(i, body) for i, body in enumerate(bodies)))
    while not free.empty():
        free.get_nowait()[1].close()
    return list(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    texts = pd.read_csv(ROOT / "data" / "sentences.csv", dtype=str)["text"]
    n = options.rate * options.seconds
    bodies = [json.dumps({"texts": [texts[i % len(texts)]]}).encode() for i in range(n)]
    busy = os.getloadavg()[0]
    with served() as url:
        asyncio.run(load(url, bodies[:50], options.rate))
        found = np.asarray(asyncio.run(load(url, bodies, options.rate)))
    row = {"requests": f"{n:,}", "a second": options.rate}
    row |= {f"p{q}": f"{np.percentile(found, q):.1f} ms" for q in (50, 90, 99)} | {"longest": f"{found.max():.1f} ms"}
    table = markdown(pd.DataFrame([row]))
    text = (
        f"{table}\n\nService and load on the same {os.cpu_count()} cores (load average {busy:.1f} before the run);"
        f" {_CONNECTIONS} connections; sentences of the corpus."
    )
    print(text)
    write_sections({"serve": text})


if __name__ == "__main__":
    main()
