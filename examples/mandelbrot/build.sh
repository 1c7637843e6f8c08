#!/usr/bin/env bash
# build.sh FOLDER: compiles `tile` and `join` into FOLDER, with cc or with the clang of Swift's
# toolchain. `tile` is linked statically where that is possible, so that it runs on any Linux
# machine of the grid it is sent to.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FOLDER}
mkdir -p "$out"

if command -v cc >/dev/null; then
  compiler=cc
elif command -v clang >/dev/null; then
  compiler=clang
else
  echo "build.sh: no C compiler: install gcc, or put the clang of Swift's toolchain on the PATH" >&2
  exit 1
fi
# No fused multiply-add: the same bytes on every machine.
flags=(-std=c11 -O2 -ffp-contract=off -Wall -Wextra -Werror)
[ "$compiler" = cc ] || flags+=(-fuse-ld=lld) # Swift's toolchain brings it along

compile() { # PROGRAM FLAG...
  local program=$1
  shift
  "$compiler" "${flags[@]}" -o "$out/$program" "$here/$program.c" "$here/view.c" "$@"
}

compile tile -static 2>/dev/null || compile tile
compile join -lz
