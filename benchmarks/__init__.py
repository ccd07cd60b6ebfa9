"""Measurements behind the figures that the documentation quotes: `python -m benchmarks list` (docs/performance.md)."""

NAMES = ("engine", "networks", "stages", "peer", "latency", "scale", "worklist", "first_pixel", "chaos")
# These count what goes wrong, so that other programs on the machine do not matter.
WHENEVER = ("chaos",)
