from __future__ import annotations

import html
import itertools
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stance.labels import LABELS
from stance.report.run_files import model_card
from stance.report.run_folder import train
from stance.training.fitting import Training
from tests.conftest import RunCli, small_settings, tiny_rows, write_csv


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, str]:
    """A training whose every seventh row has another side and hostile words, and its report.html."""
    folder = tmp_path_factory.mktemp("mislabelled")
    rows = [row | {"article_id": f"<i>{row['article_id']}"} for row in tiny_rows()]
    for row in rows[::7]:
        row["text"] = f"\N{ROCKET} <b onclick=x()> {row['text']} <script>alert(1)</script>"
        row["shield"] = "favor" if row["shield"] != "favor" else "against"
    rows = rows[::2] + rows[1::2]  # no article in one piece
    training, run = train(small_settings(write_csv(folder / "a.csv", rows)), folder / "run", n_jobs=1)
    return training, (run / "report.html").read_text(encoding="utf-8")


def errors_of(training: Training) -> pd.DataFrame:
    return training.predictions[training.predictions["stance"] != training.predictions["predicted"]]


def test_the_report_is_one_file_with_nothing_from_outside_and_escapes_the_data(
    mislabelled: tuple[Training, str],
) -> None:
    _, page = mislabelled
    assert len(re.findall("<script", page)) == 2
    assert "alert(1)" not in re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert "<i>" not in page
    assert "http" not in page
    assert page.count("data:image/png;base64,") == 6


def test_every_error_is_in_the_report_with_its_marks_and_its_articles_sentences(
    mislabelled: tuple[Training, str],
) -> None:
    training, page = mislabelled
    data = json.loads(re.findall(r'id="error-data">(.*?)</script>', page, re.DOTALL)[0])
    errors = errors_of(training)
    assert len(data["errors"]) == len(errors) >= 5
    assert sorted(training.marks) == errors.index.tolist()
    surest: Any = errors[list(LABELS)].max(axis=1).idxmax()
    error: Any = errors.loc[surest]
    sentence, target, gold, predicted, proba, marks = data["errors"][0]
    name, text, article = data["sentences"][sentence]
    assert (name, text, article) == (error["sentence_id"], error["text"], error["article"])
    assert (data["labels"][gold], data["labels"][predicted]) == (error["stance"], error["predicted"])
    assert training.corpus.targets[target].title == data["targets"][target] == error["target"]
    assert proba == error[list(LABELS)].astype(float).round(2).tolist()
    assert [(start, end, push) for start, end, _, _, push in marks] == [
        (start, end, round(push, 2)) for start, end, _, push in training.marks[surest]
    ]
    assert marks
    assert {shade for *_, shade, _ in marks} <= {1, 2, 3, 4}
    by_article = [sentence[2] for sentence in data["sentences"]]
    assert by_article == sorted(by_article)  # so neighbours in the list are neighbours in an article
    ids = training.predictions.loc[training.predictions["article"] == article, "sentence_id"].unique().tolist()
    assert [name for name, _, each in data["sentences"] if each == article] == ids


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium in the PATH")
def test_the_error_browser_filters_and_marks_in_a_browser(mislabelled: tuple[Training, str], tmp_path: Path) -> None:
    training, report = mislabelled
    use = (
        "<script>const form = document.getElementById('error-filter'); form.elements.gold.value = '2';"
        "form.elements.words.value = '\N{ROCKET}'; form.dispatchEvent(new Event('input'));"
        "document.querySelector('#error-list details').open = true;</script></body>"
    )
    page = tmp_path / "page.html"
    page.write_text(report.replace("</body>", use), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=60)
    errors = errors_of(training)
    shown = errors[(errors["stance"] == "favor") & errors["text"].str.startswith("\N{ROCKET}")]
    assert len(shown) > 0
    assert f"{len(shown)} of {len(errors)} errors, {min(25, len(shown))} shown" in done.stdout
    assert "<b onclick" not in done.stdout
    cards = re.findall(r'<p class="marked".*?</p>', done.stdout, re.DOTALL)
    marked = [re.findall(r"<mark[^>]*>(.*?)<sup>", card) for card in cards]
    words = {text[start:end] for i, text in shown["text"].items() for start, end, _, _ in training.marks[int(str(i))]}
    assert set(map(html.unescape, itertools.chain.from_iterable(marked))) == words
    assert "Words that pushed: " in done.stdout
    (context,) = re.findall(r"From &lt;i&gt;(t\d):</p><ul>(.*?)</ul>", done.stdout, re.DOTALL)
    assert 3 <= context[1].count("<li") <= 5
    assert context[1].count('aria-current="true"') == 1
    assert len(set(re.findall(r"In report (\d)", context[1]))) == 1


def test_warnings_are_printed_and_in_the_report_and_the_card(cli: RunCli, tmp_path: Path) -> None:
    """Labels are shuffled, so a baseline is as good, and none is neutral toward the shield."""
    rows = tiny_rows()
    labels = [(row["shield"].replace("none", ""), row["club"]) for row in rows]
    for row, k in zip(rows, np.random.default_rng(3).permutation(len(rows)), strict=True):
        row["shield"], row["club"] = labels[k]
    settings = small_settings(write_csv(tmp_path / "a.csv", rows), classifier__class_weight="none")
    (tmp_path / "a.toml").write_text(settings.to_toml())
    done = cli("train", "a.toml", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    for message in (
        "By cross-validation this model is worse than the baseline",
        "No example is labelled 'none' toward 'shield': its F1 is left out of F_avg and macro-F1",
    ):
        assert f"warning: {message}" in done.stderr
        for name in ("report.html", "MODEL_CARD.md"):
            assert message in html.unescape((tmp_path / "runs" / "tiny" / name).read_text("utf-8")), name


def test_the_tables_of_the_card_escape_their_own_sign(mislabelled: tuple[Training, str]) -> None:
    training, _ = mislabelled
    targets = tuple(replace(target, title=f"{target.title}|x") for target in training.corpus.targets)
    card = model_card(replace(training, corpus=replace(training.corpus, targets=targets)))
    assert "| target | against | none | favor |\n| --- | --- | --- | --- |\n| shield\\|x | " in card
    assert "| system | F_avg | mean of targets | macro-F1 |\n| --- | --- | --- | --- |\n| stance | 0." in card
    assert "\n\n\n" not in card


def test_the_card_holds_no_tag_and_no_line_of_the_data(mislabelled: tuple[Training, str]) -> None:
    training, _ = mislabelled
    title, definition = "<img src=x onerror=x()>\n\n# Shield & sword", "<script>x()</script>"
    targets = tuple(replace(target, title=title, definition=definition) for target in training.corpus.targets)
    card = model_card(replace(training, corpus=replace(training.corpus, targets=targets)))
    assert "<" not in card
    assert "- `shield`: &lt;img src=x onerror=x()> # Shield &amp; sword. &lt;script>x()&lt;/script>\n" in card
