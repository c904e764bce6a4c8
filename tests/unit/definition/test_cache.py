"""What is wrong with a `cache`, told with its place."""

import pytest

from stretto.definition import check, load

HEAD = "workflow: w\n"


def told(text: str) -> list[str]:
    return [str(mistake) for mistake in check(HEAD + text, "w.yaml")]


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("0s", ": expected a duration from 1 seconds to ten years, but got 0 seconds"),
        (
            "31d",
            ": expected a duration of at most 30 days, but got 31 days; what is kept "
            "for ever belongs into a store of its own",
        ),
        ("{for: 1ms}", ".for: expected a duration from 1 seconds to ten years, but got 0.001 s"),
        (
            "{key: k}",
            ": expected a cache (a duration, or a mapping with for) to have",
        ),
        ("{key: [], for: 1h}", ".key: expected a key (a text, usually with an expression), but "),
        ('{key: "${{ input. }}", for: 1h}', ".key: "),
        (f"{{key: {'x' * 257}, for: 1h}}", ".key: expected a key of at most 256 characters, but "),
    ],
)
def test_what_is_wrong_with_a_cache_is_told_with_its_place(cache: str, said: str) -> None:
    [found] = told(f"steps: {{a: {{task: t, cache: {cache}}}}}\n")

    assert found.startswith("w.yaml:2:")
    assert f"steps.a.cache{said}" in found


@pytest.mark.parametrize(
    "kind", ["set: {a: 1}", "wait: 1s", "workflow: v", "steps: {b: {task: t}}"]
)
def test_only_tasks_are_reused(kind: str) -> None:
    [found] = told(f"steps:\n  a:\n    {kind}\n    cache: 1h\n")

    assert 'expected "cache" in a step of kind task, but this one is of kind' in found


def test_what_one_device_gives_is_not_what_another_would() -> None:
    text = 'steps:\n  a:\n    for_each: {devices: "${{ true }}"}\n    task: t\n    cache: '

    assert "expected a key that names the device" in told(f"{text}1h\n")[0]
    assert told(text + '{key: "${{ item.name }}", for: 1h}\n') == []


def test_what_can_be_undone_is_warned_of() -> None:
    loaded = load(HEAD + "steps: {a: {task: t, cache: 1h, compensate: {task: undo}}}\n")

    assert [(warning.code, warning.path) for warning in loaded.warnings] == [
        ("undone", "steps.a.cache")
    ]
