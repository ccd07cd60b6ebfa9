"""The report of a signed case: what it says, how it is printed, and who has been given it."""
