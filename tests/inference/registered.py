"""Registered versions and comparisons between them, for tests that load no bundle."""

from typing import Any

import pytest
from django.utils import timezone

from inference.models import Comparison, ComparisonState, ModelState, ModelVersion


def every_bundle_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.promotion._check_loads", lambda version: None)


def version(name: str, state: str = ModelState.CANDIDATE) -> ModelVersion:
    return ModelVersion.objects.create(
        name=name,
        path=f"nowhere/{name}",
        sha256=name.ljust(64, "0"),
        classes=["NEV", "MEL"],
        state=state,
        metrics={"test": {"n": 40, "accuracy": 0.71234, "accuracy_ci": [0.6, 0.8]}},
    )


def figure(difference: float, low: float, high: float, n: int = 120) -> dict[str, Any]:
    return {
        "n": n,
        "candidate": 0.9 + difference,
        "candidate_ci": [0.85, 0.95],
        "baseline": 0.9,
        "baseline_ci": [0.85, 0.95],
        "difference": difference,
        "difference_ci": [low, high],
        "pairs": {"both": 100, "candidate_only": 5, "baseline_only": 3, "neither": 12, "mcnemar_p": 0.73},
    }


# (difference, low, high) of the malignant sensitivity, and what it means for a promotion.
PASSES, TOO_FEW, WORSE = (0.02, -0.01, 0.05), (0.0, -0.08, 0.08), (-0.01, -0.04, 0.02)


def compared(
    candidate: ModelVersion,
    baseline: ModelVersion,
    sensitivity: tuple[float, float, float] = PASSES,
    overlap: int | None = 0,
    malignant_n: int = 120,
    **fields: Any,
) -> Comparison:
    """A finished comparison with that difference of the malignant sensitivity."""
    others = ("accuracy", "balanced_accuracy", "malignant_auc", "malignant_specificity")
    figures = {
        "n": 300,
        "patients": 250,
        "classes": ["MEL", "NEV"],
        "with_answers": True,
        "left_out": {},
        "broken": [],
        "malignant_n": malignant_n,
        "malignant_patients": malignant_n,
        "thresholds": {"candidate": 0.2, "baseline": 0.3},
        "overlap": {"candidate": overlap, "baseline": 0},
        "figures": {
            **{name: figure(0.01, -0.02, 0.04) for name in others},
            "malignant_sensitivity": figure(*sensitivity),
        },
    }
    return Comparison.objects.create(
        **{
            "candidate": candidate,
            "baseline": baseline,
            "data": "photos, test",
            "source": "folder:test",
            "manifest_sha256": "f" * 64,
            "n": 300,
            "figures": figures,
            "state": ComparisonState.DONE,
            "finished_at": timezone.now(),
            "by": "Somebody",
            **fields,
        }
    )
