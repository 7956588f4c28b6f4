"""`thalweg show`: what a model file holds."""

from typing import Any

import click

from thalweg.cli.options import as_json, print_json


@click.command("show", short_help="Show what a model holds.")
@click.argument("model")
@click.option("--top", type=click.IntRange(min=1), default=30, show_default=True, help="Strongest columns to list.")
@click.option("--all", "every", is_flag=True, help="List every column.")
@as_json
def command(model: str, top: int, every: bool, json_: bool) -> None:
    """Show MODEL: coefficients with odds ratios, recipe, outcome, certificate, data and options."""
    from thalweg.model_file import load

    shown = load(model)
    if json_:
        print_json(described(shown))
    else:
        from thalweg.report import model_report, show

        show(model_report(shown, len(shown.coef) if every else top))


def described(model: Any) -> dict[str, Any]:
    """What `show --json` prints."""
    from dataclasses import asdict
    from math import exp

    coefficients = [
        {
            "name": name,
            "coef": float(raw),
            "odds_ratio": exp(raw) if raw < 700 else None,
            "standardized_coef": float(scaled),
        }
        for name, raw, scaled in zip(model.feature_names, model.coef, model.standardized_coef, strict=True)
    ]
    return {
        "outcome": model.outcome.name.lower(),
        "sentence": model.sentence,
        "objective": model.objective,
        "certificate": asdict(model.certificate),
        "classes": list(model.classes),
        "intercept": model.intercept,
        "standardized_intercept": model.standardized_intercept,
        "coefficients": coefficients,
        "recipe": model.recipe.to_dict(),
        "notes": list(model.notes),
        "method": model.method,
        "method_reason": model.reason,
        "steps": model.steps,
        "passes": model.passes,
        "seconds": model.seconds,
        "rows": model.rows,
        "columns": model.columns,
        "holdout": model.holdout,
        "progressive": model.progressive,
        "options": dict(model.options),
        "data": dict(model.data),
        "versions": dict(model.versions),
    }
