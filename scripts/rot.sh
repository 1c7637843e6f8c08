# rot.sh, sourced by shows.sh after processes.sh and held.sh: show 9, bits that rot on a disk.
# The script sets `tasks` and `seed`.

flip() { # FILE OFFSET BIT
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf '%b' "$(printf '\\x%02x' $((byte ^ (1 << $3))))" |
    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
disk_words() { "$rpcv" grid --only "127.0.0.1:${ports[0]}" 2>/dev/null | grep '^warning:' || true; }
all_told() { [ "$(disk_words | grep -c 'damaged from')" -ge "$harmed" ]; }
# Or its writer has retired it meanwhile, and it is gone.
all_whole() { [ "$(disk_words | grep -cE 'is (whole again|gone as a whole)')" -ge "$harmed" ]; }

show_9() {
  title "9: ten bits flipped in old segments of a coordinator that runs"
  fresh 3
  local k file end files=() last=
  seq "$tasks" | sed 's/^/echo /' >"$work/commands"
  # Calls that are kept: all that is written about them stays live. A start makes old segments.
  for k in 1 2 3; do
    "$rpcv" submit --session "bits-$k" --file "$work/commands" >/dev/null 2>>"$work/log/client"
    "$rpcv" wait "bits-$k" >/dev/null 2>>"$work/log/client" || fail "rpcv wait ended with status $?"
    kill_now "coordinator-$k"
    start_coordinator "$k"
    await coordinators_seen "a coordinator is suspected or lags" 60
  done
  while read -r _ file end; do
    [ "$end" -lt 20000 ] || files+=("$file $end")
  done < <(held 1)
  [ ${#files[@]} -gt 1 ] || fail "coordinator 1 has no old segments"
  RANDOM=$seed
  harmed=$((${#files[@]} < 10 ? ${#files[@]} : 10))
  for k in $(seq 0 9); do
    read -r file end <<<"${files[k % ${#files[@]}]}"
    flip "$(directory 1)/$file" $((64 + (RANDOM * 32768 + RANDOM) % (end - 64))) $((RANDOM % 8))
  done
  begun=$(now)
  step "seed $seed: flipped" "10 bits in $harmed segments of ${#files[@]}"
  await all_told "not all damage is told" 180
  step "told after $(since_begun)" "$(disk_words | grep 'damaged from' | head -n 1 | cut -c 1-110)"
  await all_whole "not all is whole again" 120
  step "whole after $(since_begun)" "$(disk_words | grep 'whole again' | head -n 1 | cut -c 1-110)"
  "$rpcv" submit --session after --file "$work/commands" >/dev/null 2>>"$work/log/client"
  "$rpcv" wait after >/dev/null 2>>"$work/log/client" || fail "rpcv wait ended with status $?"
  for k in bits-{1,2,3} after; do
    "$rpcv" results "$k" | sort -n | cmp -s - <(seq "$tasks") || fail "the results of $k differ"
  done
  fact results "$((4 * tasks)) right, those of before and those of after"
  check_same_facts 240
  told_facts
  last=$(find "$(directory 1)" -name '*.damaged*' | wc -l)
  fact aside "$last damaged files are kept"
}
