"""A training run, from what was asked for to a registered candidate."""
