#!/usr/bin/env bash
# Real packets over an emulated line, with and without the controller. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/run.sh [OPTIONS]

Measures a saturated download of a 50/10 Mbit/s line in network namespaces, first with the router's
limits fixed at the ceiling, then with the controller. Exits 1 when the controller does not bring
the added delay (p95) down to a fifth at 75 % of the goodput or more.

  --scenario NAME    fixed (50 Mbit/s) or step (50, then 25 Mbit/s); both when not given
  --law NAME         the daemon's control law, reference (when not given) or adaptive
  --controller CMD   run this shell command in place of wanctld (environment: LAB_*)
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

SCENARIOS=(fixed step)
LAW=reference
CONTROLLER_COMMAND=
JSON=
BIN=
KEEP=
while [[ $# -gt 0 ]]; do
  case $1 in
    --scenario) SCENARIOS=("${2:?--scenario needs a name}") && shift 2 ;;
    --law) LAW=${2:?--law needs a name} && shift 2 ;;
    --controller) CONTROLLER_COMMAND=${2:?--controller needs a command} && shift 2 ;;
    --json) JSON=${2:?--json needs a file} && shift 2 ;;
    --bin-dir) BIN=${2:?--bin-dir needs a directory} && shift 2 ;;
    --keep) KEEP=yes && shift ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option $1" ;;
  esac
done
[[ ${SCENARIOS[0]} == fixed || ${SCENARIOS[0]} == step ]] || fail "no scenario ${SCENARIOS[0]}; there are fixed and step"

[[ $LAW == reference || $LAW == adaptive ]] || fail "no law $LAW; there are reference and adaptive"

# shellcheck source=lib/prepare.sh
source "$HERE/lib/prepare.sh"
# shellcheck source=lib/topology.sh
source "$HERE/lib/topology.sh"
# shellcheck source=lib/measure.sh
source "$HERE/lib/measure.sh"
# shellcheck source=lib/control.sh
source "$HERE/lib/control.sh"
# shellcheck source=lib/report.sh
source "$HERE/lib/report.sh"

# The limits of lab.yaml.in: fixed there without a controller, the upper bound with one.
CEILING_DOWN=60
CEILING_UP=12

declare -A SECONDS_OF=([fixed]=30 [step]=40)
STEP_DOWN=25

# run_mode SCENARIO off|on: one topology from nothing, one measurement; JSON in $DIR/run.json.
run_mode() {
  local seconds=${SECONDS_OF[$1]} end
  end=$((WARM_SECONDS + seconds))
  echo "lab: $1, control $2" >&2
  topology_up "$CEILING_DOWN" "$CEILING_UP"
  if [[ $2 == on ]]; then begin_control; fi
  sample "$IDLE_SECONDS" idle.ping
  begin_download $((end + 2)) load.json
  sleep "$WARM_SECONDS"
  if [[ $1 == step ]]; then begin_step $((seconds / 2)); fi
  if [[ $2 == on ]]; then begin_cost; fi
  sample "$seconds" load.ping
  if [[ $2 == on ]]; then end_cost; else echo null; fi >"$DIR/cost.json"
  wait "$LOAD" || fail "iperf3 failed: $(tail -n 5 "$DIR/load.json")"
  numbers "$1" "$seconds" >"$DIR/run.json"
  topology_down
  keep_files "$1-$2"
}

# begin_step SECONDS: lowers the capacity of the line after so long.
begin_step() {
  # shellcheck disable=SC2016
  start step.log router bash -c 'sleep "$1"; exec "${@:2}"' step "$1" \
    "$WANEMU" set --control "$DIR/wanemu.sock" "ba=$STEP_DOWN"
}

# numbers SCENARIO SECONDS: the JSON of one measurement.
numbers() {
  local from=$WARM_SECONDS to=$((WARM_SECONDS + $2)) half=$(($2 / 2)) halves=null
  if [[ $1 == step ]]; then
    halves=$(jq -n "[$(half 1 "$half" "$from"), $(half "$((half + 1))" "$2" "$((from + half))")]")
  fi
  jq -n --argjson idle "$(ping_numbers idle.ping)" --argjson ping "$(ping_numbers load.ping)" \
    --argjson goodput "$(goodput load.json "$from" "$to")" --argjson halves "$halves" \
    --slurpfile cost "$DIR/cost.json" \
    '{idle: $idle, ping: $ping, goodput_mbit: $goodput, halves: $halves, cost: $cost[0]}'
}

# half FROM TO START: seconds FROM to TO of the measurement, which began at second START of the load.
half() {
  local length=$(($2 - $1 + 1))
  printf '{"ping":%s,"goodput_mbit":%s}' \
    "$(ping_numbers load.ping $((($1 - 1) * 20 + 1)) $(($2 * 20)))" "$(goodput load.json "$3" $(($3 + length)))"
}

run_scenario() {
  run_mode "$1" off
  run_mode "$1" on
  jq -n --arg name "$1" --slurpfile off "$DIR/$1-off/run.json" --slurpfile on "$DIR/$1-on/run.json" \
    '{name: $name, off: $off[0], on: $on[0]}' | judge >"$DIR/scenario-$1.json"
}

PACKAGES=(wanctl-wanemu wanctl)
if [[ -z $CONTROLLER_COMMAND ]]; then PACKAGES+=(wanctld); fi
prepare "${PACKAGES[@]}"
RESULTS=()
for scenario in "${SCENARIOS[@]}"; do
  run_scenario "$scenario"
  RESULTS+=("$DIR/scenario-$scenario.json")
done
RESULT=$(jq -s '{scenarios: ., pass: all(.[]; .pass)}' "${RESULTS[@]}")
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
table <<<"$RESULT"
verdict <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
