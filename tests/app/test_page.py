"""The page of `stance serve` in a real browser."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stance.labels import COLORS, SIGNS
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

Read = Callable[["Page", str], None]

ARTICLE = """Report of the day
Moscow condemned the shield as a threat. In report 9, Ottawa asked when the club would meet.

In report 9, Warsaw welcomed the shield as protection. The fair opened on Monday.
In report 9, Tallinn hopes to join the club soon. The shield must be stopped, Moscow warned."""

HOSTILE = {
    "script": '<script>document.title = "run"</script> Moscow <img src=x onerror="document.title=1"> condemned it.',
    "right to left": "\u202eMoscow condemned the shield as a threat.\u202e Warsaw welcomed the shield. \u2067abc שלום",
    "one letter": "a" * 99_000,
    "no words": "\u0000 \ufffe \U0001f680 ...",
    "brackets": "]]> --> {{ 7 * 7 }} ${text} </textarea> &lt;b&gt; Moscow condemned the shield.",
}


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    """What draws the picture of the page for the README."""
    tools = runpy.run_path(str(ROOT / "experiments" / "pictures.py"))
    if tools["CHROMIUM"] is None:
        pytest.skip("no chromium on the PATH")
    return tools


@pytest.fixture(scope="module")
def service(tools: dict[str, Any], tiny_run: Path) -> Iterator[str]:
    with tools["served"]("--model", str(tiny_run)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(tools: dict[str, Any]) -> Iterator[Browser]:
    with tools["chromium"]() as browser:
        yield browser


@pytest.fixture(params=[1280, 380], ids=["wide", "narrow"])
def page(request: pytest.FixtureRequest, service: str, browser: Browser) -> Iterator[Page]:
    """The page in a window, from which nothing outside is requested and in which no script fails."""
    page = browser.new_page(viewport={"width": request.param, "height": 800})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    # Chromium logs an answer of 422, which the page shows; anything else it logs is a fault.
    page.on("console", lambda line: None if "status of 422" in line.text else faults.append(line.text))
    page.on("request", lambda sent: None if sent.url.startswith((service, "data:")) else faults.append(sent.url))
    page.goto(service)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
    assert faults == []


@pytest.fixture
def read(tools: dict[str, Any]) -> Read:
    """Paste a text into the page and wait until it is marked up, or refused."""
    read: Read = tools["read"]
    return read


def rgb(color: str) -> str:
    return "rgb({}, {}, {})".format(*bytes.fromhex(color[1:]))


def test_an_article_is_marked_in_colour_and_sign(page: Page, read: Read) -> None:
    read(page, ARTICLE)
    assert "7 sentences" in page.inner_text("#status")
    assert page.locator("#article p").count() == 4
    for label in ("against", "favor"):
        sentence = page.locator(f".sentence.{label}").first
        assert rgb(COLORS[label]) in sentence.evaluate("element => getComputedStyle(element).boxShadow")
        assert SIGNS[label] in sentence.locator(".badge").inner_text()
        assert label in str(sentence.text_content())
    assert page.locator("#summary tbody tr").count() == 2
    assert "Russia" in page.inner_text("#holders")
    page.check("input[value=club]")
    assert page.locator("#summary tbody tr").count() == 1
    assert "shield" not in page.inner_text("#article .badge").lower()


def test_reasons_come_on_hover_and_by_keyboard_alone(page: Page, read: Read) -> None:
    read(page, ARTICLE)
    page.locator(".sentence", has_text="The fair opened").hover()
    page.wait_for_selector("#why .text")
    assert "none: shield" in page.inner_text("#why").lower().replace("0 ", "")
    page.mouse.move(0, 0)
    page.focus("#text")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('sentence')"):
            break
    first = page.evaluate("document.activeElement.textContent")
    assert first.startswith("Moscow condemned the shield")
    page.locator("#why .text", has_text="Moscow").wait_for()
    assert SIGNS["against"] in page.inner_text("#why .word.against >> nth=0")
    phrases = page.locator("#why .phrases code").all_text_contents()
    assert len(phrases) > 2
    assert any("condemned" in phrase and "TARGET" in phrase for phrase in phrases)
    page.keyboard.press("ArrowRight")
    assert "Ottawa" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Escape")
    assert page.locator("#why .text").count() == 0


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_text(page: Page, read: Read, text: str) -> None:
    read(page, text)
    page.locator(".sentence").first.hover(position={"x": 5, "y": 5})
    page.wait_for_selector("#why .proba")
    page.wait_for_timeout(400)
    assert page.title() == "stance: read an article"
    assert page.locator("#article script, #article img, #why script, #why img").count() == 0
    shown = "".join(page.locator("#article .sentence").all_text_contents())
    assert set("".join(text.split())) <= set(shown)


def test_a_right_to_left_mark_ends_with_its_sentence(page: Page, read: Read) -> None:
    read(page, "\u202eMoscow condemned the shield.\nWarsaw welcomed the shield.")
    assert page.locator(".sentence").last.evaluate("element => getComputedStyle(element).unicodeBidi") == "isolate"
    assert page.locator("#article p").last.evaluate("element => getComputedStyle(element).direction") == "ltr"


@pytest.mark.parametrize(
    "text", ["a" * 1_048_576, "We met. " * 2500], ids=["a megabyte of one letter", "too many sentences"]
)
def test_what_is_too_much_is_said(service: str, browser: Browser, read: Read, text: str) -> None:
    page = browser.new_page()
    page.goto(service)
    read(page, text)
    assert "wanted at most" in page.inner_text("#status")
    assert page.evaluate("getComputedStyle(document.getElementById('status')).color") == "rgb(164, 0, 0)"
    assert page.locator(".sentence").count() == 0
    page.close()
