#!/usr/bin/env bash
# Make a virtual environment with the newest Python that works here; PYTHON says which one instead.
set -euo pipefail
venv=$1

# A name on the path is no proof: it may be a shim of another version, or come without venv.
works() {
  "$1" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [[ -n "${PYTHON:-}" ]]; then
  candidates=("$PYTHON")
else
  candidates=(python3.13 python3.12 python3.11 python3)
fi
for python in "${candidates[@]}"; do
  if works "$python"; then
    echo "making $venv with $("$python" --version) …"
    exec "$python" -m venv --clear "$venv"
  fi
done
echo "expected Python 3.11 or newer with its venv module, but none of these is: ${candidates[*]}" >&2
echo "install it (Debian, Ubuntu: apt install python3-venv), or say which: make PYTHON=/path" >&2
exit 1
