#!/usr/bin/env bash
# How true our round-trip times are while the processor is busy. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/rtt.sh [OPTIONS]

Runs wanctld on a path of 20 ms, with three reflectors at 20 Hz and busy loops beside it, and
compares every round-trip time that its control loop was given (wanctld --record) with a packet
capture: as the daemon measured it, by the kernel's receive timestamp, and as the daemon's own look
at the clock after it had read the reply would give it. Exits 1 unless the median error is at most
50 µs where the other one's is 500 µs or more.

  --loops N        busy loops (default: 24 per processor)
  --seconds N      length of each measurement (default: 20)
  --json FILE      write the numbers there
  --bin-dir DIR    take wanemu, wanctl and wanctld from there instead of building them
  --keep           keep the directory with capture, recording and logs
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
# shellcheck source=lib/control.sh
source "$HERE/lib/control.sh"

CEILING_DOWN=60
CEILING_UP=12
MAX_ERROR_US=50       # median of ours, at most
MIN_USER_ERROR_US=500 # median of user-space stamping, at least: less would be no test
RATE_HZ=20
MIN_SHARE=0.9 # of the probes that leave in the time, so many must be measured

# compare LOOPS: the errors beside so many busy loops, as JSON. The emulator and the daemon are kept
# on processors of their own, each with its loops: on a shared one, the emulator's real-time threads
# would clear the way for the daemon whenever they deliver a reply, which no network card does.
compare() {
  echo "lab: $LENGTH s beside $1 busy loops" >&2
  topology_up "$CEILING_DOWN" "$CEILING_UP"
  taskset -apc 0 "${PIDS[0]}" >/dev/null
  begin_daemon
  begin_loops "$1"
  begin_capture
  sleep "$LENGTH"
  stop "$CAPTURE"
  end_loops
  check_controller
  stop "$CONTROLLER"
  topology_down
  jq -n --argjson loops "$1" --argjson error "$(errors)" '{loops: $loops} + $error'
}

# The unmodified daemon; what its control loop is given goes to $DIR/tape.
begin_daemon() {
  rm -f "$DIR/tape" "$DIR/state.json"
  write_config >"$DIR/lab.yaml"
  CONTROLLER_COMMAND="exec taskset -c 1 '$WANCTLD' --config '$DIR/lab.yaml' --record '$DIR/tape'"
  begin_control
  wait_for "healthy daemon" "$CONTROLLER" controller.log health_is_good
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
  BUSY=()
  # shellcheck disable=SC2016
  for ((n = 0; n < $1; n++)); do
    start "loop-$n.log" router taskset -c "$((n % PROCESSORS))" bash -c 'while :; do :; done'
    BUSY+=("$STARTED")
  done
}

end_loops() {
  local pid
  for pid in "${BUSY[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
}

# recorded: per answer, the place of its reflector, when its request left on the daemon's clock, its
# round-trip time, and what it would be had the clock been read when the reply had been. That moment
# is the control step, which follows at once when the reply was the last of its round. All in µs.
recorded() {
  jq -r '
    .step // empty | .now as $now
    | [.observation.reflectors | to_entries[] | select(.value.rtt)
        | {place: .key, rtt: (.value.rtt * 1000 | round), age: (.value.age | .secs * 1000000 + .nanos / 1000)}] as $answers
    | ($answers | map(.age) | min) as $last
    | $answers[]
    | [.place, $now - .age - .rtt, .rtt, (if ($answers | length) == 3 and .age == $last then .rtt + .age else "-" end)]
    | @tsv' "$DIR/tape"
}

# captured: the capture as text: a line on the packet, then its bytes.
captured() { tcpdump -r "$DIR/capture.pcap" -n -tt --time-stamp-precision=nano -x 2>/dev/null; }

# pairs: per answer, in µs: what the capture says, what we say, what user space would say or `-`. An
# echo message carries the time at which it left, on the daemon's clock, in its bytes 24 to 31: that
# is how a packet and a line of the recording are known for the same.
pairs() {
  recorded >"$DIR/recorded"
  captured | awk -v recorded="$DIR/recorded" -v reflectors="${REFLECTORS[*]}" '
    function number(digits,  i, n) {
      for (i = 1; i <= length(digits); i++) n = n * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
      return n
    }
    /^[0-9]/ { split($1, time, "."); kind = $8; host = (kind == "request," ? $5 : $3); sub(/:$/, "", host) }
    $1 == "0x0020:" { head = $8 $9 }
    $1 == "0x0030:" {
      key = host " " number(head $2 $3)
      # Seconds and the rest apart: together they exceed what a number holds to the nanosecond.
      if (kind == "request,") { second[key] = time[1]; nanos[key] = time[2] }
      else if (key in second) truth[key] = (time[1] - second[key]) * 1e6 + (time[2] - nanos[key]) / 1e3
    }
    END {
      split(reflectors, name, " ")
      while ((getline <recorded) > 0) {
        key = name[$1 + 1] " " $2
        if (key in truth) print truth[key], $3, $4
      }
    }'
}

# errors: JSON of absolute errors in µs, and of how many answers were found in the capture.
errors() {
  pairs >"$DIR/pairs"
  jq -n --argjson expected "$((LENGTH * RATE_HZ * ${#REFLECTORS[@]}))" --argjson matched "$(wc -l <"$DIR/pairs")" \
    --argjson path "$(quantiles 1 0)" --argjson ours "$(quantiles 2 1)" --argjson user "$(quantiles 3 1)" \
    '{expected: $expected, matched: $matched, path_us: $path, ours_us: $ours, user_space_us: $user}'
}

# quantiles COLUMN SUBTRACT: JSON of the column, or of its distance from the capture's.
quantiles() {
  awk -v column="$1" -v subtract="$2" '
    $column != "-" { x = $column - (subtract ? $1 : 0); print x < 0 ? -x : x }' "$DIR/pairs" | sort -g | awk '
    function at(p,  i) { i = int(p * NR); if (i < p * NR) i++; return NR ? sprintf("%.1f", x[i < 1 ? 1 : i]) : "null" }
    { x[NR] = $1 }
    END { printf "{\"count\":%d,\"p50\":%s,\"p90\":%s,\"p99\":%s,\"max\":%s}\n", NR, at(0.5), at(0.9), at(0.99), at(1) }'
}

judge() {
  jq --argjson ours "$MAX_ERROR_US" --argjson user "$MIN_USER_ERROR_US" --argjson share "$MIN_SHARE" '
    .busy as $busy
    | .failures = [
        (select($busy.matched < $share * $busy.expected)
          | "only \($busy.matched) of \($busy.expected) probes were recorded and captured"),
        (select($busy.matched > 0 and $busy.ours_us.p50 > $ours)
          | "the daemon errs by \($busy.ours_us.p50) µs in the median, at most \($ours) wanted"),
        (select($busy.user_space_us.count == 0 or $busy.user_space_us.p50 < $user)
          | "user space errs by \($busy.user_space_us.p50) µs only, too little to tell: give more --loops")
      ]
    | .pass = (.failures | length == 0)'
}

table() {
  jq -r '(.idle, .busy) | [.loops, "\(.matched)/\(.expected)", .path_us.p50,
      (.ours_us, .user_space_us | .p50, .p90, .p99)] | @tsv' | {
    printf 'loops\tanswers\tpath\tours\tours\tours\tuser\tuser\tuser\n'
    printf '\t\tp50\tp50\tp90\tp99\tp50\tp90\tp99\n'
    cat
  } | awk -F '\t' '{ printf "%5s %10s", $1, $2; for (i = 3; i <= 9; i++) printf " %9s", $i; print "" }'
}

TOOLS+=(tcpdump:tcpdump taskset:util-linux)
[[ $PROCESSORS -ge 2 ]] || fail "one processor only; this needs two"
prepare wanctl-wanemu wanctl wanctld
compare 0 >"$DIR/idle.json"
compare "$LOOPS" >"$DIR/busy.json"
RESULT=$(jq -n --slurpfile idle "$DIR/idle.json" --slurpfile busy "$DIR/busy.json" \
  --arg load "$(cut -d ' ' -f 1-3 /proc/loadavg)" '{idle: $idle[0], busy: $busy[0], load_average: $load}' | judge)
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
echo "errors of round-trip times in µs, against a packet capture; load average $(jq -r .load_average <<<"$RESULT")"
table <<<"$RESULT"
jq -r '(if .pass then "PASS" else "FAIL" end), (.failures[] | "     \(.)")' <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
