"""Draw the pictures that README shows: the page of `stance serve` with the seed article, and a map of UN speeches.

    python experiments/pictures.py [--speeches FOLDER]

Writes experiments/pictures/page.png and page-narrow.png; notebooks/pictures/map.png too where FOLDER holds UN General
Debate speeches (RUS_63_2008.txt). The page needs the extra `test` and an installed Chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import stance

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "experiments" / "pictures"
MAP = ROOT / "notebooks" / "pictures" / "map.png"
ARTICLE = "a001"

#: Where Chromium is, or None.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_QUIET = (
    "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --no-sandbox"  # it opens the project's own pages only
)


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Yield the address of a `stance serve` that ends with the block."""
    command = [sys.executable, "-m", "stance", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a headless browser, the Chromium of the system, that ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET.split())
        try:
            yield browser
        finally:
            browser.close()


def read(page: Page, text: str) -> None:
    """Paste a text and wait until it is marked up, or refused."""
    page.fill("#text", text)
    page.click("button[type=submit]")
    page.locator("#status", has_text=re.compile("sentences|wanted")).wait_for()


def seed_article() -> str:
    """Return the seed article, four sentences a paragraph."""
    rows = pd.read_csv(ROOT / "data" / "sentences.csv", dtype=str)
    headline, *texts = rows.loc[rows["article_id"] == ARTICLE, "text"]
    return "\n".join([headline, *(" ".join(texts[i : i + 4]) for i in range(0, len(texts), 4))])


def draw_page(url: str, browser: Browser, name: str, width: int, height: int) -> None:
    """Write a picture of the page with the seed article, one of its sentences explained."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url)
    read(page, seed_article())
    page.evaluate("document.getElementById('text').scrollTop = 0")
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('main').scrollIntoView()")
    sentence = page.locator(".sentence.against").nth(1 if width > 800 else 0)
    sentence.evaluate("element => element.focus({ preventScroll: true })")
    page.wait_for_selector("#why .phrases")
    # A palette shows the page as well, in a third of the bytes.
    image = Image.open(io.BytesIO(page.screenshot())).convert("P", palette=Image.Palette.ADAPTIVE, colors=255)
    image.save(PICTURES / f"{name}.png", optimize=True)
    page.close()


def draw_map(folder: Path) -> None:
    """Write the map of the states that took sides most often."""
    model = stance.load()
    stances = stance.read_documents(model, stance.load_documents([folder]))
    titles = dict(zip(model.targets, model.info.titles, strict=True))
    figure = stance.plots.stance_heat_map(stance.stance_map(stances, ["actor"], model.targets), titles, n=20)
    MAP.write_bytes(stance.plots.png(figure))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speeches", type=Path, metavar="FOLDER", help="draw the map of these, too")
    options = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("no chromium on the PATH; wanted the system's, such as apt-get install chromium")
    with served() as url, chromium() as browser:
        draw_page(url, browser, "page", 1200, 800)
        draw_page(url, browser, "page-narrow", 380, 900)
    if options.speeches:
        draw_map(options.speeches)


if __name__ == "__main__":
    main()
