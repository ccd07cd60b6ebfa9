"""Whose word a case's label is."""

import pytest

from cases.reading.labels import Label, LabelSource, Said, label_of

BIOPSY, ARBITRATION, TWO, ONE = LabelSource.BIOPSY, LabelSource.ARBITRATION, LabelSource.TWO_READS, LabelSource.ONE_READ
UNCONFIRMED, DISPUTED = LabelSource.UNCONFIRMED, LabelSource.DISPUTED


def read(reader: str, code: str, ai: str | None = None, kind: str = "first", blind: str | None = None) -> Said:
    """A signed read; `ai` is what the model said that the reader saw, `blind` the reader's opinion before that."""
    return Said(reader, code, kind, blind, ai)


@pytest.mark.parametrize(
    ("outcome", "reads", "expected"),
    [
        (None, [], None),
        (None, [read("ann", "NEV")], ("NEV", ONE)),
        (None, [read("ann", "NEV", ai="NEV")], ("NEV", ONE)),
        # The biopsy outranks them all, also where every reader said something else.
        ("MEL", [read("ann", "NEV"), read("ben", "NEV")], ("MEL", BIOPSY)),
        ("MEL", [read("ann", "NEV"), read("ben", "BCC"), read("eve", "BCC", kind="arbitration")], ("MEL", BIOPSY)),
        # An arbitration outranks the readers, also two who agree and one who reads again afterwards.
        (None, [read("ann", "NEV"), read("ben", "BCC"), read("eve", "MEL", kind="arbitration")], ("MEL", ARBITRATION)),
        (None, [read("ann", "NEV"), read("eve", "BCC", kind="arbitration"), read("ben", "NEV")], ("BCC", ARBITRATION)),
        # ... but for the arbiter, who may correct the own word.
        (
            None,
            [
                *(read("ann", "NEV"), read("ben", "MEL"), read("eve", "BCC", kind="arbitration")),
                *(read("ann", "MEL", kind="correction"), read("eve", "SCC", kind="correction")),
            ],
            ("SCC", ARBITRATION),
        ),
        # Two readers who agree outrank a third, in whatever order.
        (None, [read("ann", "NEV"), read("ben", "NEV")], ("NEV", TWO)),
        (None, [read("ann", "NEV"), read("ben", "MEL"), read("eve", "NEV")], ("NEV", TWO)),
        (None, [read("ann", "NEV"), read("ben", "NEV"), read("eve", "MEL")], ("NEV", TWO)),
        (None, [read("ann", "NEV", ai="MEL"), read("ben", "NEV", ai="MEL")], ("NEV", TWO)),
        # One reader twice is one reader; the last word counts.
        (None, [read("ann", "NEV"), read("ann", "NEV")], ("NEV", ONE)),
        (None, [read("ann", "NEV"), read("ann", "MEL")], ("MEL", UNCONFIRMED)),
        (None, [read("ann", "NEV"), read("ben", "NEV"), read("ann", "MEL")], ("MEL", DISPUTED)),
        # A correction that somebody confirmed is no longer one.
        (None, [read("ann", "NEV"), read("ann", "MEL"), read("ben", "MEL")], ("MEL", TWO)),
        # Against the AI that the reader saw; what a reader did not see was not corrected.
        (None, [read("ann", "MEL", ai="NEV")], ("MEL", UNCONFIRMED)),
        (None, [read("ann", "MEL", ai=None)], ("MEL", ONE)),
        # An opinion formed blind and kept is none, whatever the AI said; one that the AI moved is.
        (None, [read("ann", "MEL", ai="NEV", blind="MEL")], ("MEL", ONE)),
        (None, [read("ann", "NEV", ai="NEV", blind="MEL")], ("NEV", UNCONFIRMED)),
        (None, [read("ann", "NEV"), read("ben", "MEL")], ("MEL", DISPUTED)),
        (
            None,
            [read("ann", "NEV"), read("ben", "NEV"), read("eve", "MEL"), read("joe", "MEL")],
            ("MEL", DISPUTED),
        ),
    ],
)
def test_precedence(outcome, reads, expected):
    assert label_of(outcome, reads) == (None if expected is None else Label(*expected))
