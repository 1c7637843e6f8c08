#!/usr/bin/env bash
# shows.sh [2|3|4|5|6|8|9|all]...: what a grid is for, shown at full size with separate processes:
# 1,000 tasks of 0.5 s on 3 coordinators and 4 servers of 4 slots.
#   2  three runs in which every 2 s a random process (the client included) is killed with -9 and
#      started again: every result file right, every line on stdout at least once, as a local run
#   3  all processes killed at once in the middle: at most the tasks that ran then run twice
#   4  the directory of a coordinator removed in the middle: nothing is lost, the ring heals, the
#      directory fills again
#   5  during the run each copy of a segment is a prefix of its writer's file; at rest all
#      coordinators hold the same facts, and what two of them hold is the same bytes
#   6  96 calls of `sleep 1` on 16 slots, six runs with 3 coordinators and six with 1: below 3% over
#      the ideal 6 s
#   8  rpcv-logdump of a coordinator in use, of a torn copy and of a corrupted one
#   9  ten bits flipped in old segments of a coordinator that runs: it goes on, says so in
#      `rpcv grid`, and is whole again by what its neighbours give it
# Everything happens in a temporary folder and on free loopback ports; after a failure the folder
# stays and is named. The whole takes about 10 minutes.
#   RPCV, LOGDUMP   the programs (default: the release build)
#   SEED            of the kills of show 2 (default: drawn, and printed)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
rpcv=${RPCV:-$root/.build-release/release/rpcv}
logdump=${LOGDUMP:-$root/.build-release/release/rpcv-logdump}
seed=${SEED:-$((EPOCHSECONDS % 32768))}
tasks=1000
slots=16

me=shows
# shellcheck source=scripts/processes.sh
. "$root/scripts/processes.sh"
# shellcheck source=scripts/held.sh
. "$root/scripts/held.sh"
# shellcheck source=scripts/rot.sh
. "$root/scripts/rot.sh"

# ---------------------------------------------------------------- the job

# Each start and each end of a task appends to a file of its own, so that both can be counted.
# shellcheck disable=SC2016 # the task's shell expands it
job='echo start >>"$STARTS/{}"; sleep 0.5; seq {} | cksum >r{}
  echo end >>"$STARTS/{}"; echo {} done'

since_begun() { seconds $(($(now) - begun)); }
title() { say "" && say "${bold}Show $1$plain"; }

# The same commands without a grid, once.
local_run() {
  mkdir -p "$work"/local/{results,starts}
  seq "$tasks" >"$work/local/arguments"
  (cd "$work/local/results" && STARTS=$work/local/starts \
    xargs -P 64 -I '{}' sh -c "$job" <"$work/local/arguments" | sort >"$work/local/stdout")
}

# An empty place with a grid in it.
fresh() { # COORDINATORS
  kill_all
  rm -rf "$work"/{log,data,results,starts,stdout,sample}
  mkdir -p "$work"/{log,data,results,starts,stdout}
  clients=0
  start_grid "$1" 4 4
}

# Each start of the client prints to a file of its own: a line may have been cut by a kill.
start_client() {
  clients=$((clients + 1))
  (cd "$work/results" && STARTS=$work/starts exec "$rpcv" map --session show --no-progress \
    --env STARTS --out 'r{}' "$job" <"$work/local/arguments" \
    >"$work/stdout/$clients" 2>>"$work/log/client") &
  pid_of[client]=$!
}
client_runs() { kill -0 "${pid_of[client]}" 2>/dev/null; }

end_of_client() { # SECONDS
  local since status=0
  since=$(now)
  while client_runs; do
    progress "$(results)" "$tasks" results "$begun"
    [ $(($(now) - since)) -lt $(($1 * 1000)) ] || fail "the client has not ended after $1 s"
    sleep 0.1
  done
  { wait "${pid_of[client]}"; } 2>/dev/null || status=$?
  unset "pid_of[client]"
  clear_line
  [ "$status" = 0 ] || fail "rpcv map ended with status $status"
}

results() { (cd "$work/results" && shopt -s nullglob && set -- r* && echo $#); }
half_way() { [ "$(results)" -ge $((tasks / 2)) ]; }
lines_with() { cat "$work"/starts/* 2>/dev/null | grep -c "$1" || true; }
twice() { grep -c start "$work"/starts/* | grep -cv ':1$' || true; }

# The files are exactly those of the local run; stdout has each of its lines at least once.
check_results() {
  diff -r "$work/local/results" "$work/results" >"$work/log/diff" || fail "the results differ"
  for file in "$work"/stdout/*; do cat "$file"; echo; done | sort -u >"$work/printed"
  comm -23 "$work/local/stdout" "$work/printed" >"$work/log/missing-lines"
  [ ! -s "$work/log/missing-lines" ] || fail "$(wc -l <"$work/log/missing-lines") lines are missing"
}
told_results() { fact results "$(results) files and $tasks lines, as without a grid"; }

revive() { # NAME
  case $1 in
    client) start_client ;;
    coordinator-*) start_coordinator "${1#coordinator-}" ;;
    server-*) start "$1" server --slots 4 ;;
  esac
}

# ---------------------------------------------------------------- 2: random kills

show_2_run() { # SEED
  local name kills=0 of_client=0 of_servers=0
  local all=(client coordinator-{1,2,3} server-{1,2,3,4})
  fresh 3
  begun=$(now)
  start_client
  RANDOM=$1
  while :; do
    for _ in $(seq 20); do
      client_runs || break 2
      progress "$(results)" "$tasks" results "$begun"
      sleep 0.1
    done
    [ $(($(now) - begun)) -lt 300000 ] || fail "seed $1: not ready after 300 s"
    name=${all[RANDOM % ${#all[@]}]}
    kill_now "$name"
    revive "$name"
    kills=$((kills + 1))
    case $name in
      client) of_client=$((of_client + 1)) ;;
      server*) of_servers=$((of_servers + 1)) ;;
    esac
  done
  end_of_client 1
  step "seed $1: $(since_begun)" "$kills kills: of the client $of_client, of\
 servers $of_servers, of coordinators $((kills - of_client - of_servers))"
  check_results
  told_results
  fact again "$(lines_with start) starts; $(twice) tasks started more than once"
  check_same_facts 240
  told_facts
}
show_2() {
  title "2: $tasks tasks of 0.5 s, every 2 s a random process killed with -9"
  local k
  for k in 0 1 2; do show_2_run $((seed + k)); done
}

# ---------------------------------------------------------------- 3: all killed at once

show_3() {
  title "3: everything killed at once in the middle"
  fresh 3
  begun=$(now)
  start_client
  await half_way "half of the results are not there" 120
  local name running before
  # One command for all, and nobody is started before all are gone.
  kill -9 "${pid_of[@]}"
  kill_all
  before=$(results)
  running=$(($(lines_with start) - $(lines_with end)))
  step "killed at $(since_begun)" "8 processes, $running tasks running, $before results"
  for name in coordinator-{1,2,3} server-{1,2,3,4} client; do revive "$name"; done
  end_of_client 120
  step "finished at $(since_begun)" "$(lines_with start) starts"
  check_results
  told_results
  fact again "$(twice) tasks ran twice; $slots slots, $running running at the kill"
  [ "$(twice)" -le "$slots" ] || fail "more tasks ran twice than there are slots"
  ! grep -c start "$work"/starts/* | grep -q ':[3-9]' || fail "a task ran three times"
}

# ---------------------------------------------------------------- 4: a lost directory

show_4() {
  title "4: the directory of a coordinator removed in the middle"
  fresh 3
  begun=$(now)
  start_client
  await half_way "half of the results are not there" 120
  local lost
  kill_now coordinator-1
  lost=$(bytes_of 1)
  rm -rf "$(directory 1)"
  start_coordinator 1
  step "removed at $(since_begun)" "coordinator 1 with $lost bytes; started again, empty"
  end_of_client 120
  step "finished at $(since_begun)" "$(lines_with start) starts, $(twice) tasks twice"
  check_results
  told_results
  await coordinators_seen "a coordinator is suspected or lags" 60
  fact ring "healed: all three hear each other, lag 0"
  check_same_facts 240
  told_facts
  fact filled "coordinator 1 holds $(bytes_of 1) bytes, the others $(bytes_of 2) and $(bytes_of 3)"
}

# ---------------------------------------------------------------- 5: the same facts and bytes

# Compares each copy with its writer's file, as they are now. The copy is read first: the writer
# has every byte of it already.
sample_copies() {
  local writer holder node copy own end
  mkdir -p "$work/sample"
  for writer in 1 2 3; do
    node=$(awk '$1 == "node" { print $2; exit }' "$(directory "$writer")/IDENTITY")
    for holder in 1 2 3; do
      [ "$holder" != "$writer" ] || continue
      for copy in "$(directory "$holder")"/*/"$node"-*.seg; do
        own=$(directory "$writer")/${copy#"$(directory "$holder")/"}
        cp "$copy" "$work/sample/copy.seg" 2>/dev/null && [ -e "$own" ] || continue
        end=$(dump --brief "$work/sample/copy.seg" | sed -n 's/^.*"end":\([0-9]*\).*$/\1/p')
        [ -n "$end" ] || continue
        # It may have been drained a moment ago, but never differ.
        cmp -n "$end" "$work/sample/copy.seg" "$own" >"$work/log/cmp" 2>&1 || [ ! -e "$own" ] ||
          fail "coordinator $holder's copy of ${own##*/} is no prefix of coordinator $writer's file"
        samples=$((samples + 1)) sampled=$((sampled + end))
      done
    done
  done
}

show_5() {
  title "5: the same facts, and the same bytes"
  fresh 3
  begun=$(now)
  samples=0 sampled=0
  start_client
  local rounds=0 plan=(coordinator-2 server-3 coordinator-1)
  while client_runs; do
    sample_copies
    rounds=$((rounds + 1))
    if [ ${#plan[@]} -gt 0 ] && [ $((rounds % 6)) = 0 ]; then
      kill_now "${plan[0]}"
      revive "${plan[0]}"
      plan=("${plan[@]:1}")
    fi
    progress "$(results)" "$tasks" results "$begun"
    sleep 1
  done
  end_of_client 1
  [ ${#plan[@]} = 0 ] || fail "the job was over before all were killed"
  step "$(since_begun)" "with kill -9 of coordinators 2 and 1 and server 3"
  check_results
  told_results
  [ "$samples" -gt 0 ] || fail "no copy was found"
  fact "in use" "$rounds looks: $samples copies, $sampled bytes, each a prefix of its writer's"
  begun=$(now)
  check_same_facts 240
  told_facts
  fact after "$(since_begun)"
}

# ---------------------------------------------------------------- 6: overhead

show_6_runs() { # COORDINATORS
  local times=() begun ended median over
  unset RPCV_HEARTBEAT RPCV_SUSPICION
  fresh "$1"
  for _ in 1 2 3 4 5 6; do
    begun=$(now)
    printf '1\n%.0s' {1..96} | "$rpcv" map --no-progress --joblog "$work/log/jobs" sleep \
      2>>"$work/log/client" || fail "rpcv map ended with status $?"
    ended=$(now)
    [ "$(wc -l <"$work/log/jobs")" = 97 ] || fail "the job log has not 96 calls"
    times+=($((ended - begun)))
  done
  mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
  median=$(((times[2] + times[3]) / 2))
  over=$(awk "BEGIN { printf \"%.1f\", ($median - 6000) / 60 }")
  step "$1 coordinator(s): $median ms" "$over% over 6 s; six runs, ${times[0]} to ${times[5]} ms"
  awk "BEGIN { exit !($median < 6180) }" || slow=1
}
show_6() {
  title "6: 96 calls of sleep 1 on $slots slots"
  slow=
  show_6_runs 3
  show_6_runs 1
  [ -z "$slow" ] || fail "a median is 3% or more over the ideal 6 s"
}

# ---------------------------------------------------------------- 8: rpcv-logdump

verdict() { # STATUS WORD PATH: what --verify says and how it ends
  local status=0
  "$logdump" --verify "$3" >"$work/log/verify" 2>&1 || status=$?
  [ "$status" = "$1" ] || fail "rpcv-logdump --verify $3 ended with $status instead of $1"
  grep -q "$2\$" <<<"$(tail -n 1 "$work/log/verify")" || fail "rpcv-logdump doesn't say '$2'"
}
tell_verdict() { # WHAT STATUS PATTERN
  step "$1" "exit $2"
  grep -E "$3" "$work/log/verify" | cut -c 1-150 | sed 's/^/      /'
}
tree_sum() { (cd "$1" && find . -type f -exec cksum {} + | sort); }

show_8() {
  title "8: rpcv-logdump of a coordinator in use, of a torn copy and of a corrupted one"
  fresh 3
  begun=$(now)
  start_client
  await half_way "half of the results are not there" 120
  local k file frames offset end middle byte before
  for k in $(seq 10); do
    client_runs || fail "the job was over before the looks at the directory in use"
    verdict 0 sound "$(directory 1)"
  done
  tell_verdict "in use, 10 times" 0 '^segment|sound$'
  "$logdump" "$(directory 1)" >"$work/log/dump"
  k=$(grep -c '^    #' "$work/log/dump")
  fact shown "$k records in $(grep -c '^  frame' "$work/log/dump") frames"

  kill_now coordinator-1
  for k in torn corrupted; do cp -r "$(directory 1)" "$work/data/$k"; done
  start_coordinator 1
  # Of the longest own segment: the last frame is torn in its middle; one in the middle is changed.
  file=$(dump --brief "$work/data/torn" | grep '"own":true' | sed -nE \
    's|^.*"file":"[^"]*/([^/"]*/[^/"]*)".*"end":([0-9]*).*$|\2 \1|p' | sort -rn | head -n 1)
  file=${file#* }
  mapfile -t frames < <(dump "$work/data/torn/$file" | sed -nE \
    's/^\{"type":"frame".*"offset":([0-9]*),"end":([0-9]*).*$/\1 \2/p')
  read -r offset end <<<"${frames[-1]}"
  truncate -s $(((offset + end) / 2)) "$work/data/torn/$file"
  before=$(tree_sum "$work/data/torn")
  verdict 1 torn "$work/data/torn"
  tell_verdict "last frame at $offset torn at $(((offset + end) / 2))" 1 'torn'
  [ "$(tree_sum "$work/data/torn")" = "$before" ] || fail "rpcv-logdump changed what it looked at"

  read -r offset end <<<"${frames[${#frames[@]} / 2]}"
  middle=$(((offset + end) / 2))
  byte=$(od -An -tu1 -j "$middle" -N 1 "$work/data/corrupted/$file")
  printf '%b' "$(printf '\\x%02x' $((byte ^ 16)))" |
    dd of="$work/data/corrupted/$file" bs=1 seek="$middle" conv=notrunc status=none
  verdict 2 corrupt "$work/data/corrupted"
  tell_verdict "a bit flipped at $middle" 2 'corrupt'
  "$logdump" "$work/data/corrupted/$file" >"$work/log/dump"
  k=$(grep -c 'behind the damage' "$work/log/dump" || true)
  [ "$k" -gt 0 ] || fail "no frame is shown behind the damage"
  fact salvaged "$k of ${#frames[@]} frames stand intact behind the damage"
  end_of_client 120
  check_results
  told_results
}

# ---------------------------------------------------------------- which

chosen=("${@:-all}")
case " ${chosen[*]} " in *' all '*) chosen=(2 3 4 5 6 8 9) ;; esac
for show in "${chosen[@]}"; do
  case $show in [2345689]) ;; *) echo "usage: $0 [2|3|4|5|6|8|9|all]..." >&2; exit 64 ;; esac
done
[ -x "$logdump" ] || { echo "$me: $logdump is not there: run 'make build' first" >&2; exit 1; }

if [ ${#chosen[@]} -gt 1 ]; then # each in a process of its own, so that one may fail
  failed=()
  for show in "${chosen[@]}"; do
    "$0" "$show" || { [ $? != 130 ] || exit 130; failed+=("$show"); }
  done
  [ ${#failed[@]} = 0 ] || { echo "failed: show ${failed[*]}" >&2; exit 1; }
  exit 0
fi

make_work
export RPCV_HEARTBEAT=500ms RPCV_SUSPICION=3s
case ${chosen[0]} in 6 | 9) ;; *) local_run ;; esac
"show_${chosen[0]}"
say "  $green$done_mark$plain as it should be"
