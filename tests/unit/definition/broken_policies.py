"""Broken definitions: fields of steps and policies; each with everything that is said of it.

A line that ends with … is the beginning of one: the rest is said by the expression library.
"""

from tests.unit.definition.broken import Broken

POLICIES = (
    Broken(
        "retry on wait",
        """\
workflow: w
steps:
  a:
    wait: 5s
    retry: {max_attempts: 2}
""",
        (
            (
                '5:5: steps.a.retry: expected "retry" in a step of kind task or workflow, but this '
                "one is of kind wait"
            ),
        ),
    ),
    Broken(
        "join without for_each",
        """\
workflow: w
steps:
  a:
    task: t
    join: all
    max_parallel: 2
""",
        (
            ('5:5: steps.a.join: expected "join" in a step with for_each, but this one has none'),
            (
                '6:5: steps.a.max_parallel: expected "max_parallel" in a step with '
                "for_each, but this one has none"
            ),
        ),
    ),
    Broken(
        "retry zero",
        """\
workflow: w
steps:
  a: {task: t, retry: {max_attempts: 0}}
""",
        (
            (
                "3:38: steps.a.retry.max_attempts: expected a number of attempts from "
                "1 to 1000, but got 0"
            ),
        ),
    ),
    Broken(
        "retry text",
        """\
workflow: w
steps:
  a: {task: t, retry: {max_attempts: many}}
""",
        (('3:38: steps.a.retry.max_attempts: expected a number of attempts, but got "many"'),),
    ),
    Broken(
        "retry dynamic",
        """\
workflow: w
defaults: {retry: {max_attempts: "${{ input.n }}"}}
steps: {a: {task: t}}
""",
        (
            (
                "2:34: defaults.retry.max_attempts: expected a number of attempts, but "
                'got "${{ input.n }}"; write a constant: no expression can stand here'
            ),
        ),
    ),
    Broken(
        "policies of the wrong type",
        """\
workflow: w
input: {type: object, properties: {n: {type: integer}, s: {type: string}, b: {type: boolean}}}
steps:
  a:
    task: t
    retry: {max_attempts: "${{ input.s }}", interval: "${{ input.b }}", jitter: "${{ 'x' }}"}
    timeout: {run: "${{ input.n > 1 }}", queue: "${{ input.n }}s", total: "${{ input.n"}
""",
        (
            (
                "6:27: steps.a.retry.max_attempts: expected a number, but the expression gives a "
                "string"
            ),
            (
                "6:55: steps.a.retry.interval: expected a duration (a text like 30s, or a number), "
                "but the expression gives a bool"
            ),
            "6:81: steps.a.retry.jitter: expected a number, but the expression gives a string",
            (
                "7:20: steps.a.timeout.run: expected a duration (a text like 30s, or a number), "
                "but the expression gives a bool"
            ),
            "7:76: steps.a.timeout.total: …",
        ),
    ),
    Broken(
        "keys of concurrency",
        """\
workflow: w
concurrency: {limit: 0, when_full: wait, keys: x}
steps: {a: {task: t}}
""",
        (
            "2:14: concurrency: expected a limit of concurrency (a mapping with a key) to have "
            '"key", but it has not',
            "2:22: concurrency.limit: expected a number of runs from 1 to 10000, but got 0",
            "2:36: concurrency.when_full: expected what becomes of one run more (queue or reject "
            'or cancel_running), but got "wait"',
            '2:42: concurrency.keys: expected a known key, but got "keys"; did you mean "key"?',
        ),
    ),
    Broken(
        "a key of concurrency over a step",
        """\
workflow: w
concurrency: {key: "${{ steps.a.output.x }} ${{ item }}"}
steps: {a: {task: t}}
""",
        (
            "2:20: concurrency.key: expected a key over input and run, but it refers to a step: it "
            "is worked out before there are any",
            "2:49: concurrency.key: expected a name that is known here, but item is known only in "
            "a step with for_each",
        ),
    ),
    Broken(
        "retry number",
        """\
workflow: w
steps:
  a: {task: t, retry: 3}
""",
        (("3:23: steps.a.retry: expected a retry policy (a mapping), but got the integer 3"),),
    ),
    Broken(
        "retry misspelled",
        """\
workflow: w
steps:
  a: {task: t, retry: {max_attemps: 3}}
""",
        (
            (
                "3:24: steps.a.retry.max_attemps: expected a known key, but got "
                '"max_attemps"; did you mean "max_attempts"?'
            ),
        ),
    ),
    Broken(
        "retry fraction",
        """\
workflow: w
steps:
  a: {task: t, retry: {max_attempts: 2.5}}
""",
        (
            (
                "3:38: steps.a.retry.max_attempts: expected a number of attempts, but "
                "got the number 2.5"
            ),
        ),
    ),
    Broken(
        "retry backoff",
        """\
workflow: w
steps:
  a: {task: t, retry: {max_attempts: 2, backoff: 0.5}}
""",
        ("3:50: steps.a.retry.backoff: expected a factor from 1 to 100, but got 0.5",),
    ),
    Broken(
        "retry jitter",
        """\
workflow: w
steps:
  a: {task: t, retry: {jitter: 2}}
""",
        ("3:32: steps.a.retry.jitter: expected a share from 0 to 1, but got 2",),
    ),
    Broken(
        "retry interval over max",
        """\
workflow: w
steps:
  a: {task: t, retry: {interval: 5m, max_interval: 30s}}
""",
        (
            (
                "3:52: steps.a.retry.max_interval: expected max_interval to be at "
                "least the interval of 300 seconds, but got 30"
            ),
        ),
    ),
    Broken(
        "retry except and only",
        """\
workflow: w
steps:
  a: {task: t, retry: {except: [A, B], only: [B]}}
""",
        (
            (
                "3:46: steps.a.retry.only: expected a type in either only or except, "
                'but "B" is in both'
            ),
        ),
    ),
    Broken(
        "retry except bad name",
        """\
workflow: w
steps:
  a: {task: t, retry: {except: [Card Declined]}}
""",
        (
            (
                "3:33: steps.a.retry.except[0]: expected a type of failure (letters, "
                'digits and _ . -, a letter first), but got "Card Declined"; write '
                '"CardDeclined"'
            ),
        ),
    ),
    Broken(
        "max_parallel",
        """\
workflow: w
steps:
  a: {task: t, for_each: [1], max_parallel: 0}
""",
        (("3:45: steps.a.max_parallel: expected a number of items from 1 to 100000, but got 0"),),
    ),
    Broken(
        "join word",
        """\
workflow: w
steps:
  a: {task: t, for_each: [1], join: alle}
""",
        (
            (
                '3:37: steps.a.join: expected a join (all or any), but got "alle"; did '
                'you mean "all"?'
            ),
        ),
    ),
    Broken(
        "join share",
        """\
workflow: w
steps:
  a: {task: t, for_each: [1], join: {at_least: 180%}}
""",
        (
            (
                "3:48: steps.a.join.at_least: expected a count from 1, or a share like "
                '80%, but got "180%"'
            ),
        ),
    ),
    Broken(
        "join empty",
        """\
workflow: w
steps:
  a: {task: t, for_each: [1], join: {}}
""",
        (
            (
                "3:37: steps.a.join: expected a join (all, any or a mapping) to have "
                '"at_least", but it has not'
            ),
        ),
    ),
    Broken(
        "concurrency without a key that is one",
        """\
workflow: w
concurrency: {key: ""}
steps:
  a: {task: t, concurrency: {key: [a]}}
""",
        (
            (
                "2:20: concurrency.key: expected a key (a text, usually with an expression), but "
                'got ""'
            ),
            (
                "4:35: steps.a.concurrency.key: expected a key (a text, usually with an "
                "expression), but got a list"
            ),
        ),
    ),
)
