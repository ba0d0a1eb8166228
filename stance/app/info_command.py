"""``stance info``: what a model is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stance.app.console import print_json, print_rows
from stance.app.options import Json


def info(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="A run's folder or a model file; default: the bundled model."),
    ] = None,
    json: Json = False,
) -> None:
    """Tell what a model is, what it was trained on, how well it does, and what it is not for."""
    from stance.labels import LABELS
    from stance.model.predictor import BUNDLED, NOT_FOR, load

    predictor = load(model)
    about = predictor.info
    n_features, dtype = len(predictor.scorer.idf), str(predictor.scorer.own.dtype)
    if json:
        facts = {name: value for name, value in asdict(about).items() if name != "training_hashes"}
        print_json({**facts, "n_features": n_features, "dtype": dtype, "not_for": NOT_FOR})
        return
    files = ", ".join(about.settings.get("data", {}).get("files", ())) or "unknown files"
    print(
        f"Model {about.name}: stance toward {len(about.targets)} targets ({', '.join(LABELS)}), linear in TF-IDF\n"
        f"{n_features} features, weights in {dtype}\n\n"
        f"Trained on {files}: {about.n_examples} examples, {about.n_texts} texts of {about.n_groups} articles or groups"
        "\n"
        f"Fingerprint of the examples: {about.fingerprint[:16]}; seed {about.seed}\n"
        f"With {', '.join(f'{name} {version}' for name, version in about.versions.items())}\n"
    )
    rows = [
        [name, title, *about.counts.get(name, ("?",) * len(LABELS)), _score(about.target_scores.get(name))]
        for name, title in zip(about.targets, about.titles, strict=True)
    ]
    print_rows(
        ["target", "title", *(f"n {label}" for label in LABELS), "F_avg"],
        rows,
        "Nested cross-validation that never cuts an article, 95 % intervals",
    )
    print("All targets: " + ", ".join(f"{name} {_score(score)}" for name, score in about.scores.items()) + "\n")
    if about.expected:
        print(f"A target without labels, known by its mentions (zero-shot): F_avg {_score(about.expected)} to expect\n")
    print("\n- ".join(["Not for:", *NOT_FOR]))
    if model is None:
        print(f"\nCard: {BUNDLED / 'MODEL_CARD.md'}")


def _score(score: tuple[float, float, float] | None) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*score) if score else "unknown"
