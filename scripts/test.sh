#!/usr/bin/env bash
# Run the tests. Without arguments: all of them, with the coverage of every process they start.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

if (($#)); then
  exec "$bin/pytest" "$@"
fi
"$bin/coverage" erase
status=0
"$bin/coverage" run -m pytest --numprocesses 2 --dist worksteal || status=$?
"$bin/python" -m stretto.bench.guard || status=$((status ? status : $?))
"$bin/coverage" combine --quiet
"$bin/coverage" report || status=$((status ? status : $?))
exit "$status"
