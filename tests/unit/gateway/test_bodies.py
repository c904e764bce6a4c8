"""How bodies are read."""

import msgspec
import pytest

from services.gateway.bodies import SourceBody, decode
from services.gateway.problems import Refused


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b'{"souce": ""}', SourceBody, "an object with the fields source, namespace, but"),
        (b"[]", dict[str, msgspec.Raw], "expected an object, but"),
        (b"3", str, "expected a text, but"),
    ],
)
def test_a_body_of_another_shape_is_told_what_it_should_be(
    data: bytes, kind: type[object], said: str
) -> None:
    with pytest.raises(Refused) as refused:
        decode(data, kind)
    assert said in str(refused.value.detail)
