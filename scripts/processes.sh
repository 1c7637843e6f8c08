# processes.sh, sourced by demo.sh and shows.sh: words on a terminal, and a grid of processes that
# can be killed with -9 and are gone at the end, whatever ends the script. Everything is on free
# loopback ports and in $work, a temporary folder that goes too unless something failed.
# The script sets `rpcv` (the program) and `me` (its own name in messages) before it sources this.

# Whoever runs this may have a grid of their own configured.
while read -r name; do unset "$name"; done < <(compgen -v RPCV_ || true)
export RPCV_CONFIG=/dev/null

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
  printf '\n%s%s failed:%s %s\n' "$red" "$me" "$plain" "$1" >&2
  keep=1
  for log in "$work"/log/*; do
    [ -s "$log" ] || continue
    printf '%s--- %s%s\n' "$dim" "${log##*/}" "$plain" >&2
    tail -n 4 "$log" >&2
  done
  printf 'all logs and data: %s\n' "$work" >&2
  exit 1
}

progress() { # DONE ALL WORD SINCE
  [ -n "$live" ] || return 0
  local width=40 full bar rest
  full=$(($1 * width / $2))
  printf -v bar '%*s' "$full" ''
  bar=${bar// /$bar_full}
  printf -v rest '%*s' $((width - full)) ''
  printf '\r\e[K    %s%s  %d of %d %s  %s' "$bar" "$dim${rest// /$bar_empty}$plain" "$1" "$2" \
    "$3" "$(seconds $(($(now) - $4)))"
}

# ---------------------------------------------------------------- processes

declare -A pid_of=()
work=; keep=

# Kills what is left, and waits until it is gone.
kill_all() {
  local pid
  for pid in "${pid_of[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  for pid in "${pid_of[@]}"; do
    { wait "$pid"; } 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
  done
  pid_of=()
}
clean_up() {
  trap '' INT TERM
  kill_all
  [ -z "$work" ] || [ -n "$keep" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'clear_line; say "stopped; nothing is left running"; exit 130' INT TERM

make_work() {
  [ -x "$rpcv" ] || { echo "$me: $rpcv is not there: run 'make build' first" >&2; exit 1; }
  work=$(mktemp -d "${TMPDIR:-/tmp}/rpcv-$me.XXXXXX")
  export XDG_STATE_HOME=$work/data/state
}

start() { # NAME ARGUMENT...: a coordinator or a server
  local name=$1
  shift
  "$rpcv" "$@" --directory "$work/data/$name" >>"$work/log/$name" 2>&1 </dev/null &
  pid_of[$name]=$!
  disown # so that the shell says nothing when it is killed
}

kill_now() { # NAME: with -9, and gone when this returns
  local pid=${pid_of[$1]}
  unset "pid_of[$1]"
  kill -9 "$pid" 2>/dev/null || true
  { wait "$pid"; } 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}

ports=()
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    case " ${ports[*]-} " in *" $port "*) continue ;; esac
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  ports+=("$port")
}

draw_ports() { # HOW MANY; sets RPCV_COORDINATORS for all that is started from now on
  local list
  ports=()
  for _ in $(seq "$1"); do free_port; done
  list=$(printf '127.0.0.1:%s,' "${ports[@]}")
  export RPCV_COORDINATORS=${list%,}
}

await() { # CONDITION WHAT [SECONDS]
  local since name limit=${3:-30}
  since=$(now)
  until "$1"; do
    for name in "${!pid_of[@]}"; do
      kill -0 "${pid_of[$name]}" 2>/dev/null || [ "$name" = client ] || fail "$name ended by itself"
    done
    [ $(($(now) - since)) -lt $((limit * 1000)) ] || fail "$2 after $limit s"
    sleep 0.1
  done
}

# What the coordinator on a port sees, as JSON; nothing if it does not answer.
seen_from() { "$rpcv" grid --json --only "127.0.0.1:$1" 2>/dev/null || true; }
count() { grep -oE "$1" | wc -l || true; }

# Each coordinator hears all of them, suspects none, and its successor lacks nothing.
coordinators_seen() {
  local port seen
  for port in "${ports[@]}"; do
    seen=$(seen_from "$port")
    seen=${seen%%'"servers":'*}
    [ "$(count '"suspected": ?false' <<<"$seen")" = ${#ports[@]} ] || return 1
    ! grep -qE '"node": ?null|"lagBytes": ?[1-9]' <<<"$seen" || return 1
  done
}

# Every server that was started is known to some coordinator.
servers_seen() {
  local port name servers=0 sum=0
  for name in "${!pid_of[@]}"; do [ "${name#server}" = "$name" ] || servers=$((servers + 1)); done
  for port in "${ports[@]}"; do
    sum=$((sum + $(seen_from "$port" | count '"host"')))
  done
  [ "$sum" -ge "$servers" ]
}

start_coordinator() { # K
  start "coordinator-$1" coordinator --listen "127.0.0.1:${ports[$1 - 1]}"
}
start_grid() { # COORDINATORS SERVERS SLOTS
  local k
  draw_ports "$1"
  for k in $(seq "$1"); do start_coordinator "$k"; done
  await coordinators_seen "the coordinators don't see each other"
  for k in $(seq "$2"); do start "server-$k" server --slots "$3"; done
  await servers_seen "not all servers have come"
}
