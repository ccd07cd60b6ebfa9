"""From checked photos to a bundle with its figures and its card."""
