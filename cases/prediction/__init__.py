"""What the AI is asked about a photo, who computes it and when, and what is shown of its answer."""
