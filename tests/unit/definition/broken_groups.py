"""Broken definitions: groups, loops, handlers, signals, approvals, children, joins, cancels."""

from tests.unit.definition.broken import Broken

GROUPS = (
    Broken(
        "needs outside of the group",
        """\
workflow: w
steps:
  a: {task: t}
  g:
    steps:
      b: {task: t, needs: a}
      c: {task: t, needs: bb}
""",
        (
            (
                '6:27: steps.g.steps.b.needs: expected the name of a step beside this one, but "a" '
                "is outside the group; let the group need it"
            ),
            ('7:27: steps.g.steps.c.needs: expected the name of a step, but "bb" is none'),
        ),
    ),
    Broken(
        "the group itself, from inside",
        """\
workflow: w
steps:
  g:
    steps:
      b: {task: t, with: {x: "${{ steps.g.output }}"}}
""",
        (
            (
                "5:35: steps.g.steps.b.with.x: expected a step that ends before this one, but this "
                'is inside "g"'
            ),
        ),
    ),
    Broken(
        "ring through a group",
        """\
workflow: w
steps:
  a: {task: t, needs: g}
  g:
    steps:
      b: {task: t, with: {x: "${{ steps.a.output }}"}}
""",
        (
            (
                "3:23: steps.a.needs: expected needs without a ring, but these steps wait for one "
                "another: a → g → a; take one of these needs away"
            ),
        ),
    ),
    Broken(
        "ring inside a group",
        """\
workflow: w
steps:
  g:
    steps:
      a: {task: t, needs: b}
      b: {task: t, needs: a}
""",
        (
            (
                "5:27: steps.g.steps.a.needs: expected needs without a ring, but these steps wait "
                "for one another: a → b → a; take one of these needs away"
            ),
        ),
    ),
    Broken(
        "inner names from outside",
        """\
workflow: w
steps:
  g: {steps: {inner: {task: t}}}
  a: {task: t, with: {x: "${{ steps.inner.output }}"}}
output: {x: "${{ steps.inner.output }}"}
""",
        (
            ('4:31: steps.a.with.x: expected the name of a step, but "inner" is none'),
            '5:18: output.x: expected the name of a step, but "inner" is none',
        ),
    ),
    Broken(
        "roots where they are not known",
        """\
workflow: w
steps:
  a: {task: t, with: {x: "${{ error.type }}", y: "${{ loop.index }}", z: "${{ signal.x }}"}}
  l:
    if: ${{ loop.index > 1 }}
    repeat: {steps: {b: {task: t}}, until: "${{ error.type == 'x' }}"}
""",
        (
            (
                "3:31: steps.a.with.x: expected a name that is known here, but error is known only "
                "in a handler (catch)"
            ),
            (
                "3:55: steps.a.with.y: expected a name that is known here, but loop is known only "
                "in the steps, the output and the until of a repeat"
            ),
            (
                "3:79: steps.a.with.z: expected a name that is known here, but signal is known "
                "only "
                "in the where of a signal"
            ),
            (
                "5:13: steps.l.if: expected a name that is known here, but loop is known only in "
                "the steps, the output and the until of a repeat"
            ),
            (
                "6:49: steps.l.repeat.until: expected a name that is known here, but error is "
                "known "
                "only in a handler (catch)"
            ),
        ),
    ),
    Broken(
        "handlers",
        """\
workflow: w
steps:
  a:
    task: t
    catch:
      - {on: [X]}
      - {steps: {b: {task: t, with: {x: "${{ steps.a.output }}"}}}}
      - {output: "${{ error.typ }}"}
""",
        (
            (
                '6:9: steps.a.catch[0]: expected a handler to have "steps" or "output", but it has '
                "neither; to go on with nothing, write output: null"
            ),
            (
                "7:46: steps.a.catch[1].steps.b.with.x: expected a step that ends before this one, "
                'but this is inside "a"; the failure that a handler handles is error'
            ),
            "8:29: steps.a.catch[2].output: expected a field of `error`, but it has no "
            "`typ`; did you "
            'mean "type"?',
        ),
    ),
    Broken(
        "loops",
        """\
workflow: w
steps:
  a: {repeat: {until: true}}
  b: {repeat: {steps: {c: {task: t}}, until: 5, limit: 0, every: soon}}
  d: {repeat: {steps: {}, until: loop.index}}
""",
        (
            '3:15: steps.a.repeat: expected a loop (a mapping of steps and until) to have "steps", '
            "but it has not",
            "4:46: steps.b.repeat.until: expected a condition like ${{ input.total > 0 }}, but got "
            "the integer 5",
            "4:56: steps.b.repeat.limit: expected a number of rounds from 1 to 10000, but got 0",
            "4:66: steps.b.repeat.every: expected a duration like 200ms, …",
            "5:23: steps.d.repeat.steps: expected from 1 to 10000 steps, but got 0",
        ),
    ),
    Broken(
        "approvals",
        """\
workflow: w
steps:
  a: {approval: {by: a, timeout: 1h, escalate: {after: 2h, to: [b]}}}
  b: {approval: {escalate: {after: 2h, to: [b]}}}
  c: {approval: yes}
  d: {approval: {by: "${{ 1 + 1 }}", escalate: {after: 1h, to: ["${{ input.x }}", 3]}}}
""",
        (
            "3:48: steps.a.approval.escalate: expected an escalation before the timeout of 3600 "
            "seconds, but it comes after 7200",
            "4:28: steps.b.approval.escalate: expected an escalation where by says who decides "
            "first, but anybody may",
            "5:17: steps.c.approval: expected an approval (a mapping; {} where anybody may "
            "decide), "
            'but got "yes"',
            "6:22: steps.d.approval.by: expected a name or a list of names, but the expression "
            "gives a number",
            "6:83: steps.d.approval.escalate.to[1]: expected a name, but got the integer 3; write "
            '"3" in quotes',
        ),
    ),
    Broken(
        "timeouts of what is no task",
        """\
workflow: w
steps:
  a: {signal: s, timeout: {run: 5s}}
  b: {wait: 5s, timeout: 3s}
""",
        (
            '3:28: steps.a.timeout.run: expected "run" in the timeout of a task, but this step is '
            "of kind signal; its timeout is a duration",
            '4:17: steps.b.timeout: expected "timeout" in a step of kind task or signal or '
            "workflow "
            "or steps or repeat, but this one is of kind wait",
        ),
    ),
    Broken(
        "joins",
        """\
workflow: w
steps:
  a: {task: t}
  b: {task: t, needs: {any: [a, c], of: [a]}}
  c: {task: t, needs: {at_least: 3, of: [a]}}
  d: {task: t, needs: {any: [a, a], rest: drop}}
  e: {task: t, needs: {of: [a]}}
  f: {task: t, needs: {any: 5}}
""",
        (
            '4:23: steps.b.needs: expected needs to have either "any", or "at_least" and "of", but '
            "it has not; steps that must all complete are a list",
            "5:23: steps.c.needs: expected at least 3 steps to be named, but got 1",
            '6:33: steps.d.needs.any[1]: expected each need once, but "a" is there before',
            "6:43: steps.d.needs.rest: expected what becomes of the rest (run or cancel), but got "
            '"drop"',
            '7:23: steps.e.needs: expected needs to have either "any", or "at_least" and "of", but '
            "it has not; steps that must all complete are a list",
            "8:29: steps.f.needs.any: expected the name of a step or a list of them, but got the "
            "integer 5",
        ),
    ),
    Broken(
        "cancels",
        """\
workflow: w
steps:
  a: {task: t}
  b: {cancel: [b, x]}
  c: {cancel: {steps: a, complete: true}, for_each: [1]}
""",
        (
            "4:16: steps.b.cancel[0]: expected another step, but a step cannot cancel itself",
            '4:19: steps.b.cancel[1]: expected the name of a step, but "x" is none',
            '5:23: steps.c.cancel.steps: expected a step with for_each to complete, but "a" has '
            "none",
            '5:43: steps.c.for_each: expected "for_each" in a step of kind …',
        ),
    ),
    Broken(
        "children",
        """\
workflow: w
steps:
  a: {workflow: Big One}
  b: {workflow: {name: x, version: 0, wait: yes}}
""",
        (
            "3:17: steps.a.workflow: expected the name of a workflow (a–z, 0–9, - and _, not "
            'beginning with - or _), but got "Big One"; write "big-one"',
            "4:36: steps.b.workflow.version: expected a version from 1 to …",
            '4:45: steps.b.workflow.wait: expected true or false, but got "yes"; write true',
        ),
    ),
    Broken(
        "output of what is no group",
        """\
workflow: w
steps:
  a: {task: t, output: 1}
  g: {steps: {b: {task: t}}, output: "${{ failed() }}"}
""",
        (
            '3:16: steps.a.output: expected "output" in a step of kind steps, but this one is of '
            "kind task",
            "4:38: steps.g.output: expected no always(), failed(), cancelled() or "
            "succeeded() but …",
        ),
    ),
)
