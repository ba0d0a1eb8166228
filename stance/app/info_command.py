"""``stance info`` and ``stance export``: what a model is, and a smaller one of it."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from stance.app.console import print_json, print_rows, say
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
    n_ngrams, dtype = len(predictor.scorer.idf), str(predictor.scorer.weights.dtype)
    if json:
        facts = {name: value for name, value in asdict(about).items() if name != "training_hashes"}
        print_json({**facts, "n_ngrams": n_ngrams, "dtype": dtype, "not_for": NOT_FOR})
        return
    files = ", ".join(about.settings.get("data", {}).get("files", ())) or "unknown files"
    print(
        f"Model {about.name}: stance toward {len(about.targets)} targets ({', '.join(LABELS)}), linear in TF-IDF\n"
        f"{n_ngrams} n-grams, weights in {dtype}\n\n"
        f"Trained on {files}: {about.n_examples} examples, {about.n_texts} texts of {about.n_groups} articles or groups"
        "\n"
        f"Fingerprint of the examples: {about.fingerprint[:16]}; seed {about.seed}\n"
        f"With {', '.join(f'{name} {version}' for name, version in about.versions.items())}\n"
    )
    rows = [
        [name, title, *map(str, about.counts.get(name, ("?",) * len(LABELS))), _score(about.target_scores.get(name))]
        for name, title in zip(about.targets, about.titles, strict=True)
    ]
    print_rows(
        ["target", "title", *(f"n {label}" for label in LABELS), "F_avg"],
        rows,
        "Nested cross-validation that never cuts an article, 95 % intervals",
    )
    print("All targets: " + ", ".join(f"{name} {_score(score)}" for name, score in about.scores.items()) + "\n")
    print("\n- ".join(["Not for:", *NOT_FOR]))
    if model is None:
        print(f"\nCard: {BUNDLED / 'MODEL_CARD.md'}")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder or its model.safetensors.")],
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Where to write, such as small.safetensors.")
    ],
    prune: Annotated[
        float,
        typer.Option("--prune", metavar="FRACTION", min=0, max=0.99, help="Leave out the n-grams of least weight."),
    ] = 0.0,
    dtype: Annotated[
        Literal["float16", "float32", "float64"], typer.Option("--dtype", help="Type of the weights.")
    ] = "float32",
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="Tables to measure the loss on; default: the run's own."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a smaller model and print what it loses: size, labels that differ, F_avg."""
    from stance.data.corpus import data_of
    from stance.errors import StanceError
    from stance.model.predictor import Model, load
    from stance.model.scorer import pruned, rounded
    from stance.training.evaluation import compare_models

    if output.suffix != ".safetensors":
        raise typer.BadParameter("wanted a name that ends in .safetensors", param_hint="--output")
    model = load(run)
    corpus = data_of(run, data or [], targets=model.targets)
    if corpus is None:
        raise StanceError(
            f"{run} does not say what it was trained on; wanted the tables to measure the loss on (--data FILE)"
        )
    smaller = Model(rounded(pruned(model.scorer, prune), dtype), model.info, temperature=model.temperature)
    smaller.save(output)
    loss = compare_models(smaller, model, corpus)
    facts = {"file": str(output), "bytes": output.stat().st_size, "n_ngrams": len(smaller.scorer.idf), **asdict(loss)}
    if json:
        print(json_text.dumps(facts, indent=1))
        return
    print(f"{output}: {facts['bytes'] / 1e6:.2f} MB, {facts['n_ngrams']} of {len(model.scorer.idf)} n-grams, {dtype}")
    print(f"Labels that differ: {loss.disagreement:.2%} of {loss.n_texts} texts x {len(model.targets)} targets")
    change = loss.f_avg - loss.f_avg_before
    print(f"F_avg on these {loss.n} examples: {loss.f_avg:.4f}, before {loss.f_avg_before:.4f} ({change:+.4f})")
    say("it was trained on them unless --data named others: compare the two numbers, believe neither", style="dim")


def _score(score: tuple[float, float, float] | None) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*score) if score else "unknown"
