#!/usr/bin/env bash
# Run the tests. Without arguments: all of them, with the coverage of every process they start.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
# Tests start hundreds of processes: each would compile all that it imports.
unset PYTHONDONTWRITEBYTECODE

if (($#)); then
  exec "$bin/pytest" "$@"
fi
"$bin/coverage" erase
status=0
# Three on two cores: many tests wait for a server or a clock for most of their time.
"$bin/coverage" run -m pytest --numprocesses 3 --dist worksteal -m "not long" || status=$?
"$bin/python" -m stretto.bench.guard || status=$((status ? status : $?))
"$bin/coverage" combine --quiet
"$bin/coverage" report || status=$((status ? status : $?))
exit "$status"
