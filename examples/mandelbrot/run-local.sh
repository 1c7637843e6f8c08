#!/usr/bin/env bash
# run-local.sh FOLDER [VIEW]: the same picture without a grid: every tile, one process a core, then
# FOLDER/picture.png. What the grid makes is compared with it byte for byte.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: run-local.sh FOLDER [VIEW]}
view=${2:-$here/seahorse.view}

"$here/build.sh" "$out"
tiles=$("$here/tiles.sh" "$view")
seq 0 $((tiles - 1)) |
  xargs -P "$(nproc)" -I '{}' "$out/tile" "$view" '{}' "$out/tile-{}.ppm"
seq -f "$out/tile-%.0f.ppm" 0 $((tiles - 1)) | xargs "$out/join" "$view" "$out/picture.png"
echo "$out/picture.png"
