"""One experiment as typed settings, read from TOML; anything unknown is an error."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from stance.errors import ConfigError, existing_file

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# A line of TOML that begins a section or sets a key.
_SETS = re.compile(r"""\s*(?:\[\s*(?P<section>[^\[\]]+?)\s*\]|["']?(?P<key>[\w.-]+)["']?\s*=)""")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataSettings(_Section):
    """Which tables to train on.

    `labels` gives the label of each name that the tables have for it, such as ``{pro = "favor"}``. `weights` says what
    an example of each table counts in training, 1 where it is empty. `targets` empty means every target they hold.
    `splits` names a table (`group`, `part`) whose groups of part ``test`` are kept out of training. `about` names the
    file with the targets' titles, mentions and lexicons; empty means `targets.toml` beside the first table.
    """

    files: list[str] = []
    labels: dict[str, Literal["against", "none", "favor"]] = {}
    weights: list[Positive] = []
    targets: list[str] = []
    splits: str = ""
    about: str = ""


class FeatureSettings(_Section):
    """TF-IDF of anchored and of own features; a weight of 0 switches a kind off."""

    min_df: Annotated[int, Field(ge=1)] = 3
    anchored_weight: Weight = 1.0
    own_weight: Weight = 1.0
    nb_power: Weight = 0.5
    max_features: Annotated[int, Field(ge=0)] = 0


class ClassifierSettings(_Section):
    """The linear classifier; `C` is the grid that cross-validation chooses from, `base` the model to start from.

    `base` is a run's folder, a model file, or "bundled"; empty starts from nothing.
    """

    C: Annotated[list[Positive], Field(min_length=1)] = [5.0, 20.0]
    class_weight: Literal["balanced", "none"] = "balanced"
    base: str = ""

    @field_validator("C")
    @classmethod
    def _ascending(cls, value: list[float]) -> list[float]:
        if value != sorted(set(value)):
            raise ValueError("wanted ascending values, each once")
        return value


class EvaluationSettings(_Section):
    """Nested cross-validation and the resampling behind every interval; more resamples would fill the memory."""

    folds: Annotated[int, Field(ge=2)] = 5
    inner_folds: Annotated[int, Field(ge=2)] = 2
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 2000


class Settings(_Section):
    """A whole experiment. Every value has a default, so a file states differences only."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "default"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: DataSettings = DataSettings()
    features: FeatureSettings = FeatureSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    def to_toml(self) -> str:
        """Return the settings as TOML, every value spelled out."""
        return tomli_w.dumps(self.model_dump())

    def adapted(self, base: str) -> Settings:
        """Return the settings to train from another model: near its weights, every example counting the same."""
        return self.changed(
            classifier__base=base, classifier__class_weight="none", classifier__C=[0.3, 1.0, 3.0, 10.0, 30.0]
        )

    def changed(self, **values: Any) -> Settings:
        """Return a copy with other values; dotted names as ``data__files``."""
        tree = self.model_dump()
        for key, value in values.items():
            section, _, name = key.rpartition("__")
            (tree[section] if section else tree)[name] = value
        return _validated(tree, "settings", "")


def read_settings(path: str | Path) -> Settings:
    """Read an experiment; data files in it are taken relative to the file itself.

    With ``base = "FILE"`` it states its differences to that experiment instead of to the defaults.
    Raises a StanceError if there is no such file, a ConfigError if it is not TOML, or a key is unknown, of a
    wrong type or of an impossible value; every such key is named with its line.
    """
    return _read(Path(path), ())


def with_whole_paths(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values of a `[data]` section, its files taken relative to a folder."""

    def whole(value: Any) -> Any:
        return [whole(file) for file in value] if isinstance(value, list) else value and str((folder / value).resolve())

    return data | {key: whole(data[key]) for key in ("files", "splits", "about") if key in data}


def _read(path: Path, above: tuple[Path, ...]) -> Settings:
    path = existing_file(path, "an experiment in TOML, such as experiments/default.toml")
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    base = tree.pop("base", "")
    if not isinstance(base, str) or path.resolve() in above:
        raise ConfigError(f"{path}: base = {base!r} cannot be used: wanted another experiment's file, not its own")
    own = _validated(tree, str(path), text).model_dump(exclude_unset=True)
    if "data" in own:
        own["data"] = with_whole_paths(own["data"], path.parent)
    if not base:
        return _validated(own, str(path), text)
    merged = _read(path.parent / base, (*above, path.resolve())).model_dump()
    for key, value in own.items():
        merged[key] = merged[key] | value if isinstance(value, dict) else value
    return _validated(merged, str(path), text)


def _validated(tree: dict[str, Any], source: str, text: str) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_problem(item, source, text) for item in error.errors())) from None


def _problem(item: ErrorDetails, source: str, text: str) -> str:
    line = _line_of(".".join(name for name in item["loc"] if isinstance(name, str)), text)
    position = f"{source}:{line}" if line else source
    key = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        section = type(getattr(Settings(), str(item["loc"][0]))) if len(item["loc"]) > 1 else Settings
        return f"{position}: unknown key {key!r}; known here: {', '.join(section.model_fields)}"
    return f"{position}: {key} = {item['input']!r} cannot be used: {item['msg'].removeprefix('Value error, ')}"


def _line_of(key: str, text: str) -> int | None:
    """Find the line that sets a key or begins a section, for the plain TOML people write by hand."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _SETS.match(line):
            section = match["section"] or section
            if ".".join(filter(None, (section, match["key"]))) == key:
                return number
    return None
