"""Replays of runs that were forked, or went over to another version."""

from services.testing import Fails, World, replay
from services.testing.replaying import facts_of
from services.testing.tested_run import TestedRun
from services.workflow.core import commands as cm
from services.workflow.core.forking import taken_from
from stretto.contracts import events as ev
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import ControlRequest
from stretto.definition import compile_graph, load
from stretto.testing.replayed import Recording, Replayed

ORDER = """
workflow: order
steps:
  charge: {task: bank.charge}
  size:
    needs: [charge]
    switch:
      - {if: "${{ steps.charge.output.total > 100 }}", then: review}
      - {else: ship}
  review: {signal: ok}
  ship: {task: carrier.ship, with: {total: "${{ steps.charge.output.total }}"}}
  tell: {needs: {any: [ship, review]}, task: mail.send}
output: ${{ steps.charge.output.total }}
"""
TASKS = {"bank.charge": {"total": 500}}


def again(source: str, run: TestedRun) -> Replayed:
    recording = Recording(run_id=run_id_text(run.run.id), facts=facts_of(run))
    [found] = replay(source, [recording])
    return found


def forked() -> tuple[World, TestedRun]:
    """A run that was forked when it waited for a signal, from its step `size` on."""
    world = World(ORDER, tasks=TASKS)
    source = world.start()
    assert source.step("review") == "waiting"
    graph = world.graphs["order"]
    event = ev.RunForked(
        from_run=run_id_text(source.run.id),
        from_version=1,
        at_seq=source.run.seq,
        step="size",
        taken=taken_from(source.run, graph, (), "size"),
    )
    run_id = uuid7(world.now_us // 1_000, b"fork")
    run = world.runs[run_id] = TestedRun(type(source.run)(run_id, graph))
    world._give(run, cm.Start(namespace="default", input=b"{}", fork=event))
    world.settle()
    world.signal(run, "ok")
    assert run.status == "completed" and run.story("scheduled") == ["scheduled tell"]
    return world, run


def test_a_fork_is_played_from_where_it_began() -> None:
    _, run = forked()

    found = again(ORDER, run)

    assert (found.verdict, found.differences) == ("same", [])
    [note] = found.notes
    assert note.startswith("it was forked from run ")
    assert note.endswith("what it took over of that run is not run again")


def test_a_fork_would_go_otherwise_where_a_choice_does() -> None:
    _, run = forked()

    found = again(ORDER.replace("> 100", "> 1000"), run)

    assert found.verdict == "otherwise"
    assert [(d.step, d.what) for d in found.differences][:1] == [("size", "branch")]
    assert found.beyond == ["attempt 1 of step ship: there was none"]


def test_what_a_definition_has_no_step_for_is_not_taken_over() -> None:
    _, run = forked()

    found = again(ORDER.replace("charge", "pay"), run)

    assert found.verdict == "otherwise"
    assert found.beyond == ["attempt 1 of step pay: there was none"]


MORE = ORDER.replace("  tell:", "  note: {task: log.note, needs: [size]}\n  tell:")
"""With a further step."""


def migrated() -> TestedRun:
    """A run that went over to a version with a further step while it waited."""
    world = World(ORDER, tasks=TASKS)
    run = world.start()
    newer = load(MORE).definition
    assert newer is not None
    graph = compile_graph(newer, 2)
    run.run.graphs = {1: run.run.graph, 2: graph}
    world.advance(60)
    request = ControlRequest(command="migrate", version=2, by="ann")
    world._give(run, cm.Migrate(request=request, graph=graph))
    world.advance(60)
    world.signal(run, "ok")
    assert (run.status, run.step("note"), run.run.version) == ("completed", "completed", 2)
    return run


def test_a_run_that_was_migrated_is_played_as_if_it_had_followed_the_definition_all_along() -> None:
    found = again(MORE, migrated())

    assert (found.verdict, found.differences) == ("same", [])
    [note] = found.notes
    assert note.startswith("it went over from version 1 to 2 at event ")
    assert note.endswith("it is played as if it had followed this definition from its start")


def test_a_run_that_was_migrated_would_have_gone_otherwise_by_the_version_before() -> None:
    found = again(ORDER, migrated())

    assert found.verdict == "otherwise"
    assert [(d.step, d.what) for d in found.differences] == [("note", "way")]


def test_an_open_run_that_was_migrated_is_played_as_far_as_it_came() -> None:
    run = migrated()
    facts = facts_of(run)
    upto = next(f.seq for f in facts if f.type == "run.migrated") + 1

    [found] = replay(MORE, [Recording(run_id=run_id_text(run.run.id), facts=facts[:upto])])

    assert found.verdict == "same"


UNDONE = """
workflow: undone
on_failure: compensate
steps:
  a: {task: t.do, compensate: {task: t.undo}}
  b: {task: t.fail, needs: [a]}
"""


def test_a_retry_of_a_compensation_is_given_again_in_a_replay() -> None:
    fates = {"t.do": [1], "t.undo": [Fails(retryable=False), 2], "t.fail": [Fails(retryable=False)]}
    world = World(UNDONE, tasks={task: lambda a: fates[a.task].pop(0) for task in fates})
    run = world.start()
    world.settle()
    world.control(run, "retry", by="ann", reason="oiled")
    world.finish(run)
    assert run.status == "failed"
    assert [e.step for _, e in run.log if isinstance(e, ev.CompensationRetried)] == ["a~compensate"]

    assert again(UNDONE, run).verdict == "same"


def test_a_retry_of_a_failed_run_is_given_again_in_a_replay() -> None:
    source = UNDONE.replace("on_failure: compensate\n", "")
    fates: dict[str, list[object]] = {"t.do": [1], "t.fail": [Fails(retryable=False), 3]}
    world = World(source, tasks={task: lambda a: fates[a.task].pop(0) for task in fates})
    run = world.start()
    assert run.status == "failed"
    world.control(run, "retry", by="ann", reason="oiled")
    assert run.status == "completed"

    assert again(source, run).verdict == "same"
