"""Two models beside each other, on a test set or on new photos."""
