"""The store of compiled programs: bounded, counted, by source and scope."""

import msgspec
import pytest

from stretto.expression import ExpressionError, Kind, ProgramCache, ScopeTypes


def test_the_same_source_is_compiled_once() -> None:
    cache = ProgramCache()

    first = cache.expression("input.a + 1")
    again = cache.expression("input.a + 1")

    assert first is again
    assert cache.statistics().hits == 1
    assert cache.statistics().misses == 1
    assert cache.statistics().entries == 1


def test_scope_and_expectation_are_part_of_the_key() -> None:
    cache = ProgramCache()
    scope = ScopeTypes.of(input={"type": "object", "properties": {"a": {"type": "string"}}})
    same = ScopeTypes.of(input={"properties": {"a": {"type": "string"}}, "type": "object"})

    plain = cache.expression("input.a")

    assert cache.expression("input.a", scope) is not plain
    assert cache.expression("input.a", scope) is cache.expression("input.a", same)
    assert cache.expression("input.a", scope, Kind.STRING) is not cache.expression("input.a", scope)


def test_wrapped_and_bare_expressions_are_taken() -> None:
    cache = ProgramCache()

    assert cache.expression("${{ input.a }}").evaluate({"input": {"a": 1}}) == 1
    assert cache.expression("input.a").evaluate({"input": {"a": 1}}) == 1


def test_a_template_is_stored_by_its_json() -> None:
    cache = ProgramCache()
    encoded = msgspec.json.encode({"a": "${{ input.x }}"})

    template = cache.template(encoded)

    assert template.evaluate({"input": {"x": 5}}) == {"a": 5}
    assert cache.template(msgspec.Raw(encoded)) is template
    assert cache.template(encoded, ScopeTypes.of("input")) is not template


def test_the_least_recently_used_entry_is_dropped() -> None:
    cache = ProgramCache(entries=2)
    first, second = cache.expression("1"), cache.expression("2")

    cache.expression("1")
    cache.expression("3")

    assert cache.expression("1") is first
    assert cache.expression("2") is not second
    assert cache.statistics().evictions == 2
    assert cache.statistics().entries == 2


def test_what_does_not_compile_is_not_kept() -> None:
    cache = ProgramCache()

    for _ in range(2):
        with pytest.raises(ExpressionError):
            cache.expression("1 +")
    with pytest.raises(msgspec.DecodeError):
        cache.template(b"{")

    assert cache.statistics().entries == 0
    assert cache.statistics().misses == 3
