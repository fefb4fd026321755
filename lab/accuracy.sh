#!/usr/bin/env bash
# How well the emulated line keeps its word: delay, rates, a recorded rate. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")
BIN=
KEEP=

fail() {
  echo "lab: $*" >&2
  exit 2
}

case ${1:-} in
  '') ;;
  --bin-dir) BIN=${2:?--bin-dir needs a directory} ;;
  *) fail "usage: lab/accuracy.sh [--bin-dir DIR]" ;;
esac

# shellcheck source=lib/prepare.sh
source "$HERE/lib/prepare.sh"
# shellcheck source=lib/topology.sh
source "$HERE/lib/topology.sh"
# shellcheck source=lib/measure.sh
source "$HERE/lib/measure.sh"

DELAY_SECONDS=20
RATE_SECONDS=8
PAYLOAD=1400
HEADERS=28 # IP and UDP: the emulator counts IP packets

# begin_flood MBIT SECONDS FILE: more UDP than the line carries, to the client.
begin_flood() {
  start "$3.server" inet iperf3 -s -1 -B "$LOAD_TARGET"
  wait_for "iperf3 server" "$STARTED" "$3.server" download_ready
  start "$3" client iperf3 -c "$LOAD_TARGET" -R -u -b "${1}M" -l "$PAYLOAD" -t "$2" -i 0.1 -J
  LOAD=$STARTED
}

# received FILE: rates of IP packets in bins of 100 ms, without the first second, one per line.
received() {
  jq --argjson wire "$((PAYLOAD + HEADERS))" --argjson payload "$PAYLOAD" '
    .intervals[].sum | select(.start >= 1 and .seconds > 0.05)
    | .bytes * $wire / $payload * 8 / .seconds / 1e6' "$DIR/$1"
}

# measure_rate MBIT
measure_rate() {
  local ticks emulator=${PIDS[0]}
  "$WANEMU" set --control "$DIR/wanemu.sock" "ba=$1"
  ticks=$(cpu_ticks "$emulator")
  begin_flood $(($1 + $1 / 4)) "$RATE_SECONDS" "rate-$1.json"
  wait "$LOAD" || fail "iperf3 failed: $(tail -n 5 "$DIR/rate-$1.json")"
  ticks=$(($(cpu_ticks "$emulator") - ticks))
  received "rate-$1.json" | sort -g | awk -v want="$1" -v cpu="$ticks" -v seconds="$RATE_SECONDS" '
    { rate[NR] = $1; sum += $1 }
    function error(rate) { return (rate / want - 1) * 100 }
    END {
      printf "%4d Mbit/s: mean %+.2f %%, 100 ms bins p5 %+.1f %%, p95 %+.1f %%; emulator %.0f %% of a core\n",
        want, error(sum / NR), error(rate[int(NR * 0.05) + 1]), error(rate[int(NR * 0.95)]), cpu / seconds
    }'
}

# A rate between 8 and 65 Mbit/s for each tenth of 3 s, the same in every run.
make_trace() { awk 'BEGIN { srand(7); for (n = 0; n < 30; n++) printf "%.1f,%.2f\n", n / 10, 8 + 57 * rand() }'; }

measure_trace() {
  local want
  make_trace >"$DIR/trace.csv"
  want=$(awk -F , '{ sum += $2 } END { print sum / NR }' "$DIR/trace.csv")
  WAN_DOWN=(--ba-trace "$DIR/trace.csv")
  topology_up 1000 1000
  begin_flood 90 7 trace.json
  wait "$LOAD" || fail "iperf3 failed: $(tail -n 5 "$DIR/trace.json")"
  received trace.json | head -n 60 | awk -v want="$want" '
    { sum += $1 }
    END { printf "   trace: mean of two rounds %+.2f %% of %.2f Mbit/s\n", (sum / NR / want - 1) * 100, want }'
}

prepare wanctl-wanemu
topology_up 1000 1000
sample "$DELAY_SECONDS" delay.ping
ping_numbers delay.ping | jq -r --argjson base "$((2 * DELAY_MS))" \
  '"delay of \($base) ms: p50 \(.p50), p90 \(.p90), p99 \(.p99), max \(.max) ms, \(.lost) lost of \(.lost + .samples)"'
for rate in 10 25 50 100; do measure_rate "$rate"; done
topology_down
measure_trace
