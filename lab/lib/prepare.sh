# shellcheck shell=bash
# What the lab needs before it begins: root, tools, programs, a directory, a way to clean up.
# Sourced; expects ROOT, BIN, KEEP and fail.

PREFIX=wl$$

# Every tool in use, with the Debian package that has it.
TOOLS=(iperf3:iperf3 ping:iputils-ping ip:iproute2 tc:iproute2 ss:iproute2 ethtool:ethtool jq:jq awk:mawk
  curl:curl setsid:util-linux)

require_root() {
  [[ $EUID -eq 0 ]] || fail "not root; network namespaces and TUN devices need it (try: sudo $0)"
  [[ -c /dev/net/tun ]] || fail "no /dev/net/tun; load the tun module or pass the device into the container"
  ip netns add "$PREFIX-try" 2>/dev/null ||
    fail "root, but not allowed to make network namespaces; a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN"
  ip netns del "$PREFIX-try"
}

# require_tools: names all that are missing at once, and what to install.
require_tools() {
  local pair missing=() packages=()
  for pair in "${TOOLS[@]}"; do
    command -v "${pair%%:*}" >/dev/null && continue
    missing+=("${pair%%:*}")
    packages+=("${pair##*:}")
  done
  [[ ${#missing[@]} -eq 0 ]] ||
    fail "missing ${missing[*]}; on Debian: apt-get install --no-install-recommends $(printf '%s\n' "${packages[@]}" | sort -u | tr '\n' ' ')"
}

# find_programs PACKAGE...: builds them unless --bin-dir says where they are.
find_programs() {
  if [[ -z $BIN ]]; then
    (cd "$ROOT" && cargo build --release --quiet "${@/#/--package=}")
    BIN=${CARGO_TARGET_DIR:-$ROOT/target}/release
  fi
  WANEMU=$BIN/wanemu WANCTL=$BIN/wanctl WANCTLD=$BIN/wanctld
}

clean_up() {
  local status=$?
  set +e
  topology_down
  if [[ -n $KEEP ]]; then echo "lab: logs and samples are in $DIR" >&2; else rm -rf "$DIR"; fi
  exit "$status"
}

prepare() {
  require_tools
  require_root
  find_programs "$@"
  DIR=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT TERM
}
