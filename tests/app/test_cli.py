"""The command line as a user meets it: output, files, exit codes, messages."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stance
from stance.errors import StanceError
from stance.model.predictor import load
from tests.conftest import RunCli, heeding_interrupts, run_cli, tiny_rows, write_csv, write_targets

COMMANDS = ["train", "predict", "evaluate", "explain", "read", "map", "info", "serve", "corpus"]

SMALL = """
name = "tiny"
[classifier]
C = [1.0, 10.0]
[evaluation]
folds = 3
inner_folds = 2
resamples = 200
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SMALL)
    return tmp_path / "tiny.toml"


def test_the_whole_way_on_thirty_rows(cli: RunCli, config: Path, tmp_path: Path) -> None:
    rows = tiny_rows()
    write_csv(tmp_path / "thirty.csv", rows[:30])
    write_csv(tmp_path / "new.csv", rows[30:])
    trained = cli("train", config, "--data", "thirty.csv", "--jobs", "1")
    assert trained.returncode == 0, trained.stderr
    assert "30 texts, 3 articles" in trained.stderr
    assert "n = 60 examples of 3 articles" in trained.stdout
    assert "majority label" in trained.stdout
    assert Path(trained.stdout.split("Report: ")[1].strip()).as_posix() == "runs/tiny/report.html"
    evaluated = cli("evaluate", "--model", "runs/tiny", "--data", "new.csv", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    evaluation = json.loads(evaluated.stdout)["evaluation"]
    assert evaluation["n"] == 100
    assert evaluation["f_avg"]["value"] > 0.8
    predicted = cli("predict", "--model", "runs/tiny", "Madrid condemned the shield as a threat.", "--json")
    assert json.loads(predicted.stdout)["shield"] == "against"
    assert predicted.stderr == ""


def test_a_table_in_the_place_of_an_experiment_is_trained_on(cli: RunCli, tmp_path: Path) -> None:
    write_csv(tmp_path / "ours.csv", tiny_rows())
    done = cli("train", "ours.csv", "--folds", "3", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "ours.csv is a table, not an experiment: trains on it, as with --data" in done.stderr
    assert "3-fold cross-validation" in done.stdout
    assert (tmp_path / "runs" / "ours" / "report.html").exists()


def test_labels_are_named_on_the_command_line_and_kept_in_the_run(cli: RunCli, config: Path, tmp_path: Path) -> None:
    names = {"favor": "pro", "against": "con", "none": "neutral"}
    rows = [row | {target: names[row[target]] for target in ("shield", "club")} for row in tiny_rows()]
    write_csv(tmp_path / "words.csv", rows)
    labels = ["--labels", "pro=favor,con=against,Neutral=none"]
    assert "160 examples" in cli("corpus", "check", "words.csv", *labels).stdout
    trained = cli("train", config, "--data", "words.csv", *labels, "--jobs", "1")
    assert trained.returncode == 0, trained.stderr
    assert '[data.labels]\npro = "favor"' in (tmp_path / "runs" / "tiny" / "config.toml").read_text()
    scored = cli("evaluate", "--model", "runs/tiny", "--data", "words.csv", "--allow-seen", *labels)
    assert scored.returncode == 0, scored.stderr
    wrong = cli("corpus", "check", "words.csv", "--labels", "pro=for")
    assert wrong.returncode == 2
    assert "found 'pro=for'; wanted NAME=LABEL" in wrong.stderr


def test_few_articles_take_fewer_folds_and_it_is_said(cli: RunCli, config: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "few.csv", tiny_rows()[:30])  # three articles
    done = cli("train", config, "--data", "few.csv", "--folds", "20", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "cannot be split into 20 folds: takes 3" in done.stderr
    assert "3-fold cross-validation" in done.stdout
    one = cli("train", config, "--data", write_csv(tmp_path / "one.csv", tiny_rows()[:10]), "--jobs", "1")
    assert one.returncode == 1
    assert "target 'club' has 1 articles or groups to split; wanted at least one for each of 2" in one.stderr


def test_defaults_train_on_data_with_doubtful_rows_and_replace_an_older_run(
    cli: RunCli, tiny_run: Path, tmp_path: Path
) -> None:
    rows = tiny_rows()
    write_csv(tmp_path / "mine.csv", [*rows, rows[0] | {"sentence_id": "again", "shield": "favor"}])
    shutil.copytree(tiny_run, tmp_path / "here")
    done = cli("train", "--data", "mine.csv", "--seed", "3", "--jobs", "1", "--out", "here")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "report.html").exists()
    assert 'name = "mine"\nseed = 3\n' in (tmp_path / "here" / "config.toml").read_text()
    assert "2 rows whose text has two labels" in done.stderr
    assert "'favor' for 'again'" in done.stderr
    assert "replaced the older run here\n" in done.stderr
    strict = cli("train", "--data", "mine.csv", "--strict")
    assert (strict.returncode, strict.stdout) == (1, "")


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_a_file_comes_back_with_its_rows_and_columns_and_predictions(
    cli: RunCli, tiny_run: Path, tmp_path: Path, form: str
) -> None:
    frame = pd.DataFrame({"id": ["007", "008", "009"], "text": ["the shield is a threat", "", 'a "quoted", text\nx']})
    writers: dict[str, Callable[[Path], object]] = {
        "csv": lambda path: frame.to_csv(path, index=False),
        "tsv": lambda path: frame.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda path: frame.to_json(path, orient="records", lines=True),
        "parquet": lambda path: frame.to_parquet(path),
    }
    writers[form](tmp_path / f"in.{form}")
    done = cli("predict", "--model", tiny_run, "--input", f"in.{form}", "--output", "out.parquet")
    assert done.returncode == 0, done.stderr
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert list(out) == ["id", "text", "shield", "shield_proba", "club", "club_proba"]
    assert out["id"].tolist() == frame["id"].tolist()
    assert out["text"].tolist() == frame["text"].tolist()
    model = load(tiny_run)
    assert out["shield"].tolist() == model.predict(frame["text"], target="shield").tolist()
    expected = model.predict_proba(frame["text"], target="shield").max(axis=1)
    np.testing.assert_allclose(out["shield_proba"], expected, atol=1e-6)


def test_txt_and_stdin_are_one_text_a_line(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("the shield is a threat\n\nlast line")
    from_file = cli("predict", "--model", tiny_run, "--input", "in.txt", "--output", "-", "--format", "csv")
    from_stdin = cli("predict", "--model", tiny_run, "--input", "-", stdin="the shield is a threat\n\nlast line\n")
    assert from_file.stdout == from_stdin.stdout
    assert len(from_file.stdout.splitlines()) == 4


def test_long_gives_a_row_a_text_and_target_with_every_probability(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    done = cli("predict", "--model", tiny_run, "a shield", "a club", "--long", "--output", "out.csv")
    assert done.returncode == 0, done.stderr
    out = pd.read_csv(tmp_path / "out.csv")
    assert list(out) == ["text", "target", "stance", "against", "none", "favor"]
    assert out[["text", "target"]].to_numpy().tolist() == [
        ["a shield", "shield"], ["a shield", "club"], ["a club", "shield"], ["a club", "club"],
    ]  # fmt: skip
    np.testing.assert_allclose(out[["against", "none", "favor"]].sum(axis=1), 1, atol=1e-5)


def test_a_table_with_targets_is_predicted_for_each_rows_own(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "text,target,stance\nWe hope to join the club soon.,club,against\nWe hope to join the club soon.,shield,\n"
    )
    done = cli("predict", "--model", tiny_run, "--input", "in.csv", "--output", "out.csv")
    assert done.returncode == 0, done.stderr
    out = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert list(out) == ["text", "target", "stance", "stance_pred", "proba"]
    assert out["stance"].tolist() == ["against", ""]
    assert out["stance_pred"].tolist() == ["favor", "none"]


def test_a_column_that_is_there_is_kept_and_the_prediction_gets_a_suffix(
    cli: RunCli, tiny_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("sentence,shield,shield_pred\nthe shield is a threat,mine,too\n")
    done = cli("predict", "--model", tiny_run, "--input", "in.csv", "--text-column", "sentence", "--target", "shield")
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert header == "sentence,shield,shield_pred,shield_pred_pred,shield_proba"
    assert row.startswith("the shield is a threat,mine,too,")


def test_a_target_without_labels_is_predicted_by_its_mentions_and_marked(
    cli: RunCli, tiny_run: Path, tmp_path: Path
) -> None:
    targets = write_targets(tmp_path / "mine.toml")
    texts = ["In report 9, Oslo condemned the tram as a threat.", "In report 9, Oslo welcomed the trams as protection."]
    done = cli("predict", "--model", tiny_run, "--targets", targets, *texts)
    expected = load(tiny_run).info.expected
    assert expected is not None
    assert done.stderr == (
        "tram: zero-shot, without labels of its own; F_avg {:.2f} [{:.2f}, {:.2f}] is to expect\n".format(*expected)
    )
    out = pd.read_csv(io.StringIO(done.stdout))
    assert list(out) == [
        "text", "shield", "shield_proba", "club", "club_proba", "tram_zero_shot", "tram_zero_shot_proba",
    ]  # fmt: skip
    assert out["tram_zero_shot"].tolist() == ["against", "favor"]
    known = pd.read_csv(io.StringIO(cli("predict", "--model", tiny_run, *texts).stdout))
    pd.testing.assert_frame_equal(out[list(known)], known)
    (tmp_path / "in.txt").write_text(texts[0])
    options = ["--input", "in.txt", "--target", "tram", "--long", "--output", "out.jsonl"]
    assert cli("predict", "--model", tiny_run, "--targets", targets, *options).returncode == 0
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert (row["target"], row["stance"]) == ("tram_zero_shot", "against")
    assert row["against"] == out["tram_zero_shot_proba"][0]


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "mine.toml does not exist; wanted targets in TOML"),
        ("", "mine.toml: holds no target"),
        ("[tram", "mine.toml: cannot be used"),
        ("[tram]\nmentions = ['tram']", "missing 1 required positional argument: 'title'"),
        ("[tram]\ntitle = 3", "tram: the title 3 is no text"),
        ("[tram]\ntitle = 'Tram'\nmentions = 'tram'", "tram: 'tram' is no list of terms"),
        ("[tram]\ntitle = 'Tram'\nmentions = [3]", "tram: [3] is no list of terms"),
        ("[tram]\ntitle = 'Tram'\nmentions = ['*']", "target 'tram': ('*',) names nothing"),
        ("[club]\ntitle = 'Club'", "target 'club' is in model 'tiny' already"),
    ],
)
def test_targets_that_cannot_be_used_are_named(
    cli: RunCli, tiny_run: Path, tmp_path: Path, command: str, text: str | None, message: str
) -> None:
    if text is not None:
        write_targets(tmp_path / "mine.toml", text)
    done = cli(command, "a tram", "--model", tiny_run, "--targets", "mine.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["predict"], 2, "wanted either TEXT arguments or --input FILE"),
        (["predict", "x", "--input", "in.csv"], 2, "wanted either TEXT arguments or --input FILE"),
        (
            ["predict", "x", "--target", "bridge"],
            1,
            "target 'bridge' is not in model 'tiny'; wanted 'shield' or 'club'",
        ),
        (["predict", "--input", "none.csv"], 1, "none.csv does not exist"),
        (["predict", "--input", "in.csv"], 1, "found columns words, target; wanted the column 'text'"),
        (["predict", "--input", "in.csv", "--text-column", "words"], 1, "in.csv:3: column 'target': found 'bridge'"),
        (["predict", "--input", "in.csv", "--text-column", "words", "--target", "club"], 1, "drop --target"),
        (["predict", "x", "--output", "out.xlsx"], 1, "ending 'xlsx'; wanted 'txt'"),
        (["predict", "x", "--output", "no/out.csv"], 1, "cannot write"),
        (["predict", "x", "--format", "xml"], 2, "is not one of 'txt', 'csv', 'tsv', 'jsonl'"),
        (["evaluate", "--data", "in.csv"], 1, "wanted the column"),
        (["train", "none.toml"], 1, "none.toml does not exist"),
        (["evaluate", "--data", "in.csv", "--resamples", str(10**12)], 2, "less than or equal to 100000"),
        (["train", "bad.toml"], 2, "bad.toml:1: unknown key 'sed'"),
        (["train", "many.toml"], 2, "many.toml:2: evaluation.resamples = 1000000000000 cannot be used"),
        (["train", "deep.toml"], 2, "deep.toml: not valid TOML: "),
        (["train", "digits.toml"], 2, "digits.toml: not valid TOML: "),
        (
            ["map", "years.csv", "--output", "out"],
            1,
            "years.csv:2: column 'year': found '123456789012345678901234567890'",
        ),
        (["train", "--data", "in.csv", "--jobs", "0"], 2, "wanted -1 or a number of processes"),
        (["train"], 2, "--data FILE"),
        (["read", "none.txt"], 1, "none.txt does not exist"),
        (["map", "in.csv", "--output", "out", "--pattern", "("], 2, "is not a regular expression"),
        (["explain"], 2, "wanted either TEXT or --global"),
        (["info", "none"], 1, "none: no model there"),
        (["bogus"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_ends_in_one_clear_message(
    cli: RunCli, tiny_run: Path, tmp_path: Path, args: list[str], code: int, message: str
) -> None:
    (tmp_path / "in.csv").write_text("words,target\na,club\nb,bridge\n")
    (tmp_path / "bad.toml").write_text("sed = 1\n")
    (tmp_path / "many.toml").write_text("[evaluation]\nresamples = 1000000000000\n")
    (tmp_path / "deep.toml").write_text(f"a = {'[' * 10**5}{']' * 10**5}\n")
    (tmp_path / "digits.toml").write_text(f"seed = {'9' * 5000}\n")
    (tmp_path / "years.csv").write_text("text,actor,year\na,France,123456789012345678901234567890\n")
    if args[0] in ("predict", "evaluate"):
        args = [*args, "--model", str(tiny_run)]
    done = cli(*args)
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out*"))


def test_an_error_is_raised_to_those_who_want_a_traceback(cli: RunCli) -> None:
    with pytest.raises(StanceError, match=r"none\.csv does not exist"):
        cli("--traceback", "predict", "--input", "none.csv")


def test_evaluate_refuses_texts_of_the_training(cli: RunCli, tiny_run: Path, tiny_csv: Path, tmp_path: Path) -> None:
    refused = cli("evaluate", "--model", tiny_run, "--data", tiny_csv)
    assert refused.returncode == 1
    assert "80 of 80 texts were in the model's training" in " ".join(refused.stderr.split())
    warned = cli("evaluate", "--model", tiny_run, "--data", tiny_csv, "--allow-seen")
    assert warned.returncode == 0
    assert "too good" in warned.stderr
    assert "n = 160 examples of 8 articles" in warned.stdout


def test_a_side_without_examples_is_said(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    rows = [row | {"text": f"{row['text']} Again."} for row in tiny_rows() if row["club"] != "favor"]
    write_csv(tmp_path / "new.csv", rows)
    done = cli("evaluate", "--model", tiny_run, "--data", "new.csv")
    assert "No example is labelled 'favor' toward 'club': its F1 is left out of F_avg and macro-F1." in done.stderr
    assert "no example" in done.stdout


def test_corpus_check_prints_every_fault_and_fails(cli: RunCli, tmp_path: Path) -> None:
    rows = tiny_rows()
    rows[0]["shield"], rows[4]["text"] = "yes", ""
    write_csv(tmp_path / "bad.csv", rows)
    done = cli("corpus", "check", "bad.csv")
    assert done.returncode == 1
    assert (
        "bad.csv:2: column 'shield': found 'yes' (line 2, 1 in all); wanted 'against', 'none' or 'favor', or empty"
        in done.stderr
    )
    assert "bad.csv:6: column 'text': found an empty cell; wanted a text" in done.stderr
    assert "2 faults" in done.stderr


@pytest.mark.parametrize("command", [["corpus", "check"], ["train", "three.toml", "--jobs", "1", "--data"]])
def test_what_makes_scores_doubtful_is_said_once(cli: RunCli, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "three.toml").write_text(SMALL)
    rows = [{name: row[name] for name in ("text", "shield", "club")} for row in tiny_rows()]
    rows[0]["text"] = "Москва осудила щит."
    rows += [row | {"text": f"{row['text'][:-1]} today."} for row in rows[1:2]]
    done = cli(*command, write_csv(tmp_path / "a.csv", rows))
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert [note.split(" ")[1:4] for note in notes] == [
        ["2", "articles", "or"], ["no", "column", "'group',"], ["fewer", "than", "30"], ["1", "of", "81"]
    ]  # fmt: skip
    assert "(16 against club, 17 against shield, 16 favor club, 16 favor shield)" in notes[2]


def test_corpus_check_counts_good_data(cli: RunCli, tiny_csv: Path) -> None:
    done = cli("corpus", "check", tiny_csv)
    assert done.returncode == 0
    assert "160 examples: 80 texts, 8 articles" in done.stdout
    assert "shield" in done.stdout


def test_repeated_rows_are_warned_of_beside_torn_ones(cli: RunCli, tmp_path: Path) -> None:
    rows = tiny_rows()
    rows += [rows[0] | {"sentence_id": "torn", "shield": "favor"}, rows[4] | {"sentence_id": "again"}]
    write_csv(tmp_path / "dup.csv", rows)
    (tmp_path / "many.toml").write_text("[evaluation]\nfolds = 50\n")
    for command in (["corpus", "check", "dup.csv"], ["train", "many.toml", "--data", "dup.csv"]):
        stderr = cli(*command).stderr
        assert stderr.count("1 rows with the text and labels of an earlier one (first: line 83, as dup.csv:6)") == 1
        assert "'favor' for 'torn'" in stderr


def test_what_is_replaced_is_said(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\na shield\n")
    for args in (["a shield"], ["--input", "in.csv"]):
        command = ["predict", "--model", str(tiny_run), *args, "--output", f"{len(args)}.csv"]
        assert "replaced" not in cli(*command).stderr
        done = cli(*command).stderr
        assert "replaced 1.csv\n" in done or ": 2.csv (replaced); shield" in done.splitlines()[-1]


def test_predict_read_and_map_end_with_a_line_on_what_was_done(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    texts = ["Moscow condemned the shield as a threat", "Warsaw hopes to join the club soon", "It rained on Monday"]
    (tmp_path / "RUS_1_2008.txt").write_text(".\n\n".join(texts))
    (tmp_path / "in.csv").write_text("\n".join(["text", *texts, "Москва осудила щит"]))
    model = ["--model", str(tiny_run)]
    for command, start, end in (
        (["predict", "--input", "in.csv", "--output", "out.csv"], "4 rows in",
         "out.csv; shield 25% against, 75% none; "),
        (["read", "RUS_1_2008.txt"], "3 sentences in", "standard output; shield 33% against, 67% none; "),
        (["map", "RUS_1_2008.txt", "--output", "map"], "1 documents, 3 sentences, 2 of which take a side in",
         "map; shield 33% against, 67% none; "),
    ):  # fmt: skip
        done = cli(*command, *model)
        assert done.returncode == 0, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith(start)
        assert f" s: {end}club " in last
        assert ("1 of 4 texts seem not to be English" in done.stderr) == (command[0] == "predict")


def test_a_stance_less_probable_than_asked_for_is_unsure(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    texts = ["the shield is a threat", "It rained on Monday"]
    (tmp_path / "in.csv").write_text("\n".join(["text", *texts]))
    model = load(tiny_run)
    surest = model.predict_proba(texts).max(axis=2)
    least = float(surest.max()) - 1e-5
    done = cli("predict", "--model", tiny_run, "--input", "in.csv", "--output", "out.csv", "--min-proba", str(least))
    out = pd.read_csv(tmp_path / "out.csv")
    for t, target in enumerate(model.targets):
        sure = model.predict(texts, target=target)
        expected = [s if p >= least else "unsure" for s, p in zip(sure, surest[:, t], strict=True)]
        assert out[target].tolist() == expected
    assert "unsure" in done.stderr
    assert cli("predict", "--min-proba", "2", "x").returncode == 2


@pytest.mark.parametrize(
    ("out", "message"),
    [("thesis", "exists and is not a run"), ("thesis/a.txt/run", "cannot write thesis/a.txt/run: ")],
)
def test_out_that_cannot_be_written_is_refused_before_any_work(
    cli: RunCli, config: Path, tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, message: str
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.txt").write_text("x")
    monkeypatch.setattr("stance.report.run_folder.fit", None)
    done = cli("train", config, "--data", tiny_csv, "--out", out)
    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_leaves_the_old_run_whole(config: Path, tiny_csv: Path, tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")
    before = (tmp_path / "runs" / "tiny" / "metrics.json").read_bytes()
    config.write_text(SMALL.replace("resamples = 200", "resamples = 100000"))
    command = [sys.executable, "-m", "stance", "train", str(config), "--data", str(tiny_csv), "--jobs", "1"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=heeding_interrupts
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the data is read, the training begins
        os.kill(process.pid, signal.SIGINT)
        rest = process.stderr.read().decode()
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert (tmp_path / "runs" / "tiny" / "metrics.json").read_bytes() == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli: RunCli, command: str) -> None:
    assert command in cli("--help").stdout
    done = cli(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_a_process_prints_data_on_stdout_and_all_else_on_stderr(tiny_run: Path, tmp_path: Path) -> None:
    assert run_cli("--version", cwd=tmp_path).stdout == f"stance-detect {stance.__version__}\n"
    done = run_cli("predict", "--model", tiny_run, "a text", cwd=tmp_path)
    assert done.stdout.splitlines()[0] == "text,shield,shield_proba,club,club_proba"
    assert "\x1b" not in done.stdout + done.stderr
    failed = run_cli("predict", "--input", "none.csv", cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: none.csv does not exist")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_output_that_takes_nothing_is_a_failure(tiny_run: Path) -> None:
    command = [sys.executable, "-m", "stance", "info", str(tiny_run), "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # the reader of the pipe has gone
        assert process.stderr.read() == b""
    assert process.returncode == 1
