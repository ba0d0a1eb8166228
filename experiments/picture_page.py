"""Picture the page of `stance serve` as it shows the seed article of the corpus.

    python experiments/picture_page.py

Writes experiments/pictures/page.png and page-narrow.png. Needs the extra `test` and an installed Chromium.
"""

from __future__ import annotations

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

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "experiments" / "pictures"
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


def article() -> str:
    """Return the seed article, four sentences a paragraph."""
    rows = pd.read_csv(ROOT / "data" / "sentences.csv", dtype=str)
    headline, *texts = rows.loc[rows["article_id"] == ARTICLE, "text"]
    return "\n".join([headline, *(" ".join(texts[i : i + 4]) for i in range(0, len(texts), 4))])


def picture(url: str, browser: Browser, name: str, width: int, height: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url)
    read(page, article())
    page.evaluate("document.getElementById('text').scrollTop = 0")
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('main').scrollIntoView()")
    sentence = page.locator(".sentence.against").nth(1 if width > 800 else 0)
    sentence.evaluate("element => element.focus({ preventScroll: true })")
    page.wait_for_selector("#why .ngrams")
    # A palette shows the page as well, in a third of the bytes.
    image = Image.open(io.BytesIO(page.screenshot())).convert("P", palette=Image.Palette.ADAPTIVE, colors=255)
    PICTURES.mkdir(exist_ok=True)
    image.save(PICTURES / f"{name}.png", optimize=True)
    page.close()


def main() -> None:
    if CHROMIUM is None:
        raise SystemExit("no chromium on the PATH; wanted the system's, such as apt-get install chromium")
    with served() as url, chromium() as browser:
        picture(url, browser, "page", 1200, 800)
        picture(url, browser, "page-narrow", 380, 900)
    print(*PICTURES.glob("page*.png"), sep="\n")


if __name__ == "__main__":
    main()
