#!/usr/bin/env bash
# Installs the Debian packages that a step needs and that are missing, and says which.
#   scripts/setup.sh build|test|demo|bench|bench-store|proto ...
# Asks for nothing and changes nothing when all is there. Packages that only make a test or a
# comparison richer are optional: without a network their absence is said, and the step goes on.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# What apt-get says when it reached no mirror, or a mirror without the package.
unreachable='could not (resolve|connect)|unable to (connect|locate)|failed to fetch'
unreachable+='|network is unreachable|has no installation candidate'

required=()
optional=()
need() { for package in "$@"; do required+=("$package"); done; }
like() { for package in "$@"; do optional+=("$package"); done; }

for step in "$@"; do
  need git zlib1g-dev liblz4-dev
  case $step in
    build) ;;
    test) like parallel ;;
    demo) command -v cc >/dev/null || command -v clang >/dev/null || need gcc libc6-dev ;;
    bench) like parallel gearman-job-server ;;
    bench-store)
      need libsqlite3-dev librocksdb-dev libpq-dev libxxhash-dev
      need postgresql redis-server
      ;;
    proto) need protobuf-compiler ;;
    *) fail "unknown step '$step': build, test, demo, bench, bench-store or proto" ;;
  esac
done

command -v swift >/dev/null ||
  fail "no 'swift' on the PATH: install Swift 6.2 or later first, see https://www.swift.org/install"

if ! command -v dpkg >/dev/null; then
  say "not a Debian system: if the build misses something, install what these packages hold:" \
    "${required[*]} ${optional[*]}"
  exit 0
fi

installed() { dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed'; }

# Prints those of its arguments that are not installed, each once.
missing() {
  local package
  for package in "$@"; do installed "$package" || printf '%s\n' "$package"; done | sort -u
}

mapfile -t must < <(missing "${required[@]}")
mapfile -t may < <(missing "${optional[@]}")
[ ${#must[@]} -gt 0 ] || [ ${#may[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null; then
    as_root=(sudo)
  elif [ ${#must[@]} -gt 0 ]; then
    fail "missing: ${must[*]}; there is no sudo here: run 'apt-get install ${must[*]}' as root"
  else
    say "not installed: ${may[*]} (optional; no sudo here): what compares with them is skipped"
    exit 0
  fi
fi

say "installing: ${must[*]} ${may[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o Acquire::Retries=2 -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1
}

# `update` also succeeds when it could reach nobody; the install then tells.
apt update || true
if [ ${#must[@]} -gt 0 ] && ! apt install --no-install-recommends "${must[@]}"; then
  tail -n 15 "$log" >&2
  if grep -qiE "$unreachable" "$log"; then
    fail "the Debian packages ${must[*]} could not be fetched: is there a network, and a Debian" \
      "mirror in /etc/apt? Install them by hand, then run this again"
  fi
  fail "apt-get could not install ${must[*]}: the reason stands above"
fi
for package in "${may[@]}"; do
  apt install --no-install-recommends "$package" ||
    say "$package could not be installed (optional): what compares with it is skipped"
done
