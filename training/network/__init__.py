"""The network: how it is built, from which weights it begins, and how its tail is tuned."""
