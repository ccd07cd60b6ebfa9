"""System checks with a hint that mends."""
