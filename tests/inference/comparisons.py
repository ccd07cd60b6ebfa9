"""Comparisons as `compare` stores them, for tests."""

from typing import Any

from inference.models import Comparison, ModelVersion


def comparison(
    candidate: ModelVersion, baseline: ModelVersion, *, candidate_finds: float = 0.93, malignant: int = 60
) -> Comparison:
    """On 141 photos; the baseline finds 0.9 of the cancers."""
    row: dict[str, Any] = {"candidate": 0.8, "baseline": 0.78, "difference": 0.02, "difference_ci": [-0.01, 0.05]}
    found = {**row, "candidate": candidate_finds, "baseline": 0.9, "difference": candidate_finds - 0.9}
    names = ("accuracy", "balanced_accuracy", "malignant_auc", "malignant_specificity")
    figures = {**dict.fromkeys(names, row), "malignant_sensitivity": found}
    return Comparison.objects.create(
        candidate=candidate,
        baseline=baseline,
        data="drawn, val",
        manifest_sha256="0" * 64,
        figures={"n": 141, "patients": 100, "malignant_n": malignant, "figures": figures},
        by="somebody",
    )
