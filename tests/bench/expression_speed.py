"""Typical conditions, evaluated by ours and by the bare library.

`python -m tests.bench.expression_speed` prints microseconds an evaluation over a scope that is new
each time, as the decision service has it. Ours hands in what an expression refers to and nothing
else, checks limits, and reads the result; the bare library is given the whole scope.
"""

from collections.abc import Callable
from time import process_time
from typing import Any, NamedTuple

from cel_expr_python import cel

from stretto.expression import Kind, compile_expression

CONDITIONS = (
    'steps.fetch.output.status == 200 && input.region == "eu"',
    "input.total > 100.0",
    'input.region in ["eu", "us"] || input.vip',
    "size(input.items) > 3 && input.items.all(i, i.qty > 0)",
    'steps.fetch.status == "completed" && !input.vip',
)
ITEMS = 10
TIMES = 1_000
ROUNDS = 15


class Pair(NamedTuple):
    """Microseconds (of CPU) of one evaluation."""

    source: str
    ours: float
    bare: float


def scope() -> dict[str, Any]:
    """A run's values, with ten items."""
    items = [{"sku": f"s{n}", "qty": n + 1, "price": 1.5 * n} for n in range(ITEMS)]
    return {
        "input": {"region": "eu", "total": 250.5, "vip": False, "items": items},
        "steps": {"fetch": {"output": {"status": 200, "body": "ok"}, "status": "completed"}},
    }


def measure(source: str) -> Pair:
    """Measure one condition; the best of some rounds, each of both by turns."""
    ours = compile_expression(source, None, Kind.BOOL).evaluate
    env = cel.NewEnv(variables={"input": cel.Type.DYN, "steps": cel.Type.DYN})
    program = env.compile(source)

    def bare(values: dict[str, Any]) -> Any:
        return program.eval(data=values).value()

    assert ours(scope()) == bare(scope())
    rounds = [(_microseconds(ours), _microseconds(bare)) for _ in range(ROUNDS)]
    return Pair(source, min(r[0] for r in rounds), min(r[1] for r in rounds))


def _microseconds(work: Callable[[dict[str, Any]], Any]) -> float:
    scopes = [scope() for _ in range(TIMES)]
    began = process_time()
    for values in scopes:
        work(values)
    return (process_time() - began) * 1e6 / TIMES


def main() -> None:
    """Measure and print."""
    print("microseconds an evaluation:   ours    bare   ours ÷ bare")
    for source in CONDITIONS:
        found = measure(source)
        ratio = found.ours / found.bare
        print(f"{found.ours:33.1f} {found.bare:7.1f} {ratio:8.2f}   {source}")


if __name__ == "__main__":
    main()
