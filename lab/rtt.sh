#!/usr/bin/env bash
# How true our round-trip times are while the processor is busy. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/rtt.sh [OPTIONS]

Pings three reflectors 20 ms away, 20 times a second, with busy loops beside it, and compares every
round-trip time with a packet capture: as wanctl-probe measures it, by the kernel's receive
timestamp, and as a clock read after the reply was delivered would give it. Exits 1 unless the
median error is at most 50 µs where the other one's is 500 µs or more.

  --loops N        busy loops (default: 24 per processor)
  --seconds N      length of each measurement (default: 20)
  --json FILE      write the numbers there
  --bin-dir DIR    take wanemu and examples/echo_rtt from there instead of building them
  --keep           keep the directory with capture and samples
  --help           this text
USAGE
}

fail() {
  echo "lab: $*" >&2
  exit 2
}

PROCESSORS=$(nproc)
LOOPS=$((24 * PROCESSORS))
LENGTH=20
JSON=
BIN=
KEEP=
while [[ $# -gt 0 ]]; do
  case $1 in
    --loops) LOOPS=${2:?--loops needs a number} && shift 2 ;;
    --seconds) LENGTH=${2:?--seconds needs a number} && shift 2 ;;
    --json) JSON=${2:?--json needs a file} && shift 2 ;;
    --bin-dir) BIN=${2:?--bin-dir needs a directory} && shift 2 ;;
    --keep) KEEP=yes && shift ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option $1" ;;
  esac
done

# shellcheck source=lib/prepare.sh
source "$HERE/lib/prepare.sh"
# shellcheck source=lib/topology.sh
source "$HERE/lib/topology.sh"
# shellcheck source=lib/measure.sh
source "$HERE/lib/measure.sh"

MAX_ERROR_US=50       # median of ours, at most
MIN_USER_ERROR_US=500 # median of user-space stamping, at least: less would be no test
INTERVAL_MS=50

# compare LOOPS: the errors beside so many busy loops, as JSON. The emulator and the probe are kept on
# processors of their own, each with its loops: on a shared one, the emulator's real-time threads
# would clear the way for the probe whenever they deliver a reply, which no network card does.
compare() {
  echo "lab: $LENGTH s beside $1 busy loops" >&2
  topology_up 1000 1000
  taskset -apc 0 "${PIDS[0]}" >/dev/null
  begin_capture
  begin_loops "$1"
  probe
  stop "$CAPTURE"
  topology_down
  jq -n --argjson loops "$1" --argjson error "$(errors)" '{loops: $loops} + $error'
}

begin_capture() {
  rm -f "$DIR/capture.log"
  start capture.log router tcpdump -i r-wan -n -s 96 --time-stamp-type=host --time-stamp-precision=nano \
    -Z root -w "$DIR/capture.pcap" icmp
  CAPTURE=$STARTED
  wait_for "packet capture" "$CAPTURE" capture.log grep -qs "listening on" "$DIR/capture.log"
}

# Each loop is a session of its own, so that automatic grouping cannot make one share of all.
begin_loops() {
  local n
  # shellcheck disable=SC2016
  for ((n = 0; n < $1; n++)); do
    start "loop-$n.log" router taskset -c "$((n % PROCESSORS))" bash -c 'while :; do :; done'
  done
}

probe() {
  start answers.log router taskset -c 1 "$ECHO_RTT" "$(IFS=, && echo "${REFLECTORS[*]}")" \
    "$((LENGTH * 1000 / INTERVAL_MS))" "$INTERVAL_MS"
  wait "$STARTED" || fail "echo_rtt failed: $(tail -n 5 "$DIR/answers.log")"
}

# pairs: per answer, in µs: what the capture says, what we say, what user space would say.
pairs() {
  tcpdump -r "$DIR/capture.pcap" -n -tt --time-stamp-precision=nano 2>/dev/null | awk -v answers="$DIR/answers.log" '
    { host = ""; if ($8 == "request,") host = $5; if ($8 == "reply,") host = $3 }
    host == "" { next }
    { sub(/:$/, "", host); key = host " " ($12 + 0); split($1, time, ".") }
    # Seconds and the rest apart: together they exceed what a number holds to the nanosecond.
    $8 == "request," { second[key] = time[1]; nanos[key] = time[2] }
    $8 == "reply," && key in second { truth[key] = (time[1] - second[key]) * 1e6 + (time[2] - nanos[key]) / 1e3 }
    END {
      while ((getline <answers) > 0) if ($1 " " $2 in truth) print truth[$1 " " $2], $4, $4 + $5
    }'
}

# errors: JSON of absolute errors in µs, and of how many answers had a place in the capture.
errors() {
  pairs >"$DIR/pairs"
  jq -n --argjson answers "$(wc -l <"$DIR/answers.log")" --argjson matched "$(wc -l <"$DIR/pairs")" \
    --argjson path "$(quantiles 1 0)" --argjson ours "$(quantiles 2 1)" --argjson user "$(quantiles 3 1)" \
    '{answers: $answers, matched: $matched, path_us: $path, ours_us: $ours, user_space_us: $user}'
}

# quantiles COLUMN SUBTRACT: JSON of the column, or of its distance from the capture's.
quantiles() {
  awk -v column="$1" -v subtract="$2" '
    { x = $column - (subtract ? $1 : 0); print x < 0 ? -x : x }' "$DIR/pairs" | sort -g | awk '
    function at(p,  i) { i = int(p * NR); if (i < p * NR) i++; return NR ? sprintf("%.1f", x[i < 1 ? 1 : i]) : "null" }
    { x[NR] = $1 }
    END { printf "{\"p50\":%s,\"p90\":%s,\"p99\":%s,\"max\":%s}\n", at(0.5), at(0.9), at(0.99), at(1) }'
}

judge() {
  jq --argjson ours "$MAX_ERROR_US" --argjson user "$MIN_USER_ERROR_US" '
    .busy as $busy
    | .failures = [
        (select($busy.matched < 0.95 * $busy.answers or $busy.matched == 0)
          | "only \($busy.matched) of \($busy.answers) answers are in the capture"),
        (select($busy.matched > 0 and $busy.ours_us.p50 > $ours)
          | "our median error is \($busy.ours_us.p50) µs, at most \($ours) wanted"),
        (select($busy.matched > 0 and $busy.user_space_us.p50 < $user)
          | "user space errs by \($busy.user_space_us.p50) µs only, too little to tell: give more --loops")
      ]
    | .pass = (.failures | length == 0)'
}

table() {
  jq -r '(.idle, .busy) | [.loops, "\(.matched)/\(.answers)", .path_us.p50,
      (.ours_us, .user_space_us | .p50, .p90, .p99)] | @tsv' | {
    printf 'loops\tanswers\tpath\tours\tours\tours\tuser\tuser\tuser\n'
    printf '\t\tp50\tp50\tp90\tp99\tp50\tp90\tp99\n'
    cat
  } | awk -F '\t' '{ printf "%5s %10s", $1, $2; for (i = 3; i <= 9; i++) printf " %9s", $i; print "" }'
}

if [[ -z $BIN ]]; then (cd "$ROOT" && cargo build --release --quiet -p wanctl-probe --example echo_rtt); fi
TOOLS+=(tcpdump:tcpdump taskset:util-linux)
[[ $PROCESSORS -ge 2 ]] || fail "one processor only; this needs two"
prepare wanctl-wanemu
ECHO_RTT=$BIN/examples/echo_rtt
compare 0 >"$DIR/idle.json"
compare "$LOOPS" >"$DIR/busy.json"
RESULT=$(jq -n --slurpfile idle "$DIR/idle.json" --slurpfile busy "$DIR/busy.json" \
  --arg load "$(cut -d ' ' -f 1-3 /proc/loadavg)" '{idle: $idle[0], busy: $busy[0], load_average: $load}' | judge)
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
echo "errors of round-trip times in µs, against a packet capture; load average $(jq -r .load_average <<<"$RESULT")"
table <<<"$RESULT"
jq -r '(if .pass then "PASS" else "FAIL" end), (.failures[] | "     \(.)")' <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
