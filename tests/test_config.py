from __future__ import annotations

from pathlib import Path

import pytest

from stance.errors import ConfigError, StanceError
from stance.settings import Settings, read_settings

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_default_toml_spells_out_the_built_in_defaults() -> None:
    default = read_settings(EXPERIMENTS / "default.toml")
    assert default.changed(data__files=[], data__splits="") == Settings()


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_is_valid_and_named_after_its_file(path: Path) -> None:
    assert read_settings(path).name == path.stem


def test_toml_round_trip(tmp_path: Path) -> None:
    settings = Settings().changed(seed=7, classifier__class_weight="none", features__own_weight=0.0)
    assert read_settings(write(tmp_path / "a.toml", settings.to_toml())) == settings


def test_data_files_are_relative_to_the_config(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path / "a.toml", '[data]\nfiles = ["x.csv"]\n'))
    assert settings.data.files == [str((tmp_path / "x.csv").resolve())]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1\n", r"a\.toml:1: unknown key 'sed'; known here: name, seed"),
        (
            "seed = 1\n\n[classifier]\nkernel = 'rbf'\n",
            r"a\.toml:4: unknown key 'classifier\.kernel'; known here: C",
        ),
        ("[clasifier]\n", r"a\.toml:1: unknown key 'clasifier'"),
        ("seed = 'x'\n", r"a\.toml:1: seed = 'x' cannot be used"),
        ("[classifier]\nC = [1.0, -2.0]\n", r"a\.toml:2: classifier\.C\.1 = -2\.0 cannot be used"),
        ("[classifier]\nC = [3.0, 1.0]\n", "ascending"),
        ("[features]\nown_weight = -1.0\n", r"a\.toml:2: features\.own_weight = -1\.0 cannot be used"),
        ("[classifier]\nclass_weight = 'equal'\n", "'balanced' or 'none'"),
        ("[evaluation]\nfolds = 1\n", r"evaluation\.folds = 1 cannot be used"),
        ("seed = = 1\n", "not valid TOML"),
    ],
    ids=["key", "nested-key", "section", "type", "negative", "order", "weight", "choice", "folds", "syntax"],
)
def test_a_bad_setting_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(write(tmp_path / "a.toml", text))


def test_every_bad_setting_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)'one'.*'two'"):
        read_settings(write(tmp_path / "a.toml", "one = 1\ntwo = 2\n"))


def test_a_missing_config_says_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(StanceError, match=r"does not exist; wanted an experiment in TOML"):
        read_settings(tmp_path / "none.toml")


def test_a_binary_config_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML: 'utf-8' codec can't decode byte 0xff"):
        read_settings(tmp_path / "a.toml")


def test_an_experiment_can_state_its_differences_to_another(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(
        tmp_path / "sub" / "a.toml", "name = 'a'\n[data]\nfiles = ['x.csv']\n[features]\nmin_df = 7\nnb_power = 0.1\n"
    )
    settings = read_settings(write(tmp_path / "b.toml", "name = 'b'\nbase = 'sub/a.toml'\n[features]\nmin_df = 2\n"))
    assert (settings.name, settings.features.min_df, settings.features.nb_power) == ("b", 2, 0.1)
    assert settings.data.files == [str((tmp_path / "sub" / "x.csv").resolve())]


@pytest.mark.parametrize("base", ["'a.toml'", "3"])
def test_a_base_that_cannot_be_is_said(tmp_path: Path, base: str) -> None:
    with pytest.raises(ConfigError, match=r"base = .* cannot be used: wanted another experiment's file"):
        read_settings(write(tmp_path / "a.toml", f"base = {base}\n"))
