"""Broken definitions: limits of time."""

from tests.unit.definition.broken import Broken

TIMEOUTS = (
    Broken(
        "timeout words",
        """\
workflow: w
steps:
  a: {task: t, timeout: 5 minutes}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration like 200ms, 30s, 5m or "
                '1h30m, or a number of seconds, but got "5 minutes"; write 5m'
            ),
        ),
    ),
    Broken(
        "timeout junk",
        """\
workflow: w
steps:
  a: {task: t, timeout: soon}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration like 200ms, 30s, 5m or "
                '1h30m, or a number of seconds, but got "soon"'
            ),
        ),
    ),
    Broken(
        "timeout zero",
        """\
workflow: w
steps:
  a: {task: t, timeout: 0}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration from 0.001 seconds to ten "
                "years, but got 0 seconds"
            ),
        ),
    ),
    Broken(
        "timeout negative",
        """\
workflow: w
steps:
  a: {task: t, timeout: -5}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration from 0.001 seconds to ten "
                "years, but got -5 seconds"
            ),
        ),
    ),
    Broken(
        "timeout boolean",
        """\
workflow: w
steps:
  a: {task: t, timeout: true}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration like 200ms, 30s, 5m or "
                "1h30m, or a number of seconds, but got the boolean true"
            ),
        ),
    ),
    Broken(
        "timeout list",
        """\
workflow: w
steps:
  a: {task: t, timeout: [5s]}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration like 200ms, 30s, 5m or "
                "1h30m, or a number of seconds, but got a list"
            ),
        ),
    ),
    Broken(
        "timeout expression",
        """\
workflow: w
steps:
  a: {task: t, compensate: {task: u, timeout: "${{ input.t }}"}}
""",
        (
            (
                "3:47: steps.a.compensate.timeout: expected a duration like 200ms, 30s, 5m or "
                '1h30m, or a number of seconds, but got "${{ input.t }}"; write a constant: no '
                "expression can stand here"
            ),
        ),
    ),
    Broken(
        "timeout key",
        """\
workflow: w
steps:
  a: {task: t, timeout: {runn: 5s}}
""",
        (
            (
                '3:26: steps.a.timeout.runn: expected a known key, but got "runn"; did '
                'you mean "run"?'
            ),
        ),
    ),
    Broken(
        "timeout heartbeat",
        """\
workflow: w
steps:
  a: {task: t, timeout: {heartbeat: 1ms}}
""",
        (
            (
                "3:37: steps.a.timeout.heartbeat: expected a duration from 0.1 seconds "
                "to ten years, but got 0.001 seconds"
            ),
        ),
    ),
    Broken(
        "timeout centuries",
        """\
workflow: w
steps:
  a: {task: t, timeout: 99999d}
""",
        (
            (
                "3:25: steps.a.timeout: expected a duration from 0.001 seconds to ten "
                "years, but got 8639913600 seconds"
            ),
        ),
    ),
    Broken(
        "run timeout",
        """\
workflow: w
timeout: 1x
steps: {a: {task: t}}
""",
        (
            (
                "2:10: timeout: expected a duration like 200ms, 30s, 5m or 1h30m, or a "
                'number of seconds, but got "1x"'
            ),
        ),
    ),
)
