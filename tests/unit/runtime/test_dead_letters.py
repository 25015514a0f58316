"""What was refused is kept, whatever its size: a letter that cannot be written stops a partition."""

import pytest

from services.contract.codec import Record, header_map
from services.runtime.dead_letters import Place, dead_letter
from services.runtime.log_writer import BATCH_BYTES

PLACE = Place("health-events", 3, 7)
LARGE = 10 << 20


def size(record: Record) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key) + len(record.value) + headers


def test_a_letter_carries_the_original_bytes_and_headers() -> None:
    original = Record(b"home", b"not an event", (("ce_type", b"unheard"),))

    letter = dead_letter(original, PLACE, "screening", "what is wrong")

    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[0] == ("ce_type", b"unheard")
    assert header_map(letter.headers)["deadletter-reason"] == b"what is wrong"


@pytest.mark.parametrize(
    "original",
    [
        Record(b"home", b"v" * LARGE, (("ce_type", b"t"),)),
        Record(b"k" * LARGE, b"v", ()),
        Record(b"home", b"v", (("ce_type", b"t" * LARGE),)),
        Record(b"home", b"v", (("n" * LARGE, b"t"),)),
        Record(b"home", b"v", tuple((f"name-{number}", b"t") for number in range(200_000))),
    ],
    ids=["value", "key", "header", "header name", "many headers"],
)
def test_a_record_too_large_to_be_written_again_is_cut_and_says_where_the_whole_stands(
    original: Record,
) -> None:
    letter = dead_letter(original, PLACE, "screening", "too much")

    assert size(letter) < BATCH_BYTES * 3 // 4
    about = header_map(letter.headers)
    assert about["deadletter-cut-from-bytes"] == str(size(original)).encode()
    assert (about["deadletter-topic"], about["deadletter-offset"]) == (b"health-events", b"7")
