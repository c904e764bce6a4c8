#!/usr/bin/env bash
# Make a virtual environment with the newest Python that works here and is not slow; PYTHON says
# which one instead.
set -euo pipefail
venv=$1

# A name on the path is no proof: it may be a shim of another version, or come without venv.
works() {
  "$1" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Microseconds of CPU for a fixed piece of work. A Python that was built without profile-guided
# optimization takes half as long again as the distribution's own, and so does every service.
cost_us() {
  "$1" - <<'PY'
from time import process_time

def work() -> float:
    began, seen = process_time(), {}
    for i in range(40_000):
        seen[i % 100] = (i, str(i))
    return process_time() - began

print(round(min(work() for _ in range(7)) * 1_000_000))
PY
}

if [[ -n "${PYTHON:-}" ]]; then
  candidates=("$PYTHON")
else
  candidates=(python3.13 python3.12 python3.11 python3 /usr/bin/python3)
fi
found=() costs=() least=
for python in "${candidates[@]}"; do
  if works "$python"; then
    cost=$(cost_us "$python")
    found+=("$python") costs+=("$cost")
    if [[ -z "$least" || "$cost" -lt "$least" ]]; then least=$cost; fi
  fi
done
for index in "${!found[@]}"; do
  # The newest of those that are about as fast as the fastest: 25 % is more than two looks differ.
  if (( costs[index] * 4 <= least * 5 )); then
    python=${found[index]}
    echo "making $venv with $("$python" --version) …"
    exec "$python" -m venv --clear "$venv"
  fi
done
echo "expected Python 3.11 or newer with its venv module, but none of these is: ${candidates[*]}" >&2
echo "install it (Debian, Ubuntu: apt install python3-venv), or say which: make PYTHON=/path" >&2
exit 1
