# Shared by the shell scripts: where the cache is, and how they speak.
export NGATU_CACHE=${NGATU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ngatu}

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# Every script with the Python packages of the set-up uses this one environment.
python_environment() {
    local venv=$NGATU_CACHE/venv
    if [[ ! -x $venv/bin/pip ]] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        rm -rf "$venv"
        python3 -m venv "$venv" || die "making a Python environment in $venv; is the Debian package python3-venv there?"
    fi
    printf '%s\n' "$venv"
}
