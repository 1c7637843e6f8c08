#!/usr/bin/env bash
# demo.sh [PICTURE.png]: three coordinators and four servers, each a process of its own, draw a
# picture tile by tile while one coordinator and two servers are killed with kill -9; the result is
# compared byte for byte with a picture that is drawn without a grid. Everything happens in a
# temporary folder and on free loopback ports; nothing is left but the picture.
#   RPCV   the program (default: the release build)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
rpcv=${RPCV:-$root/.build-release/release/rpcv}
picture=${1:-$root/rpcv-demo.png}
example=$root/examples/mandelbrot
limit=150 # seconds that the grid may take

me=demo
# shellcheck source=scripts/processes.sh
. "$root/scripts/processes.sh"
export RPCV_HEARTBEAT=250ms RPCV_SUSPICION=2s

killed=()
kill_hard() { # NAME WHAT-IT-WAS
  local at
  kill_now "$1"
  at=$(seconds $(($(now) - begun)))
  killed+=("$1 at $at")
  say "    $(printf '%7s' "$at")  $red kill -9 $plain $2"
}

# ---------------------------------------------------------------- before the grid

make_work
mkdir -p "$work"/{log,data,here,grid}
view=seahorse.view
tiles=$("$example/tiles.sh" "$example/$view")
size=$(awk '$1 == "picture" { print $2 " x " $3 }' "$example/$view")
files() { seq -f "$1/tile-%.0f.ppm" 0 $((tiles - 1)); }
ends() { find "$work/$1" -maxdepth 1 -name 'tile-*.ppm' | wc -l; }

say ""
say "${bold}A picture of $tiles tiles by a grid that loses a coordinator and two servers$plain"
say ""

# ---------------------------------------------------------------- the same without a grid

"$example/build.sh" "$work/here" 2>"$work/log/compiler" || fail "the example can't be compiled"
cp "$example/$view" "$work/here"
cp "$work/here/tile" "$example/$view" "$work/grid"

begun=$(now)
seq 0 $((tiles - 1)) >"$work/tiles"
(cd "$work/here" &&
  exec xargs -P "$(nproc)" -I '{}' ./tile "$view" '{}' 'tile-{}.ppm' <"$work/tiles") &
alone=$!
pid_of[alone]=$alone
while kill -0 "$alone" 2>/dev/null; do
  progress "$(ends here)" "$tiles" tiles "$begun"
  sleep 0.2
done
wait "$alone" || fail "the picture can't be drawn without a grid"
unset "pid_of[alone]"
here_time=$(($(now) - begun))
step "drawn on this machine alone" "$(nproc) processes, $(seconds $here_time)"

# ---------------------------------------------------------------- the grid

start_grid 3 4 1
step "3 coordinators, 4 servers started" "ports ${ports[*]}"

# The program and its input are sent along; the servers have nothing of them. It notes each start.
export TILE_TRACE=$work/started
: >"$TILE_TRACE"
begun=$(now)
(cd "$work/grid" && exec "$rpcv" map --session demo --no-progress \
  --env TILE_TRACE --in "$view" --out 'tile-{}.ppm' --joblog "$work/log/jobs" \
  ./tile "$view" '{}' 'tile-{}.ppm' <"$work/tiles" >"$work/log/map" 2>&1) &
map=$!
pid_of[client]=$map
step "rpcv map started" "$tiles calls of ./tile, which is sent along"

plan=(15 30 50)
while kill -0 "$map" 2>/dev/null; do
  count=$(ends grid)
  if [ ${#plan[@]} -gt 0 ] && [ $((count * 100 / tiles)) -ge "${plan[0]}" ]; then
    case ${#plan[@]} in
      3) kill_hard server-2 "server 2, with $count tiles done" ;;
      2) kill_hard coordinator-1 "coordinator 1, which all talk to, with $count tiles done" ;;
      1) kill_hard server-4 "server 4, with $count tiles done" ;;
    esac
    plan=("${plan[@]:1}")
  fi
  progress "$count" "$tiles" tiles "$begun"
  [ $(($(now) - begun)) -lt $((limit * 1000)) ] || fail "the grid took longer than $limit s"
  sleep 0.1
done
status=0
wait "$map" || status=$?
unset "pid_of[client]"
grid_time=$(($(now) - begun))
clear_line
[ "$status" = 0 ] || fail "rpcv map ended with status $status"
[ ${#plan[@]} = 0 ] || fail "the job was over before all were killed"

# ---------------------------------------------------------------- what came of it

[ "$(ends grid)" = "$tiles" ] || fail "$(ends grid) tiles came instead of $tiles"
for k in $(seq 0 $((tiles - 1))); do
  cmp "$work/here/tile-$k.ppm" "$work/grid/tile-$k.ppm" >&2 || fail "tile $k differs"
done
for place in here grid; do
  files "$work/$place" | xargs "$work/here/join" "$example/$view" "$work/$place/picture.png" ||
    fail "the tiles can't be joined"
done
cmp "$work/here/picture.png" "$work/grid/picture.png" >&2 || fail "the pictures differ"
cp "$work/grid/picture.png" "$picture"

starts=$(wc -l <"$TILE_TRACE")
twice=$(sort "$TILE_TRACE" | uniq -d | wc -l)
alive=$("$rpcv" grid --json --only "127.0.0.1:${ports[1]}" 2>/dev/null |
  grep -Eo '"suspected": ?true' | wc -l) || true

say ""
say "  $green$done_mark$plain ${bold}the same picture, byte for byte$plain"
say ""
fact "drawn" "$tiles tiles in $(seconds $grid_time) by the grid, $(seconds $here_time) without"
fact "killed" "$(printf '%s, ' "${killed[@]}" | sed 's/, $//')"
fact "again" "$starts starts for $tiles tiles: $twice drawn more than once, none lost"
fact "grid" "coordinator 2 suspects $alive of 6 others; the rest goes on"
fact "picture" "$picture ($size)"
say ""
