"""How good a model is, on whom, and how sure of itself it may be."""
