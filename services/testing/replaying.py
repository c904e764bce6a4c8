"""Recorded histories played by another definition, in memory: which runs would go otherwise.

Answers of workers and child runs, signals and what people did come from the recording, at the
instants at which they came; conditions, choices, retries and timers are worked out anew. What the
new definition asks and nobody has answered stays open: beyond it nothing is known.
"""

from functools import partial

import msgspec

from services.testing.recorded import Answered, Done, NotPlayable, Recorded, recorded_of
from services.testing.tested_run import TestedRun
from services.testing.world import World
from services.workflow.core import Run
from services.workflow.core import commands as cm
from services.workflow.core.effects import Dispatch, Seek, StartChild
from services.workflow.core.following import CHILD_TASK
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.graph import Graph
from stretto.contracts.ids import parse_run_id
from stretto.contracts.public import ControlRequest
from stretto.definition import compile_graph, load, validate_input
from stretto.history import Difference, Fact, Passage, compare, passage_of
from stretto.history.comparing import NOT_REACHED
from stretto.history.passage import ENDED
from stretto.testing.replayed import Recording, Replayed


def replay(source: str, recordings: list[Recording]) -> list[Replayed]:
    """Play recordings by a definition; an AssertionError names its mistakes."""
    loaded = load(source)
    assert loaded.definition is not None, "\n".join(str(m) for m in loaded.mistakes)
    graphs: dict[int, Graph] = {}
    found = []
    for recording in recordings:
        try:
            recorded = recorded_of(recording.facts)
        except NotPlayable as error:
            found.append(_not_replayed(recording, str(error)))
            continue
        version = recorded.start.version
        if version not in graphs:
            # Of the version that was recorded: its number is a value that expressions may read.
            graphs[version] = compile_graph(loaded.definition, version)
        found.append(replay_graph(graphs[version], recording, recorded))
    return found


def _not_replayed(recording: Recording, why: str) -> Replayed:
    count = len(recording.facts)
    return Replayed(run_id=recording.run_id, verdict="not_replayed", why=why, events=count)


def replay_graph(graph: Graph, recording: Recording, recorded: Recorded) -> Replayed:
    """Play a recording by a compiled definition of the version that was recorded."""
    if recorded.start.workflow != graph.name:
        text = f"expected a run of {graph.name!r}, but it is one of {recorded.start.workflow!r}"
        return _not_replayed(recording, text)
    count = len(recording.facts)
    problems = validate_input(graph.input_schema)(bytes(recorded.start.input))
    if problems:
        why = "its input would be refused: " + "; ".join(str(problem) for problem in problems)
        return Replayed(run_id=recording.run_id, verdict="refused", why=why, events=count)
    world = Again(graph, recorded, parse_run_id(recording.run_id))
    try:
        world.play()
    except AssertionError as error:
        return _not_replayed(recording, f"expected to play it to its end, but: {error}")
    before = passage_of(recording.facts, recording.run_id)
    after = passage_of(facts_of(world.run), recording.run_id)
    beyond = world.beyond if recorded.closed else []
    differences = [
        difference
        for difference in compare(before, after)
        if _counts(difference, before, after, recorded) and not (beyond and _unknown(difference))
    ]
    return Replayed(
        run_id=recording.run_id,
        verdict="otherwise" if differences or beyond or world.refused else "same",
        differences=differences,
        beyond=beyond,
        refused=world.refused,
        events=count,
        notes=_notes(recorded),
    )


def _notes(recorded: Recorded) -> list[str]:
    """What is to be known of a recording that does not follow one definition from its start."""
    found = []
    if recorded.fork is not None:
        fork = recorded.fork
        found.append(
            f"it was forked from run {fork.from_run} after event {fork.at_seq}: what it took over "
            "of that run is not run again"
        )
    for seq, event in recorded.migrations:
        found.append(
            f"it went over from version {event.from_version} to {event.to_version} at event {seq}: "
            "it is played as if it had followed this definition from its start"
        )
    return found


def _within(fork: ev.RunForked, graph: Graph) -> ev.RunForked:
    """What a fork that follows another definition takes over: the steps that this one has."""
    known = {step.name for step in graph.root.steps}
    taken = {name: each for name, each in fork.taken.items() if name in known}
    return msgspec.structs.replace(fork, taken=taken)


def facts_of(played: TestedRun) -> list[Fact]:
    """The log of a run of a world, as histories are read."""
    return [
        Fact(seq, event.type, at_us, msgspec.json.decode(json_encode(event)))
        for seq, (at_us, event) in enumerate(played.log, 1)
    ]


def _unknown(difference: Difference) -> bool:
    """Tell whether a difference only says that the replay stopped at what is not known."""
    return not difference.step or difference.right == NOT_REACHED


def _counts(difference: Difference, before: Passage, after: Passage, recorded: Recorded) -> bool:
    """Tell whether a difference says that the run would go otherwise. The recording of an open run
    stops anywhere: what had not ended then may be further in the replay, which decides at once."""
    if recorded.closed:
        return True
    if not difference.step:
        return after.status in ("completed", "failed", "cancelled", "terminated")
    ours, theirs = before.steps.get(difference.step), after.steps.get(difference.step)
    if ours is not None and ours.status in ENDED:
        return True
    return ours is not None and (theirs is None or theirs.status == "skipped")


_BOUNDS = frozenset({cm.TimerKind.QUEUE, cm.TimerKind.ATTEMPT, cm.TimerKind.STEP, cm.TimerKind.RUN})
"""The timers that end what takes too long."""


class Again(World):
    """A world in which the outside answers as it was recorded."""

    def __init__(self, graph: Graph, recorded: Recorded, run_id: bytes) -> None:
        super().__init__()
        self._recorded = recorded
        self.now_us = recorded.start_us
        self._unanswered: dict[tuple[str, int], str] = {}
        self._not_known: set[tuple[str, int]] = set()
        """Those of them of whose step nothing is recorded: how long they take is not known."""
        self._asked: dict[str, int] = {}
        """How many questions each path has put."""
        self.refused: list[str] = []
        self.run = self.runs[run_id] = TestedRun(Run(run_id, graph))

    def play(self) -> None:
        """Play the recording to its end; if it ended, on until nothing is due."""
        recorded, start, graph = self._recorded, self._recorded.start, self.run.run.graph
        for done in recorded.done:
            self._at(done.at_us, partial(self._do, done), done.seq)
        for at_us, seq, path in recorded.granted:
            self._at(at_us, partial(self._give, self.run, cm.Granted(path=path)), seq)
        for at_us, seq, path in recorded.superseded:
            self._at(at_us, partial(self._supersede, path), seq)
        self._give(
            self.run,
            cm.Start(
                namespace=start.namespace,
                input=bytes(start.input),
                caller_id=start.id,
                labels=start.labels,
                depth=start.depth,
                standing=recorded.standing,
                fork=None if recorded.fork is None else _within(recorded.fork, graph),
            ),
        )
        if recorded.closed:
            self._run_on()
        else:
            self.advance((recorded.last_us - self.now_us) / 1e6)

    def _supersede(self, path: str) -> None:
        """Let a step give way, whenever it asked for its place this time."""
        node = self.run.run.open.get(path)
        asked_us = 0 if node is None or node.place is None else node.place.since_us
        by = "a newer step, as it was recorded,"
        self._give(self.run, cm.Granted(path=path, superseded_by=by, asked_us=asked_us))

    def _run_on(self) -> None:
        """Until nothing is due. What people did after its end may have opened it again."""
        last_us = max((done.at_us for done in self._recorded.done), default=0)
        while self._queue and not (self.run.run.closed and self.now_us > last_us):
            self.advance(max(0, self._queue[0][0] - self.now_us) / 1e6)

    def _do(self, done: Done) -> None:
        """Do what a person did; say so when it is refused now."""
        before = len(self.run.rejections)
        self._give(
            self.run, cm.Control(request=ControlRequest(command=done.command, **done.fields))
        )
        for rejection in self.run.rejections[before:]:
            self.refused.append(f"{done.command}: {rejection.message}")

    def _decides_at(self, path: str) -> tuple[int, int]:
        """As long after the question as it was then."""
        self._asked[path] = number = self._asked.get(path, 0) + 1
        questions = self._recorded.questions.get(path, [])
        if number > len(questions):
            return self.now_us, 0
        asked = questions[number - 1]
        due_us = max(asked.answered_us, self.now_us + asked.answered_us - asked.asked_us)
        return due_us, asked.seq

    def _seek(self, run: TestedRun, effect: Seek) -> None:
        """What was found then is found again; else nothing is."""
        at_us, seq, found = self._recorded.reused.get(effect.path, (self.now_us, 0, None))
        told = cm.Sought(path=effect.path, turn=effect.turn, task=effect.task, found=found)
        self._at(at_us, partial(self._give, run, told), seq)

    def _dispatch(self, run: TestedRun, effect: Dispatch) -> None:
        self._answer(run, effect.path, effect.attempt, effect.task.name)

    def _start_child(self, run: TestedRun, effect: StartChild) -> None:
        if effect.child.wait:
            self._answer(run, effect.path, effect.attempt, CHILD_TASK + effect.child.workflow)

    def _answer(self, run: TestedRun, path: str, attempt: int, task: str) -> None:
        answer = self._recorded.answers.get((path, attempt))
        if answer is None and path in self._recorded.reused:
            at_us, seq, found = self._recorded.reused[path]  # nothing is reused any more
            result = cm.Result(path=path, attempt=attempt, output=found.output)
            self._at(at_us, partial(self._give, run, result), seq)
            return
        if answer is None:
            self._unanswered[path, attempt] = "there was none"
            if (path, 1) not in self._recorded.answers:
                self._not_known.add((path, attempt))
            return
        if answer.task != task:
            self._unanswered[path, attempt] = f"it was one of {answer.task}, not of {task}"
            self._not_known.add((path, attempt))
            return
        if answer.accepted_us is not None:
            accepted = cm.Accepted(path=path, attempt=attempt, worker=answer.worker)
            due_us = self._due(answer, answer.accepted_us)
            self._at(due_us, lambda: self._give(run, accepted), answer.accepted_seq)
        if answer.result_us is None:
            self._unanswered[path, attempt] = "nobody answered it"
            return
        result = cm.Result(
            path=path,
            attempt=attempt,
            output=answer.output,
            failure=answer.failure,
            worker=answer.worker,
        )
        due_us = self._due(answer, answer.result_us)
        self._at(due_us, lambda: self._give(run, result), answer.result_seq)

    def _fire(self, run: TestedRun, fired: cm.TimerFired) -> None:
        """No time is up while something is out that may have been back long before."""
        if fired.kind not in _BOUNDS or not self._waits_for_what_is_not_known(fired.path):
            self._give(run, fired)

    def _waits_for_what_is_not_known(self, path: str) -> bool:
        return any(
            (each, node.attempt) in self._not_known
            and (not path or each == path or each.startswith((f"{path}.", f"{path}[")))
            for each, node in self.run.run.open.items()
        )

    @property
    def beyond(self) -> list[str]:
        """The attempts that are out and of which nothing is recorded, in words."""
        return [
            f"attempt {node.attempt} of step {path}: {self._unanswered[path, node.attempt]}"
            for path, node in self.run.run.open.items()
            if (path, node.attempt) in self._unanswered
        ]

    def _due(self, answer: Answered, at_us: int) -> int:
        """When something comes that came at `at_us`: not earlier, and not faster."""
        return max(at_us, self.now_us + at_us - answer.scheduled_us)

    def _closed(self, run: TestedRun) -> None:
        run.check_fold()  # whoever waits for the run is not here
