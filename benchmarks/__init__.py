"""Measurements behind the figures that the documentation quotes: `python -m benchmarks list` (docs/performance.md)."""

NAMES = ("engine", "stages", "peer", "latency", "scale", "worklist", "first_pixel")
