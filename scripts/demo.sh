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

# Whoever runs this may have a grid of their own configured.
while read -r name; do unset "$name"; done < <(compgen -v RPCV_ || true)
export RPCV_CONFIG=/dev/null RPCV_HEARTBEAT=250ms RPCV_SUSPICION=2s

# ---------------------------------------------------------------- words on the screen

live=; bold=; dim=; red=; green=; plain=; bar_full='#'; bar_empty='.'; done_mark=ok
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
  live=1; bold=$'\e[1m'; dim=$'\e[2m'; red=$'\e[31m'; green=$'\e[32m'; plain=$'\e[0m'
fi
case $(locale charmap 2>/dev/null) in
  UTF-8) bar_full='█'; bar_empty='░'; done_mark='✓' ;;
esac

now() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }
clear_line() { [ -z "$live" ] || printf '\r\e[K'; }
say() { clear_line; printf '%s\n' "$*"; }
step() { clear_line; printf '  %-34s %s\n' "$1" "$dim$2$plain"; }
fact() { printf '  %s%-9s%s %s\n' "$dim" "$1" "$plain" "$2"; }

fail() {
  clear_line
  printf '\n%sdemo failed:%s %s\n' "$red" "$plain" "$1" >&2
  keep=1
  for log in "$work"/log/*; do
    [ -s "$log" ] || continue
    printf '%s--- %s%s\n' "$dim" "${log##*/}" "$plain" >&2
    tail -n 4 "$log" >&2
  done
  printf 'all logs and data: %s\n' "$work" >&2
  exit 1
}

# ---------------------------------------------------------------- processes

declare -A pid_of=()
work=; keep=; map=

# Kills what is left, and waits until it is gone.
clean_up() {
  local pid
  trap '' INT TERM
  for pid in $map "${pid_of[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  for pid in $map "${pid_of[@]}"; do
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
  done
  [ -z "$work" ] || [ -n "$keep" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'clear_line; say "stopped; nothing is left running"; exit 130' INT TERM

start() { # NAME ARGUMENT...
  local name=$1
  shift
  "$rpcv" "$@" --directory "$work/data/$name" >"$work/log/$name" 2>&1 </dev/null &
  pid_of[$name]=$!
  disown # so that the shell says nothing when it is killed
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    case " ${ports[*]-} " in *" $port "*) continue ;; esac
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  ports+=("$port")
}

killed=()
kill_hard() { # NAME WHAT-IT-WAS
  kill -9 "${pid_of[$1]}"
  unset "pid_of[$1]"
  local at
  at=$(seconds $(($(now) - begun)))
  killed+=("$1 at $at")
  say "    $(printf '%7s' "$at")  $red kill -9 $plain $2"
}

# ---------------------------------------------------------------- before the grid

[ -x "$rpcv" ] || { echo "demo: $rpcv is not there: run 'make build' first" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/rpcv-demo.XXXXXX")
mkdir -p "$work"/{log,data,here,grid}
export XDG_STATE_HOME=$work/data/state
view=seahorse.view
tiles=$("$example/tiles.sh" "$example/$view")
size=$(awk '$1 == "picture" { print $2 " x " $3 }' "$example/$view")
files() { seq -f "$1/tile-%.0f.ppm" 0 $((tiles - 1)); }
ends() { find "$work/$1" -maxdepth 1 -name 'tile-*.ppm' | wc -l; }

progress() { # DONE SINCE
  [ -n "$live" ] || return 0
  local width=40 full bar
  full=$(($1 * width / tiles))
  printf -v bar '%*s' "$full" ''
  bar=${bar// /$bar_full}
  local rest
  printf -v rest '%*s' $((width - full)) ''
  printf '\r\e[K    %s%s  %d of %d tiles  %s' "$bar" "$dim${rest// /$bar_empty}$plain" "$1" \
    "$tiles" "$(seconds $(($(now) - $2)))"
}

say ""
say "${bold}A picture of $tiles tiles by a grid that loses a coordinator and two servers$plain"
say ""

# ---------------------------------------------------------------- the same without a grid

"$example/build.sh" "$work/here" 2>"$work/log/compiler" || fail "the example can't be compiled"
cp "$example/$view" "$work/here"
cp "$work/here/tile" "$example/$view" "$work/grid"

begun=$(now)
(cd "$work/here" && seq 0 $((tiles - 1)) |
  xargs -P "$(nproc)" -I '{}' ./tile "$view" '{}' 'tile-{}.ppm') &
alone=$!
while kill -0 "$alone" 2>/dev/null; do
  progress "$(ends here)" "$begun"
  sleep 0.2
done
wait "$alone" || fail "the picture can't be drawn without a grid"
here_time=$(($(now) - begun))
step "drawn on this machine alone" "$(nproc) processes, $(seconds $here_time)"

# ---------------------------------------------------------------- the grid

ports=()
for _ in 1 2 3; do free_port; done
coordinators=$(printf '127.0.0.1:%s,' "${ports[@]}")
export RPCV_COORDINATORS=${coordinators%,}
# How many coordinators know another's identity, and servers, as one of them or all of them see it.
count_nodes() { "$rpcv" grid --json --coordinators "$1" 2>/dev/null | grep -o "$2" | wc -l; }
coordinators_seen() {
  local known
  known=$(count_nodes "127.0.0.1:${ports[0]}" '"lagBytes"')
  [ "$known" -ge 3 ] && ! "$rpcv" grid --json --coordinators "127.0.0.1:${ports[0]}" |
    grep -Eq '"node": ?null'
}
servers_seen() {
  local port sum=0
  for port in "${ports[@]}"; do sum=$((sum + $(count_nodes "127.0.0.1:$port" '"host"'))); done
  [ "$sum" -ge 4 ]
}
await() { # CONDITION WHAT
  local since name
  since=$(now)
  until "$1"; do
    for name in "${!pid_of[@]}"; do
      kill -0 "${pid_of[$name]}" 2>/dev/null || fail "$name ended by itself"
    done
    [ $(($(now) - since)) -lt 30000 ] || fail "$2 after 30 s"
    sleep 0.1
  done
}

for k in 1 2 3; do start "coordinator-$k" coordinator --listen "127.0.0.1:${ports[k - 1]}"; done
await coordinators_seen "the coordinators don't see each other"
for k in 1 2 3 4; do start "server-$k" server --slots 1; done
await servers_seen "not all servers have come"
step "3 coordinators, 4 servers started" "ports ${ports[*]}"

# The program and its input are sent along; the servers have nothing of them. It notes each start.
export TILE_TRACE=$work/started
: >"$TILE_TRACE"
begun=$(now)
(cd "$work/grid" && seq 0 $((tiles - 1)) | "$rpcv" map --session demo --no-progress \
  --env TILE_TRACE --in "$view" --out 'tile-{}.ppm' --joblog "$work/log/jobs" \
  ./tile "$view" '{}' 'tile-{}.ppm' >"$work/log/map" 2>&1) &
map=$!
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
  progress "$count" "$begun"
  [ $(($(now) - begun)) -lt $((limit * 1000)) ] || fail "the grid took longer than $limit s"
  sleep 0.1
done
status=0
wait "$map" || status=$?
map=
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
alive=$("$rpcv" grid --json --coordinators "127.0.0.1:${ports[1]}" 2>/dev/null |
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
