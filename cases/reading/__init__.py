"""What a reader needs to read a case, what they say of it, and what it is held to be from then on."""
