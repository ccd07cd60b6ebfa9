"""The table of the quality score says itself which degradations the score does not notice well enough."""

from training.management.commands.quality import table


def test_a_row_that_misses_the_reach_says_so():
    row = {
        "part": "size",
        "auc": 0.95,
        "auc_ci": [0.9, 1.0],
        "part_auc": 1.0,
        "part_auc_ci": None,
        "poor": 0.5,
        "undegraded_poor": 0.02,
    }
    rows = [{**row, "degradation": "small"}, {**row, "degradation": "mild", "auc": 0.899}]
    head, line, reached, missed = table({"reach": 0.9, "degradations": rows})
    assert head.count("|") == line.count("|") == reached.count("|")
    assert reached == "| small | 0.950 (0.900-1.000) | yes | size | 1.000 | 50% | 2% |"
    assert "| **no** |" in missed
