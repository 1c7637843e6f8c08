# held.sh, sourced by shows.sh after processes.sh: what the coordinators of a grid hold on their
# disks, as rpcv-logdump tells it, and how it compares.
# The script sets `logdump` (the program).

directory() { echo "$work/data/coordinator-$1"; }
dump() { "$logdump" --json "$@" 2>/dev/null || true; }
# Lines of: segment, file in its log, logical end.
held() { # K
  dump --brief "$(directory "$1")" | grep '"type":"segment"' | sed -E \
    's|^.*"segment":"([^"]*)","file":"[^"]*/([^/"]*/[^/"]*)".*"end":([0-9]*).*$|\1 \2 \3|'
}
bytes_of() { held "$1" | awk '{ sum += $3 } END { print sum + 0 }'; }
all_hold_the_same() {
  local first k
  first=$(held 1)
  [ -n "$first" ] || return 1
  for k in $(seq 2 ${#ports[@]}); do [ "$(held "$k")" = "$first" ] || return 1; done
}
records() { # K: of all segments, without where they stand
  dump "$(directory "$1")" | sed -n '/^{"type":"record"/s/^.*"kind":/"kind":/p' | sort -u
}

# Of each two coordinators, what both hold of a segment.
check_same_bytes() {
  local a b name file end other_end
  compared=0
  for a in $(seq ${#ports[@]}); do
    for b in $(seq $((a + 1)) ${#ports[@]}); do
      while read -r name file end _ other_end; do
        [ "$other_end" -gt "$end" ] || end=$other_end
        cmp -n "$end" "$(directory "$a")/$file" "$(directory "$b")/$file" ||
          fail "$name differs at coordinators $a and $b"
        compared=$((compared + 1))
      done < <(join <(held "$a" | sort) <(held "$b" | sort))
    done
  done
}

check_same_facts() { # SECONDS
  local k
  await all_hold_the_same "the coordinators hold different segments" "$1"
  records 1 >"$work/log/records-1"
  [ -s "$work/log/records-1" ] || fail "coordinator 1 holds no record"
  for k in $(seq 2 ${#ports[@]}); do
    records "$k" >"$work/log/records-$k"
    cmp -s "$work/log/records-1" "$work/log/records-$k" || fail "coordinators 1 and $k differ"
  done
  check_same_bytes
}
told_facts() {
  fact "at rest" "$(wc -l <"$work/log/records-1") records at each, $compared pairs of equal copies"
}
