"""Values under names that say that they are secret are not told."""

import pytest

from stretto.expression import EvaluationError, Kind, compile_expression
from stretto.expression.secrets import MASK, is_secret_name, masked

SCOPE = {
    "input": {
        "user": "ada",
        "password": "hunter2-hunter2",
        "long_token": "tok_" + "0123456789" * 20,
        "card": {"number": 4111, "cvv": 12345},
        "nested": {"credentials": [{"value": "deep-secret"}]},
        "note": "no secret here",
    }
}


@pytest.mark.parametrize(
    "name",
    ["password", "dbPassword", "passwd", "api_key", "apiKey", "X-Api-Key", "access_token", "secret",
     "client-secret", "credentials", "Authorization", "pin", "card_pin", "private_key", "cvv"],
)  # fmt: skip
def test_names_that_say_so(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["user", "pinned", "shipping", "key", "passenger", "compass", "id"]
)
def test_names_that_do_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("input.password + 1", None),
        ("input.password", Kind.BOOL),
        ("input.password.length", None),
        ("input.long_token > input.card.cvv", None),
        ("int(input.password)", None),
        ("duration(input.long_token)", None),
        ("[input.password].map(p, p + 1)", None),
        ("input.nested.credentials[0].value * 2", None),
        ("input.user + input.user + input.note + input.password > 1", None),
        ("input.card.cvv + 'x'", None),
    ],
)
def test_no_message_tells_a_secret(source: str, kind: Kind | None) -> None:
    with pytest.raises(EvaluationError) as caught:
        compile_expression(source, None, kind).evaluate(SCOPE)

    said = masked(caught.value.message, SCOPE)

    for secret in ("hunter2", "tok_0123", "deep-secret", "12345"):
        assert secret not in said, said
    assert said.startswith("expected ")


def test_what_is_no_secret_is_told() -> None:
    text = 'expected a number (input.user = "ada", input.password = "hunter2-hunter2")'

    assert masked(text, SCOPE) == (
        f'expected a number (input.user = "ada", input.password = "{MASK}")'
    )


def test_a_secret_too_short_to_be_one_hides_no_part_of_a_message() -> None:
    text = "expected one of a, b and ab"

    assert masked(text, {"input": {"pin": "ab", "secret": [1, True, None]}}) == text


def test_a_secret_that_was_cut_is_not_told_by_half() -> None:
    assert masked('but got "tok_01234567…" and "tok…', SCOPE) == f'but got "{MASK}…" and "{MASK}…'
    assert masked("but got …", SCOPE) == "but got …"
