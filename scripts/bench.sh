#!/usr/bin/env bash
# bench.sh [JOBS] [ROUNDS]: what one call of `rpcv map` costs beside its peers, in one run on this
# machine: JOBS times /bin/true, two at once. The peers keep nothing; rpcv map logs every call and
# result durably. Medians of ROUNDS rounds, and ratios, which say more than the times do.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=${1:-2000}
rounds=${2:-3}
rpcv=${RPCV:-.build-release/release/rpcv}
[ -x "$rpcv" ] || { echo "bench.sh: no $rpcv: run 'make build' first" >&2; exit 1; }

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
export RPCV_DIRECTORY=$state/rpcv RPCV_CONFIG=$state/config PARALLEL_HOME=$state
: >"$RPCV_CONFIG"

run_rpcv() { seq "$jobs" | "$rpcv" map -j2 /bin/true '{}'; }
run_xargs() { seq "$jobs" | xargs -P2 -I '{}' /bin/true '{}'; }
run_parallel() { seq "$jobs" | parallel --will-cite -j2 /bin/true '{}'; }

peers=(rpcv xargs)
if command -v parallel >/dev/null; then
  peers+=(parallel)
else
  echo "GNU parallel is not installed: compared with xargs only"
fi

# Rounds in turn, so that a busy moment of the machine hits all alike.
for ((round = 0; round < rounds; round++)); do
  for peer in "${peers[@]}"; do
    start=$(date +%s%N)
    "run_$peer"
    echo $((($(date +%s%N) - start) / 1000)) >>"$state/$peer.times"
  done
done

median() { sort -n "$state/$1.times" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'; }

echo "$jobs times /bin/true, two at once, median of $rounds rounds:"
ours=$(median rpcv)
for peer in "${peers[@]}"; do
  awk -v name="$peer" -v us="$(median "$peer")" -v jobs="$jobs" -v ours="$ours" 'BEGIN {
    printf "  %-9s %8.3f s  %7.1f us a job", name, us / 1e6, us / jobs
    if (name == "rpcv") print ""; else printf "  rpcv takes %.2f of it\n", ours / us }'
done
