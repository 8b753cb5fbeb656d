# What the checks share: the checkout, a scratch folder that goes away, and a way to fail with a sentence.
set -euo pipefail
checkout="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "$*" >&2
    exit 1
}

# expect_line TEXT FILE: the file has a line that holds the text.
expect_line() {
    grep -qF -- "$1" "$2" || fail "no line holds '$1' in:"$'\n'"$(cat "$2")"
}

# stand_in PATH [BODY]: an executable that prints its arguments, or runs the body.
stand_in() {
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/bash\n%s\n' "${2:-echo \"\$*\"}" >"$1"
    chmod 755 "$1"
}
