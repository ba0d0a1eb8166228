"""`stance explain`: why a text has its stance, and what a model goes by."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stance.labels import SIGNS
from stance.report.run_folder import train
from tests.conftest import RunCli, small_settings, write_targets


def test_the_command_shows_signs_and_exact_shares(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    done = cli("explain", "Madrid condemned the shield.", "--model", tiny_run, "--target", "shield", "--top", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("shield: against (against 0.9")
    assert f"condemned[{SIGNS['against']}]" in done.stdout
    assert "\x1b" not in done.stdout
    explanations = json.loads(cli("explain", "Madrid condemned.", "--model", tiny_run, "--json").stdout)
    assert [explanation["target"] for explanation in explanations] == ["shield", "club"]
    for explanation in explanations:
        for shares in (explanation["phrases"], explanation["words"]):
            total = sum(each["share"]["favor"] for each in shares) + explanation["intercept"]["favor"]
            assert total == pytest.approx(explanation["score"]["favor"], abs=1e-9)
    written = cli("explain", "a <b> 🚀", "--model", tiny_run, "--html", "a.html")
    assert written.returncode == 0, written.stderr
    assert "&lt;" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_target_without_labels_is_explained_and_marked(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    targets = write_targets(tmp_path / "mine.toml")
    command = ["explain", "Oslo condemned the tram as a threat.", "--model", str(tiny_run), "--targets", str(targets)]
    done = cli(*command)
    assert "F_avg" in done.stderr
    heads = [line for line in done.stdout.splitlines() if "(against 0." in line or "(against 1." in line]
    assert [head.split(":")[0] for head in heads] == ["shield", "club", "Tram line"]
    assert ["zero-shot" in head for head in heads] == [False, False, True]
    assert "condemned … TARGET" in done.stdout
    explanations = json.loads(cli(*command, "--json").stdout)
    assert [each["labelled"] for each in explanations] == [True, True, False]
    (tram,) = (each for each in explanations if each["target"] == "tram")
    assert (tram["label"], tram["named"]) == ("against", True)
    for target, times in (("tram", 1), ("shield", 0)):
        cli(*command, "--target", target, "--html", "a.html")
        page = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert page.count("zero-shot: the model has no labels of this target") == times


def test_what_would_act_on_the_terminal_is_not_printed(cli: RunCli, tiny_run: Path) -> None:
    done = cli("explain", "the \x1b[31mshield\u202e \x07club", "--model", tiny_run)
    assert done.returncode == 0, done.stderr
    assert not {"\x1b", "\u202e", "\x07"} & set(done.stdout)


def test_the_global_view_counts_in_the_runs_data(cli: RunCli, tiny_run: Path, tiny_csv: Path) -> None:
    rows = json.loads(cli("explain", "--global", "--model", tiny_run, "--target", "shield", "--json").stdout)
    (condemned,) = [row for row in rows if row["phrase"] == "condemned" and row["label"] == "against"]
    assert condemned["target"] == "shield"
    assert [condemned[name] for name in ("texts", "against", "none", "favor", "articles")] == [8, 8, 0, 0, 8]
    assert condemned["most_in"] == ["t0", "t1", "t2"]
    shown = cli("explain", "--global", "--model", tiny_run)
    assert "condemned" in shown.stdout
    alone = cli("explain", "--global", "--model", tiny_run / "model.safetensors")
    assert "the model's data is not at hand" in alone.stderr
    counted = cli("explain", "--global", "--model", tiny_run / "model.safetensors", "--data", tiny_csv)
    assert counted.stdout == shown.stdout


def test_a_runs_data_is_found_again_and_missed_without_harm(cli: RunCli, tiny_csv: Path, tmp_path: Path) -> None:
    table, run = Path(shutil.copy(tiny_csv, tmp_path / "mine.csv")), tmp_path / "run"
    train(small_settings(table), run, n_jobs=1)
    counted = cli("explain", "--global", "--model", run)
    assert "condemned" in counted.stdout
    assert "at hand" not in counted.stderr
    table.unlink()
    alone = cli("explain", "--global", "--model", run)
    assert alone.returncode == 0, alone.stderr
    assert "the model's data is not at hand" in alone.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "either TEXT or --global"),
        (["a", "--global"], "either TEXT or --global"),
        (["--global", "--html", "a.html"], "wanted TEXT with it"),
        (["a", "--data", "a.csv"], "wanted --global with it"),
    ],
)
def test_wrong_usage_is_said(cli: RunCli, args: list[str], message: str) -> None:
    done = cli("explain", *args)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
