#!/usr/bin/env bash
# tiles.sh VIEW: how many tiles the view has.
set -euo pipefail
awk '$1 == "tiles" { print $2 * $3; found = 1 } END { exit !found }' "${1:?usage: tiles.sh VIEW}"
