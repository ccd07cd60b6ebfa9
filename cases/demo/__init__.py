"""Demo data: drawn photos, invented people. Nothing here is, or is taken from, a real patient."""
