"""Which cases wait, how urgently and for how long, and what needs a look besides."""
