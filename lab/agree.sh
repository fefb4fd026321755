#!/usr/bin/env bash
# The simulated benchmark against the daemon on real packets. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/agree.sh [OPTIONS]

Plays three lines (50/10 Mbit/s with a download, the same with both directions loaded, and the step
50, 25, 50 Mbit/s) to limits set by hand, to `reference` and to `adaptive`: in `wanctl bench
control`, and with wanctld and real packets in network namespaces, with the same plan rates, path
and buffer. Exits 1 unless both rank the three alike and agree within 30 % or 2 ms in the delay
added at p95, and within 30 % in the use of the line.

  --seeds N        runs of each line in the benchmark (default: 8)
  --json FILE      write the numbers there
  --bin-dir DIR    take wanemu, wanctl and wanctld from there instead of building them
  --keep           keep the directory with logs and samples
  --help           this text
USAGE
}

fail() {
  echo "lab: $*" >&2
  exit 2
}

SEEDS=8
JSON=
BIN=
KEEP=
while [[ $# -gt 0 ]]; do
  case $1 in
    --seeds) SEEDS=${2:?--seeds needs a number} && shift 2 ;;
    --json) JSON=${2:?--json needs a file} && shift 2 ;;
    --bin-dir) BIN=${2:?--bin-dir needs a directory} && shift 2 ;;
    --keep) KEEP=yes && shift ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option $1" ;;
  esac
done

# shellcheck disable=SC2034 # of control.sh: the daemon, nothing else
CONTROLLER_COMMAND=
# shellcheck source=lib/prepare.sh
source "$HERE/lib/prepare.sh"
# shellcheck source=lib/topology.sh
source "$HERE/lib/topology.sh"
# shellcheck source=lib/measure.sh
source "$HERE/lib/measure.sh"
# shellcheck source=lib/control.sh
source "$HERE/lib/control.sh"
# shellcheck source=lib/agreement.sh
source "$HERE/lib/agreement.sh"

# Both begin so: traffic after 3 s, measurement from 8 s on.
QUIET_SECONDS=3
SETTLE_SECONDS=5
PATH_MS=$((2 * DELAY_MS))

LAWS=(static reference adaptive)
SCENARIOS=(fixed-download fixed-both step)
# Rates of the download, each for how many seconds.
declare -A DOWNLOAD=([fixed-download]="50:30" [fixed-both]="50:30" [step]="50:14 25:12 50:10")

# write_lines: what each line carries, in the form that both read.
write_lines() {
  local name
  for name in "${SCENARIOS[@]}"; do rows "${DOWNLOAD[$name]}" >"$LINES/$name.csv"; done
  rows "10:30" >"$LINES/fixed-both-up.csv"
}

# rows RATE:SECONDS...: one row for each 100 ms.
rows() {
  tr ' ' '\n' <<<"$1" | awk -F : '{ for (i = 0; i < $2 * 10; i++) print $1 }'
}

mean() { awk '{ sum += $1 } END { print sum / NR }' "$LINES/$1.csv"; }

# The benchmark's answer, one object for each line and law.
simulated() {
  local name options
  for name in "${SCENARIOS[@]}"; do
    options=(--laws "$(IFS=, && echo "${LAWS[*]}")" --trace "$LINES/$name.csv" --trace-rtt "$PATH_MS")
    if [[ $name == *-both ]]; then options+=(--trace-up "$LINES/$name-up.csv"); fi
    "$WANCTL" bench control "${options[@]}" --reporting --seeds "$SEEDS" --json "$DIR/bench.json" >/dev/null
    jq -c --arg scenario "$name" '.cells[] | {
      scenario: $scenario, law: .law, p95_ms: .figures["delay-p95"].mean,
      p95_of_seeds: [.figures["delay-p95"] | .least, .greatest],
      use: ([.figures["utilisation-download"].mean, .figures["utilisation-upload"].mean] | map(values) | add / length)
    }' "$DIR/bench.json"
  done
}

# measured SCENARIO LAW: the same with real packets.
measured() {
  local seconds base lines
  echo "lab: $1, $2" >&2
  set_plans "$1" "$2"
  topology_up "$CEILING_DOWN" "$CEILING_UP"
  LAW=$2
  if [[ $2 != static ]]; then begin_control; fi
  in_ns router "$WANEMU" set --control "$DIR/wanemu.sock" "ba-trace=$LINES/$1.csv"
  sample "$QUIET_SECONDS" idle.ping
  seconds=$(($(wc -l <"$LINES/$1.csv") / 10 - QUIET_SECONDS - SETTLE_SECONDS))
  begin_download $((SETTLE_SECONDS + seconds + 3)) load.json
  if [[ $1 == *-both ]]; then begin_upload $((SETTLE_SECONDS + seconds + 3)) upload.json; fi
  sleep "$SETTLE_SECONDS"
  lines=$(wc -l <"$DIR/wanemu.log")
  sample "$seconds" load.ping
  # The line under way when it began counts neither.
  tail -n "+$((lines + 3))" "$DIR/wanemu.log" >"$DIR/served"
  if [[ $2 != static ]]; then check_controller; fi
  base=$(ping_numbers idle.ping | jq .p50)
  jq -nc --arg scenario "$1" --arg law "$2" --argjson base "$base" \
    --argjson ping "$(ping_numbers load.ping)" --argjson use "$(use "$1")" \
    '{scenario: $scenario, law: $law, p95_ms: ($ping.p95 - $base), lost: $ping.lost, use: $use}' >"$DIR/numbers.json"
  topology_down
  keep_files "$1-$2"
}

# use SCENARIO: what left the bottleneck, of what it could have carried; the mean of loaded directions.
use() {
  local directions=ba
  if [[ $1 == *-both ]]; then directions="ba ab"; fi
  awk -v directions="$directions" '
    match($0, /rate_mbit=[0-9.]+/) {
      rate[$2] += substr($0, RSTART + 10, RLENGTH - 10)
      if (match($0, /out_mbit=[0-9.]+/)) out[$2] += substr($0, RSTART + 9, RLENGTH - 9)
    }
    END {
      n = split(directions, names, " ")
      for (i = 1; i <= n; i++) sum += out[names[i]] / rate[names[i]]
      print sum / n
    }' "$DIR/served"
}

# set_plans SCENARIO LAW: line, limits and settings from the plan rates, as the benchmark has them.
set_plans() {
  local up=10
  PLAN_DOWN=$(mean "$1")
  if [[ $1 != *-both ]]; then up=$(part "$PLAN_DOWN" 0.2); fi
  PLAN_UP=$up
  CAPACITY_UP=$up
  BUFFER_DOWN=$(bytes_in_half_a_second "$PLAN_DOWN")
  BUFFER_UP=$(bytes_in_half_a_second "$PLAN_UP")
  case $2 in
    static) CEILING_DOWN=$(part "$PLAN_DOWN" 0.95) CEILING_UP=$(part "$up" 0.95) ;;
    reference) CEILING_DOWN=$(part "$PLAN_DOWN" 1.02) CEILING_UP=$(part "$up" 1.02) ;;
    adaptive) CEILING_DOWN=$(part "$PLAN_DOWN" 3) CEILING_UP=$(part "$up" 3) ;;
  esac
  fill_template "$2" >"$DIR/agree.yaml.in"
}

part() { awk -v rate="$1" -v part="$2" 'BEGIN { printf "%.3f", rate * part }'; }
bytes_in_half_a_second() { awk -v rate="$1" 'BEGIN { printf "%.0f", rate * 62500 }'; }

fill_template() {
  local floors=(0.58 0.37 0.29 0.21) of=("$CEILING_DOWN" "$CEILING_UP")
  if [[ $1 == adaptive ]]; then floors=(0.02 0.02 0.02 0.02) of=("$PLAN_DOWN" "$PLAN_UP"); fi
  sed -e "s|@PLAN_DOWN@|$PLAN_DOWN|" -e "s|@PLAN_UP@|$PLAN_UP|" -e "s|@IDLE_RTT@|$PATH_MS|" \
    -e "s|@DOWN_GREEN@|$(part "${of[0]}" "${floors[0]}")|" -e "s|@DOWN_YELLOW@|$(part "${of[0]}" "${floors[1]}")|" \
    -e "s|@DOWN_SOFT_RED@|$(part "${of[0]}" "${floors[2]}")|" -e "s|@DOWN_RED@|$(part "${of[0]}" "${floors[3]}")|" \
    -e "s|@UP_FLOOR@|$(part "${of[1]}" "${floors[3]}")|" \
    -e "s|@DOWN_CEILING@|$CEILING_DOWN|" -e "s|@UP_CEILING@|$CEILING_UP|" \
    -e "s|@DOWN_STEP@|$(part "$CEILING_DOWN" 0.015)|" -e "s|@UP_STEP@|$(part "$CEILING_UP" 0.015)|" \
    "$HERE/agree.yaml.in"
}

prepare wanctl-wanemu wanctl wanctld
LINES=$DIR/lines
mkdir "$LINES"
write_lines
simulated >"$LINES/simulated"
CONFIG_TEMPLATE=$DIR/agree.yaml.in
for scenario in "${SCENARIOS[@]}"; do
  for law in "${LAWS[@]}"; do
    measured "$scenario" "$law"
    cat "$DIR/$scenario-$law/numbers.json" >>"$LINES/measured"
  done
done
RESULT=$(jq -n --slurpfile simulated "$LINES/simulated" --slurpfile measured "$LINES/measured" \
  '{simulated: $simulated, measured: $measured}' | agreement)
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
agreement_table <<<"$RESULT"
jq -r '(if .pass then "PASS" else "FAIL" end), (.failures[] | "     \(.)")' <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
