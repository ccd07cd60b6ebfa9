"""What the command line tells every benchmark."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`run(options)` of each benchmark takes these."""

    quick: bool = False  # tiny sizes, to see that the benchmark works
    say: Callable[[str], object] = lambda text: None  # progress, for the person who waits
