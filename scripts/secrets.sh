#!/usr/bin/env bash
# Searches the checkout for keys, tokens and passwords with gitleaks: the files that git tracks or would add, so neither
# .env nor .venv. With `history`, all commits as well. False alarms are listed in .gitleaks.toml. Exit code 1: a secret.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly ROOT=$PWD

search() { # dir | git, with the working folder as the place to search
    "$gitleaks" "$1" . --config "$ROOT/.gitleaks.toml" --no-banner --no-color --redact --verbose --log-level error
}

if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo "no git checkout, so no secrets were searched for" >&2
    exit 0
fi
gitleaks=$(go -C include/tools/secrets tool -n gitleaks) # compiled on first use
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do
        [ ! -f "$file" ] || printf '%s\0' "$file" # not those that were deleted and not committed
    done | tar --null -T - -cf - | tar -xf - -C "$folder"
(cd "$folder" && search dir)
[ "${1:-}" != history ] || search git
