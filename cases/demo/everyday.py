"""What a clinic sees on most days, a row a case, so that its figures have something to say. Nobody here is real."""

from cases.demo.visits import Visit

# How long ago in days, whose (a place in PATIENTS), what is drawn, where, what was signed, what the biopsy found.
# What is drawn is not always what it is: some lesions look like others, and the AI is led astray by them.
_ROWS = [
    (41, 18, "NEV", "back", "left", "NEV", ""),
    (41, 19, "BCC", "nose", "right", "BCC", "BCC"),
    (40, 20, "SEK", "face", "left", "SEK", ""),
    (39, 21, "ACK", "scalp", "midline", "ACK", ""),
    (38, 23, "NEV", "arm", "left", "NEV", "NEV"),
    (37, 24, "SEK", "back", "left", "SEK", "SEK"),
    (37, 25, "ACK", "hand", "left", "ACK", ""),
    (36, 27, "BCC", "face", "left", "BCC", "BCC"),
    (35, 28, "SCC", "ear", "right", "SCC", "SCC"),
    (34, 29, "NEV", "chest", "midline", "ATN", "NEV"),
    (34, 31, "ACK", "forearm", "left", "ACK", "ACK"),
    (33, 32, "SEK", "chest", "right", "SEK", ""),
    (32, 33, "NEV", "abdomen", "right", "NEV", "NEV"),
    (31, 34, "BCC", "chest", "left", "BCC", "BCC"),
    (30, 35, "NEV", "neck", "left", "NEV", ""),
    (29, 36, "ACK", "face", "left", "ACK", "ACK"),
    (28, 37, "NEV", "back", "right", "NEV", ""),
    (27, 18, "MEL", "thigh", "right", "MEL", "NEV"),  # a false alarm
    (26, 20, "BCC", "neck", "left", "BCC", "BCC"),
    (25, 26, "NEV", "arm", "right", "NEV", "NEV"),
    (25, 22, "SEK", "back", "midline", "SEK", "SEK"),
    (24, 21, "SCC", "hand", "right", "SCC", "SCC"),
    (23, 24, "ACK", "forearm", "right", "ACK", ""),
    (23, 30, "NEV", "foot", "left", "NEV", ""),
    (22, 25, "SEK", "face", "right", "SEK", ""),
    (21, 27, "MEL", "back", "left", "MEL", "MEL"),
    (20, 28, "ACK", "scalp", "midline", "ACK", "ACK"),
    (20, 31, "NEV", "back", "left", "NEV", "NEV"),
    (19, 29, "BCC", "nose", "left", "BCC", "BCC"),
    (19, 23, "NEV", "leg", "right", "NEV", ""),
    (18, 32, "ACK", "face", "midline", "SCC", "SCC"),  # the reader saw it, the AI did not
    (17, 33, "NEV", "chest", "left", "NEV", ""),
    (17, 34, "SEK", "abdomen", "left", "SEK", "SEK"),
    (16, 36, "BCC", "back", "right", "BCC", "BCC"),
    (15, 35, "NEV", "arm", "left", "ATN", "NEV"),
    (15, 19, "ACK", "hand", "right", "ACK", ""),
    (14, 37, "NEV", "thigh", "left", "NEV", "NEV"),
    (14, 20, "SEK", "arm", "left", "SEK", ""),
    (13, 21, "BCC", "face", "right", "BCC", "SEK"),  # a false alarm
    (13, 26, "NEV", "back", "midline", "NEV", ""),
    (12, 24, "MEL", "arm", "left", "MEL", "MEL"),
    (11, 22, "NEV", "forearm", "right", "NEV", "NEV"),
    (11, 25, "ACK", "nose", "right", "ACK", "ACK"),
    (10, 28, "SCC", "face", "left", "SCC", "SCC"),
    (10, 30, "NEV", "neck", "right", "NEV", ""),
    (9, 27, "SEK", "chest", "right", "SEK", "SEK"),
    (9, 29, "ACK", "forearm", "left", "ACK", ""),
    (8, 31, "BCC", "ear", "left", "BCC", "BCC"),
    (8, 18, "NEV", "abdomen", "left", "ATN", "MEL"),  # it looked harmless, and was not
    (7, 32, "ACK", "hand", "left", "ACK", "ACK"),
    (7, 36, "SEK", "scalp", "midline", "SEK", ""),
    (6, 33, "NEV", "face", "left", "NEV", "NEV"),
    (6, 34, "ACK", "forearm", "right", "ACK", ""),
    (6, 35, "SEK", "face", "left", "SEK", ""),
    (5, 19, "SEK", "back", "left", "SEK", "SEK"),
    (5, 23, "NEV", "chest", "right", "NEV", ""),
    (5, 28, "MEL", "leg", "right", "SEK", "SEK"),  # dark enough to alarm the AI
    (4, 20, "ACK", "arm", "right", "ACK", ""),
    (4, 22, "NEV", "back", "right", "NEV", ""),
    (3, 25, "SEK", "neck", "left", "SEK", ""),
    (3, 37, "NEV", "arm", "left", "NEV", ""),
]  # fmt: skip

_MANAGEMENT = {"ACK": "follow_up", "ATN": "follow_up", "MEL": "urgent_referral"}
# The clinic read everything twice until then.
_TWICE_UNTIL = 25


def visits() -> list[Visit]:
    return [_visit(number, *row) for number, row in enumerate(_ROWS)]


def _visit(number: int, days: int, patient: int, look: str, site: str, side: str, read: str, outcome: str) -> Visit:
    management = _MANAGEMENT.get(read, "discharge")
    return Visit(
        patient,
        look,
        site,
        side,
        24 * days + number % 5 * 1.3,
        read,
        "biopsy" if outcome and read != "MEL" else management,
        "possible" if read == "ATN" else ("certain", "probable", "certain")[number % 3],
        outcome=outcome,
        second=read if days > _TWICE_UNTIL else "",
    )
