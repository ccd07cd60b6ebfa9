"""When a read that comes after the signature puts a case in question, and what ends that.

The case stays signed and its report stands, amended at once and saying so: what was delivered does not vanish, and an
urgent correction waits for nobody. Where a waiting case would ask for a second read or an arbitration, a signed one is
in question (`Case.questioned_at`): leads and its readers are told, and it is on the leads' start page until a lead's
read settles it, or what the others say agrees.
"""

from collections.abc import Sequence
from datetime import datetime

from cases.models import Case, Management, Read, ReadKind
from cases.reading import labels, second_reads


def after(case: Case, reads: Sequence[Read]) -> datetime | None:
    """`Case.questioned_at` after the last of `reads`, all that stand in the order of signing; needs `case.clinic`."""
    return _after(case, reads, case.questioned_at)


def by_what_stands(case: Case, reads: Sequence[Read]) -> datetime | None:
    """The same from the beginning, where one of the reads was taken back."""
    assert case.signed_at
    at = None
    for number, read in enumerate(reads, 1):
        if read.signed_at > case.signed_at:
            at = _after(case, reads[:number], at)
    return at


def _after(case: Case, reads: Sequence[Read], before: datetime | None) -> datetime | None:
    read, concluded = reads[-1], labels.decisive(reads)
    if read.kind == ReadKind.ARBITRATION:
        return None
    if read.corrects and _says_the_same(read, read.corrects):
        return before  # of the comment alone
    is_remark = read.reader_id != concluded.reader_id
    if is_remark and (not second_reads.agree(read, concluded) or _is_more_urgent(read, concluded)):
        return read.signed_at
    if labels.arbitration(reads):
        return before  # the lead's word stands, and is the lead's to correct
    last_words = {each.reader_id: each for each in reads}
    others = [each for reader, each in last_words.items() if reader != concluded.reader_id]
    if not all(second_reads.agree(each, concluded) for each in others):
        return before or read.signed_at
    if any(not second_reads.is_trainee(case.clinic, each.reader_id) for each in others):
        return None
    # One reader alone, who has changed their mind: the clinic's policy is asked as it was of the first read.
    if not is_remark and (reason := second_reads.reason(case, read)):
        case.second_read_reason = reason
        return read.signed_at
    return before


def _says_the_same(read: Read, other: Read) -> bool:
    said = [(each.condition_id, each.certainty, each.management) for each in (read, other)]
    return said[0] == said[1]


def _is_more_urgent(read: Read, other: Read) -> bool:
    return read.management == Management.URGENT_REFERRAL != other.management
