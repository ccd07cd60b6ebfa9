"""One photo as bytes and pixels: what it is, what is wrong with it, what is kept of it. Knows no case and no row."""
