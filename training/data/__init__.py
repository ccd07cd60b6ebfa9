"""Photos to learn from and to be judged on: where they come from, and which condition each is held to show."""
