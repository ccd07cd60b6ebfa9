"""A difference with its interval as a small drawing: where zero is, and where the margin of the gate."""

from dataclasses import dataclass

WIDTH, HALF_SPAN = 200.0, 0.2  # units of the drawing; what lies further out is cut at its edge


@dataclass(frozen=True)
class Interval:
    """Places from left to right in a drawing of WIDTH."""

    low: float
    middle: float
    high: float
    zero: float
    margin: float | None
    cut_low: bool
    cut_high: bool

    @property
    def length(self) -> float:
        return round(self.high - self.low, 1)


def drawn(difference: float | None, interval: list[float] | None, margin: float | None = None) -> Interval | None:
    """None where there is no figure or no interval."""
    if difference is None or not interval:
        return None
    low, high = interval
    return Interval(
        low=_place(low),
        middle=_place(difference),
        high=_place(high),
        zero=_place(0),
        margin=None if margin is None else _place(-margin),
        cut_low=low < -HALF_SPAN,
        cut_high=high > HALF_SPAN,
    )


def _place(value: float) -> float:
    inside = max(-HALF_SPAN, min(HALF_SPAN, value))
    return round(WIDTH * (inside + HALF_SPAN) / (2 * HALF_SPAN), 1)
