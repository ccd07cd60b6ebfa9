"""What pages show of a model, a training run and a comparison. Nothing here loads a training library."""
