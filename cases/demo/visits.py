"""Who comes to the invented clinic, with what, and how far each case came. Every person is made up."""

from dataclasses import dataclass
from datetime import date

from cases.models import Urgency


@dataclass(frozen=True)
class Visit:
    """One case of the story: whose, what is drawn, how long ago, and how far it came."""

    patient: int
    look: str
    site: str
    side: str
    hours_ago: float
    read: str = ""  # the signed condition; empty while the case waits
    management: str = "discharge"
    certainty: str = "probable"
    correction: str = ""
    outcome: str = ""
    draft: bool = False
    urgency: Urgency = Urgency.ROUTINE
    answers: str | None = None  # the questions answered yes, the others are no; else what such patients usually say
    note: str = ""
    first: str = ""  # what the reader thought before the AI was shown, where they changed their mind
    reader: str = ""  # whose read it is; else one of the two doctors
    second: str = ""  # what a second reader signed, and how the lead settled it
    arbiter: str = ""
    waits_for: str = ""  # a second read or an arbitration that is still to come
    photos_wanted: bool = False  # a blurred photo that its reader sent back
    retaken: bool = False  # the same, and staff took another one
    begun: bool = False  # a doctor has entered something and signed nothing

    @property
    def is_past(self) -> bool:
        """Signed: seldom opened again, so its photos are small, and the first start is quick."""
        return bool(self.read) and not self.waits_for


# What patients with such a lesion usually answer yes to, one after the other.
TYPICAL = {
    "NEV": ("", "grew", "raised", "grew raised"),
    "MEL": ("grew changed", "grew changed raised"),
    "BCC": ("itch grew bled raised", "grew bled raised", "itch grew hurt raised"),
    "SCC": ("itch grew hurt raised", "itch grew bled raised"),
    "ACK": ("itch", "itch", "itch raised"),
    "SEK": ("raised", "grew raised", "raised"),
}

PATIENTS = [
    # family name, given name, birth date, sex, skin type, consents to AI use / training use
    ("Brandt", "Helene", date(1951, 3, 14), "female", "2", "granted", "granted"),
    ("Costa", "Miguel", date(1968, 11, 2), "male", "4", "granted", "granted"),
    ("Duval", "Amélie", date(1987, 6, 25), "female", "2", "granted", "refused"),
    ("Eriksen", "Lars", date(1944, 1, 9), "male", "1", "granted", "granted"),
    ("Fodor", "Ilona", date(1959, 8, 30), "female", "3", "granted", "not_asked"),
    ("Gruber", "Josef", date(1939, 12, 5), "male", "2", "granted", "granted"),
    ("Haddad", "Leila", date(1992, 4, 17), "female", "4", "refused", "refused"),
    ("Ivanova", "Daria", date(1976, 9, 21), "female", "2", "granted", "granted"),
    ("Jansen", "Pieter", date(1963, 2, 28), "male", "2", "granted", "granted"),
    ("Kowalska", "Zofia", date(1955, 7, 11), "female", "1", "granted", "granted"),
    ("Lefebvre", "Paul", date(1981, 10, 3), "male", "3", "granted", "granted"),
    ("Mwangi", "Grace", date(1984, 5, 19), "female", "6", "granted", "granted"),
    ("Novak", "Eva", date(1961, 4, 2), "female", "2", "granted", "granted"),
    ("Öztürk", "Emre", date(1972, 12, 24), "male", "4", "granted", "granted"),
    ("Papadaki", "Eleni", date(1947, 2, 8), "female", "3", "granted", "granted"),
    ("Quispe", "Ana", date(1990, 8, 14), "female", "5", "granted", "granted"),
    ("Rossi", "Carlo", date(1956, 1, 27), "male", "2", "granted", "granted"),
    ("Sørensen", "Maja", date(1979, 11, 11), "female", "1", "granted", "granted"),
    ("Tamm", "Kadri", date(1993, 3, 8), "female", "2", "granted", "granted"),
    ("Ueda", "Kenji", date(1958, 10, 30), "male", "3", "granted", "granted"),
    ("Vogel", "Anna", date(1949, 5, 17), "female", "2", "granted", "granted"),
    ("Weber", "Franz", date(1942, 9, 1), "male", "1", "granted", "granted"),
    ("Ximenes", "Luis", date(1975, 1, 22), "male", "4", "granted", "refused"),
    ("Yilmaz", "Selin", date(1988, 7, 6), "female", "3", "granted", "granted"),
    ("Zeman", "Pavel", date(1953, 11, 13), "male", "2", "granted", "granted"),
    ("Andersson", "Birgit", date(1946, 4, 25), "female", "1", "granted", "granted"),
    ("Bianchi", "Giulia", date(1983, 2, 15), "female", "3", "granted", "granted"),
    ("Černý", "Marek", date(1966, 8, 9), "male", "2", "granted", "granted"),
    ("Dietrich", "Karl", date(1937, 6, 19), "male", "1", "granted", "granted"),
    ("Egger", "Maria", date(1950, 12, 3), "female", "2", "granted", "not_asked"),
    ("Fischer", "Lena", date(1996, 9, 27), "female", "2", "granted", "granted"),
    ("Greco", "Antonio", date(1961, 3, 31), "male", "3", "granted", "granted"),
    ("Hofer", "Rosa", date(1944, 10, 12), "female", "2", "granted", "granted"),
    ("Ismail", "Nadia", date(1979, 5, 5), "female", "4", "granted", "granted"),
    ("Jovanović", "Milan", date(1957, 7, 23), "male", "2", "granted", "granted"),
    ("Kovács", "Judit", date(1969, 1, 16), "female", "2", "granted", "granted"),
    ("Larsen", "Nils", date(1948, 11, 28), "male", "1", "granted", "granted"),
    ("Moreau", "Claire", date(1985, 4, 11), "female", "2", "granted", "refused"),
]

VISITS = [
    # The clinic began by reading everything twice.
    Visit(14, "BCC", "nose", "left", 40 * 24, "BCC", "biopsy", "certain", second="BCC", outcome="BCC"),
    Visit(15, "NEV", "back", "right", 39 * 24, "NEV", "discharge", "certain", second="NEV"),
    Visit(16, "ACK", "scalp", "midline", 38 * 24, "SEK", "follow_up", first="ACK", second="ACK", arbiter="ACK"),
    Visit(17, "NEV", "forearm", "left", 36 * 24, "NEV", "discharge", second="NEV"),
    Visit(14, "SEK", "chest", "left", 35 * 24, "SEK", "discharge", "certain", second="SEK"),
    Visit(16, "SCC", "hand", "left", 33 * 24, "SCC", "biopsy", first="ACK", second="SCC", outcome="SCC"),
    Visit(15, "NEV", "thigh", "left", 32 * 24, "NEV", "discharge", "certain", second="NEV", retaken=True),
    Visit(5, "ACK", "face", "right", 30 * 24, "ACK", "follow_up", "certain", second="ACK"),
    # The AI talked the reader out of the right answer; the second reader and the biopsy did not agree.
    Visit(
        17,
        "MEL",
        "back",
        "left",
        29 * 24,
        "NEV",
        "follow_up",
        "possible",
        first="MEL",
        second="MEL",
        arbiter="MEL",
        outcome="MEL",
    ),
    Visit(9, "BCC", "ear", "right", 27 * 24, "BCC", "biopsy", "probable", second="BCC", outcome="BCC"),
    Visit(8, "NEV", "chest", "left", 26 * 24, "NEV", "discharge", "certain", second="SEK", arbiter="NEV"),
    Visit(11, "NEV", "thigh", "left", 25 * 24, "NEV", "discharge", "probable", second="NEV"),
    Visit(10, "SEK", "back", "right", 24 * 24, "SEK", "discharge", "certain"),
    Visit(7, "ACK", "hand", "left", 22 * 24, "ACK", "follow_up", "probable"),
    Visit(
        0,
        "BCC",
        "nose",
        "midline",
        21 * 24,
        "BCC",
        "biopsy",
        "certain",
        outcome="BCC",
        urgency=Urgency.SOON,
    ),
    Visit(1, "NEV", "back", "left", 20 * 24, "NEV", "discharge", "certain"),
    Visit(2, "NEV", "thigh", "right", 18 * 24, "ATN", "follow_up", "possible", note="Check again."),
    Visit(3, "ACK", "scalp", "midline", 16 * 24, "ACK", "follow_up", "certain"),
    Visit(4, "SEK", "chest", "right", 14 * 24, "SEK", "discharge", "certain"),
    Visit(5, "SCC", "ear", "left", 12 * 24, "ACK", "biopsy", "possible", "SCC", "SCC"),
    Visit(7, "NEV", "abdomen", "midline", 10 * 24, "NEV", "discharge", "probable", first="ATN"),
    # The AI made the reader look twice, and the biopsy was right to be taken.
    Visit(
        8,
        "MEL",
        "back",
        "right",
        8 * 24,
        "MEL",
        "urgent_referral",
        "probable",
        first="ATN",
        urgency=Urgency.URGENT,
        outcome="MIS",
    ),
    # Two readers who disagreed, a lead who settled it, and the biopsy.
    Visit(
        12,
        "MEL",
        "leg",
        "left",
        7 * 24,
        "ATN",
        "follow_up",
        "possible",
        reader="trainee",
        second="MEL",
        arbiter="MEL",
        outcome="MEL",
    ),
    Visit(3, "ACK", "face", "midline", 5 * 24, "ACK", "follow_up", reader="trainee", second="ACK"),
    Visit(9, "SEK", "face", "left", 6 * 24, "SEK", "discharge", "certain"),
    Visit(10, "ACK", "forearm", "left", 3 * 24, "ACK", "follow_up", "probable"),
    # The second visit of one lesion: what changed in eighteen days is there to see.
    Visit(2, "NEV", "thigh", "right", 5, answers="changed", note="Control of the visit 18 days ago."),
    Visit(11, "MEL", "foot", "left", 5.2, urgency=Urgency.SOON, note="New since spring."),
    Visit(12, "BCC", "face", "right", 2.9, answers="grew bled raised itch", note="Bleeds when she dries her face."),
    Visit(3, "SCC", "hand", "right", 1.8, urgency=Urgency.SOON, answers="itch grew hurt raised bled", begun=True),
    Visit(13, "NEV", "arm", "left", 28),
    Visit(6, "SEK", "neck", "right", 9, answers="raised itch", note="Does not want the AI used."),
    Visit(9, "ACK", "nose", "midline", 4, answers="itch"),
    Visit(0, "SEK", "back", "midline", 2, answers="raised"),
    Visit(10, "NEV", "chest", "left", 1.2, answers="itch"),
    Visit(1, "NEV", "chest", "right", 7, "NEV", "discharge", reader="trainee", waits_for="second"),
    Visit(4, "SEK", "back", "left", 26, "SEK", "discharge", reader="trainee", second="MEL", waits_for="arbitration"),
    Visit(11, "NEV", "arm", "right", 3, photos_wanted=True, answers="changed"),
    Visit(7, "NEV", "leg", "right", 0.4, draft=True),
]
