"""The checks of a photo itself (quality, likeness, no lesion at all): how they are fitted, and how well they work."""
