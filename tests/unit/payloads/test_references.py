"""References in payloads: found, made, replaced."""

import msgspec
import pytest

from stretto.contracts.payload import MAX_DEPTH, PayloadRef, depth_of, payload_problem
from stretto.payloads import fill, reference_to, references_in, take_out
from stretto.payloads.references import MAX_REFERENCES, hash_of

A, B = b'{"a":1}', b'["b"]'


def text(data: bytes) -> bytes:
    return msgspec.json.encode(reference_to(data))


def test_a_reference_is_the_hash_and_the_size_of_the_json_bytes() -> None:
    assert reference_to(A) == PayloadRef(hash=hash_of(A), bytes=len(A))
    assert text(A) == b'{"$payload":"%b","bytes":7}' % hash_of(A).encode()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"x":1}', []),
        (text(A), [A]),
        (b'{"x":[' + text(A) + b',{"y":' + text(B) + b"}," + text(A) + b"]}", [A, B]),
        (b'{"$payload":"short","bytes":1}', []),
        (b'{"$payload":' + b'"' + b"0" * 64 + b'","bytes":true}', []),
        (b'{"$payload":1,"bytes":1}', []),
        (b'{"$payload":"' + b"0" * 64 + b'"}', []),
        (b'"the \\"$payload\\" of a text"', []),
    ],
)
def test_references_are_found_wherever_they_stand(data: bytes, found: list[bytes]) -> None:
    assert [ref.hash for ref in references_in(data)] == [hash_of(each) for each in found]


def test_values_take_the_places_of_their_references() -> None:
    values = {hash_of(A): A}
    assert fill(b'{"x":1}', values) == b'{"x":1}'
    assert fill(text(A), values) == A
    assert fill(text(B), values) == text(B)
    data = b'{"x":[' + text(A) + b",2," + text(B) + b"]}"
    assert fill(data, values) == b'{"x":[' + A + b",2," + text(B) + b"]}"


def test_what_is_no_json_or_holds_too_many_is_said() -> None:
    with pytest.raises(ValueError, match="expected JSON"):
        references_in(b'{"$payload"')
    many = b"[" + b",".join(text(b"%d" % n) for n in range(MAX_REFERENCES + 1)) + b"]"
    with pytest.raises(ValueError, match=f"at most {MAX_REFERENCES}"):
        references_in(many)


def test_a_long_text_is_as_deep_as_a_short_one() -> None:
    filler = b'"' + rb"\"[\\" * 20_000 + b'"'
    for depth in (MAX_DEPTH, MAX_DEPTH + 1):
        data = b"[" * depth + filler + b"]" * depth
        assert len(data) > 64 * 1024
        assert depth_of(data) == depth
        problem = payload_problem(data)
        assert (problem is None) == (depth <= MAX_DEPTH), problem
    shallow = b"[" + b",".join([b"{}"] * 30_000) + b"]"
    assert payload_problem(shallow) is None


def test_the_largest_members_of_an_object_are_taken_out_first() -> None:
    big, bigger = b'"' + b"b" * 300 + b'"', b'"' + b"c" * 400 + b'"'
    data = b'{"id":7,"one":%b,"two":%b}' % (big, bigger)
    assert take_out(data, len(data)) == (data, [])
    rest, taken = take_out(data, 500)
    assert taken == [bigger]
    assert rest == b'{"id":7,"one":%b,"two":%b}' % (big, text(bigger))
    rest, taken = take_out(data, 300)
    assert taken == [bigger, big]
    assert fill(rest, {hash_of(each): each for each in taken}) == data


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"1," * 400 + b"1]",
        b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(100)) + b"}",
        b'{"broken":' + b"1" * 500,
    ],
)
def test_what_has_no_large_members_is_taken_out_whole(data: bytes) -> None:
    assert take_out(data, 300) == (text(data), [data])
