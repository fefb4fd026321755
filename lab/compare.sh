#!/usr/bin/env bash
# Controllers compared on the same bottleneck, real packets. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/compare.sh [OPTIONS]

Fills the download of one line in network namespaces and measures what a sparse ping then meets:
without control, with limits set by hand (47/9.4 Mbit/s), with wanctld and its law `reference`, and
with its law `adaptive`; each on 50/10 Mbit/s, on the step 50, 25, 50 Mbit/s and on a replayed line.

Exits 1 unless `adaptive` has less delay at p95 than `reference` at no less goodput on each of the
three, and adds at most 6 ms at p95 to 50/10 Mbit/s while 45 Mbit/s get through.

  --controller CMD   measure this shell command, too, in wanctld's place (environment: LAB_*)
  --trace FILE       the line to replay, one rate per 100 ms (default: lab/traces/starlink.csv)
  --json FILE        write the numbers there
  --bin-dir DIR      take wanemu, wanctl and wanctld from there instead of building them
  --keep             keep the directory with logs and samples
  --help             this text
USAGE
}

fail() {
  echo "lab: $*" >&2
  exit 2
}

OTHER_COMMAND=
TRACE=$HERE/traces/starlink.csv
JSON=
BIN=
KEEP=
while [[ $# -gt 0 ]]; do
  case $1 in
    --controller) OTHER_COMMAND=${2:?--controller needs a command} && shift 2 ;;
    --trace) TRACE=${2:?--trace needs a file} && shift 2 ;;
    --json) JSON=${2:?--json needs a file} && shift 2 ;;
    --bin-dir) BIN=${2:?--bin-dir needs a directory} && shift 2 ;;
    --keep) KEEP=yes && shift ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option $1" ;;
  esac
done
[[ -r $TRACE ]] || fail "no trace $TRACE"
TRACE=$(realpath "$TRACE")

# shellcheck source=lib/prepare.sh
source "$HERE/lib/prepare.sh"
# shellcheck source=lib/topology.sh
source "$HERE/lib/topology.sh"
# shellcheck source=lib/measure.sh
source "$HERE/lib/measure.sh"
# shellcheck source=lib/control.sh
source "$HERE/lib/control.sh"
# shellcheck source=lib/compared.sh
source "$HERE/lib/compared.sh"

# Limits of lab.yaml.in, and of a router that does not limit anything.
CEILING_DOWN=60
CEILING_UP=12
OPEN=1000
# What a patient operator finds to be right for 50/10 Mbit/s.
STATIC_DOWN=47000000
STATIC_UP=9400000

FIXED_SECONDS=20
STEP_SECONDS=11 # at each of the two rates
STEP_DOWN=25
TRACE_SECONDS=25
SPARE_SECONDS=2 # replies that are still under way at the end of each part

# run_control NAME: one topology from nothing; three measurements, one after the other, under one load.
run_control() {
  echo "lab: $1" >&2
  local limits=("$CEILING_DOWN" "$CEILING_UP")
  if [[ $1 == none ]]; then limits=("$OPEN" "$OPEN"); fi
  topology_up "${limits[@]}"
  begin "$1"
  sample "$IDLE_SECONDS" idle.ping
  begin_download $((WARM_SECONDS + FIXED_SECONDS + 2 * STEP_SECONDS + TRACE_SECONDS + SPARE_SECONDS)) load.json
  LOAD_FROM=$EPOCHREALTIME
  sleep "$WARM_SECONDS"
  part fixed "$FIXED_SECONDS"
  line "ba=$STEP_DOWN"
  part step-low "$STEP_SECONDS"
  line "ba=$CAPACITY_DOWN"
  part step-high "$STEP_SECONDS"
  line "ba-trace=$TRACE"
  part trace "$TRACE_SECONDS"
  if [[ $1 != none ]]; then check_controller; fi
  wait "$LOAD" || fail "iperf3 failed: $(tail -n 5 "$DIR/load.json")"
  numbers "$1" >"$DIR/numbers.json"
  topology_down
  keep_files "$1"
}

# begin NAME: the controller of that name.
begin() {
  # shellcheck disable=SC2034 # of control.sh
  CONTROLLER_COMMAND="" LAW=$1
  case $1 in
    none) return 0 ;;
    static) CONTROLLER_COMMAND=$SET_BY_HAND ;;
    other) CONTROLLER_COMMAND=$OTHER_COMMAND ;;
  esac
  begin_control
}

# shellcheck disable=SC2016
SET_BY_HAND='for limit in $LAB_QUEUE_DOWN:'$STATIC_DOWN' $LAB_QUEUE_UP:'$STATIC_UP'; do
  curl -sf -o /dev/null -u "$LAB_USER:$LAB_PASSWORD" -X PATCH -H "content-type: application/json" \
    -d "{\"max-limit\":\"${limit#*:}\"}" "$LAB_ROUTER_URL/rest/queue/tree/${limit%:*}" || exit 1
done; exec sleep 1000'

# line CHANGE: changes the emulated line now.
line() { in_ns router "$WANEMU" set --control "$DIR/wanemu.sock" "$1"; }

# part NAME SECONDS: pings; notes from when to when, in seconds of the load.
part() {
  local from
  from=$(load_second)
  sample "$2" "$1.ping"
  echo "$from $(load_second)" >"$DIR/$1.time"
}

load_second() { awk -v from="$LOAD_FROM" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.0f", now - from }'; }

# numbers NAME: what one controller did, as JSON. The step's two halves are one measurement.
numbers() {
  local idle base
  idle=$(ping_numbers idle.ping)
  base=$(jq .p50 <<<"$idle")
  jq -n --arg name "$1" --argjson idle "$idle" \
    --argjson fixed "$(measured "$base" fixed)" --argjson step "$(measured "$base" step-low step-high)" \
    --argjson trace "$(measured "$base" trace)" \
    '{name: $name, idle: $idle, scenarios: {fixed: $fixed, step: $step, trace: $trace}}'
}

# measured BASE PART...: delay, added to BASE, and goodput of parts that followed each other.
measured() {
  local base=$1 from to
  shift
  from=$(cut -d ' ' -f 1 "$DIR/$1.time")
  to=$(cut -d ' ' -f 2 "$DIR/${!#}.time")
  (cd "$DIR" && cat "${@/%/.ping}") >"$DIR/measured"
  jq -n --argjson ping "$(ping_numbers measured)" --argjson base "$base" \
    --argjson late "$(late_pings measured "$(jq -n "$base + 30")")" \
    --argjson goodput "$(goodput load.json "$from" "$to")" '
    def added: if . == null then null else . - $base end;
    {
      added_ms: ($ping | {p50: (.p50 | added), p95: (.p95 | added), p99: (.p99 | added), max: (.max | added)}),
      over_30_ms: (($late + $ping.lost) / ($ping.samples + $ping.lost)),
      sent: ($ping.samples + $ping.lost),
      lost: $ping.lost,
      goodput_mbit: $goodput
    }'
}

CONTROLS=(none static reference adaptive)
if [[ -n $OTHER_COMMAND ]]; then CONTROLS+=(other); fi
prepare wanctl-wanemu wanctl wanctld
for control in "${CONTROLS[@]}"; do run_control "$control"; done
RESULT=$(for control in "${CONTROLS[@]}"; do cat "$DIR/$control/numbers.json"; done | jq -s '{controls: .}' | compared)
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
comparison <<<"$RESULT"
jq -r '(if .pass then "PASS" else "FAIL" end), (.failures[] | "     \(.)")' <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
