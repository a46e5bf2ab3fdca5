#!/bin/sh
# Make .venv, install the locked packages named on the command line and this project into it; do nothing when that is done.
#   sh requirements/setup.sh core          what `make run` needs
#   sh requirements/setup.sh dev           the same and what `make test` needs
#   sh requirements/setup.sh core spark    the same and an extra
# Needs a Python from 3.11 to 3.13 (PYTHON=... chooses one), its venv module, and 3 GB of disk. Read by any POSIX shell.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
unfinished=$venv/unfinished            # there while an installation runs: finding it means that one was interrupted

say() { printf '  %s\n' "$*"; }
stop() { printf '\nSet-up stopped: %s\n' "$1" >&2; shift; for line in "$@"; do printf '  %s\n' "$line" >&2; done; exit 1; }
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || stop "PYTHON=$PYTHON is not a Python from 3.11 to 3.13." "It says: $("$PYTHON" --version 2>&1 || true)"
        echo "$PYTHON"; return
    fi
    for name in python3.11 python3.12 python3.13 python3 python; do
        if fits "$name"; then echo "$name"; return; fi
    done
    version=$(python3 --version 2>/dev/null || echo "no python3 at all")
    stop "no Python from 3.11 to 3.13 was found (there is: $version)." \
        "Debian, Ubuntu: apt install python3 python3-venv     macOS: brew install python@3.12" \
        "If one lies elsewhere: make PYTHON=/path/to/python3.12 run"
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || stop "$python has no venv module." \
        "Debian, Ubuntu: apt install python3-venv (or $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'))"
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 3000 ] || stop "3000 MB of disk are needed here and $free MB are free." "Make room, then run make again."
    say "making .venv with $("$python" --version 2>&1) ($(command -v "$python"))"
    rm -rf "$venv"
    mkdir "$venv"
    : > "$unfinished"
    "$python" -m venv "$venv" || stop "the virtual environment could not be made (see above)."
}

# uv takes seconds where pip takes a minute; pip is the way out where uv cannot reach the packages (a private index in pip.conf).
# Both compile: where Python may not write (a read-only image, PYTHONDONTWRITEBYTECODE) each process would compile anew, for 10 s and more.
# Without a terminal there is no bar to watch, and a line a package would bury what follows.
install() {
    quiet=; [ -t 2 ] || quiet=--quiet
    if "$venv/bin/uv" pip install $quiet --compile-bytecode --python "$venv/bin/python" "$@"; then return; fi
    say "uv did not manage; trying the same with pip (this takes a minute or two)"
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --progress-bar on "$@"
}

# Nothing is compiled here: every package comes as a wheel, but for pyspark, which is pure Python and comes as its source.
install_lock() {
    say "installing $(grep -c '==' "requirements/$1.lock") packages of requirements/$1.lock"
    install --require-hashes --only-binary :all: --no-binary pyspark -r "requirements/$1.lock" || stop "requirements/$1.lock could not be installed (see above)." \
        "Is there a network? Behind a mirror: set UV_DEFAULT_INDEX and PIP_INDEX_URL. Then run make again; it starts over by itself."
}

stamp() { cat requirements/bootstrap.lock "requirements/$1.lock" pyproject.toml requirements/setup.sh | cksum; }
is_done() { [ "$(cat "$venv/installed-$1" 2>/dev/null)" = "$(stamp "$1")" ]; }

[ $# -gt 0 ] || set -- core
if [ ! -e "$unfinished" ] && fits "$venv/bin/python"; then
    todo=
    for lock in "$@"; do is_done "$lock" || todo="$todo $lock"; done
    [ -n "$todo" ] || exit 0
    : > "$unfinished"
else
    todo="$*"
    make_venv
fi

[ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --only-binary :all: --require-hashes -r requirements/bootstrap.lock || true
for lock in $todo; do install_lock "$lock"; done
install --no-deps --no-build-isolation --editable . || stop "the project itself could not be installed (see above)."
for lock in $todo; do stamp "$lock" > "$venv/installed-$lock"; done
case " $todo " in *" dev "*) stamp core > "$venv/installed-core" ;; esac    # dev holds all of core, in the same versions
rm -f "$unfinished"
say "ready"
