from __future__ import annotations

import sys
import time

import pytest

from stance.app.console import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as a list of one number that can be changed."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_comes_every_30_seconds_with_the_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("predicting") as tick:
        for done in range(1, 26):
            clock[0] += 7.5
            tick(done, 50)
    lines = ["8%", "16% 0:05:15 left", "24% 0:04:45 left", "32% 0:04:15 left", "40% 0:03:45 left", "48% 0:03:15 left"]
    assert capsys.readouterr().err.splitlines() == [f"predicting: {line}" for line in lines]


def test_on_a_terminal_the_bar_has_the_time_left_from_the_first_tenth_on(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.progress import Progress

    shown = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(Progress, "update", lambda bar, task, **fields: shown.append(fields["left"]))
    with progress("training") as tick:
        for done in (0, 1, 2, 10, 20):
            clock[0] = 100 + 6 * done
            tick(done, 20)
    assert shown == ["", "", "0:01:48 left", "0:01:00 left", "0:00:00 left"]
