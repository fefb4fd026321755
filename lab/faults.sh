#!/usr/bin/env bash
# Reflectors that misbehave, ICMP that is gone, a provider that is gone. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/faults.sh [OPTIONS]

Runs the unmodified wanctld against three reflectors on an idle line, one fault after the other: one
reflector silent, lying by 40 ms, answering twice, answering late, with a foreign nonce, truncated;
then no ICMP while TCP connects; then no provider at all. Exits 1 unless control goes on as
promised, no rate is ever cut, and the daemon is never restarted. Takes three minutes and a half.

  --blackout N     seconds without ICMP (default: 30)
  --outage N       seconds without provider (default: 40)
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

BLACKOUT=30
OUTAGE=40
JSON=
BIN=
KEEP=
while [[ $# -gt 0 ]]; do
  case $1 in
    --blackout) BLACKOUT=${2:?--blackout needs a number} && shift 2 ;;
    --outage) OUTAGE=${2:?--outage needs a number} && shift 2 ;;
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

CEILING_DOWN=60
CEILING_UP=12
LENGTH=8 # of a measurement with a reflector that misbehaves
SETTLE=2 # until all that was sent before it is answered or given up
BACK=10  # of a measurement after a silence
TCP_PORT=8443
LIAR=${REFLECTORS[0]}

# The lab's configuration, but with TCP as the reserve, and with thresholds that a machine which stands
# still for one round does not reach, while a lie of 40 ms does, even where it counts for a third.
write_template() {
  sed -e "s|check_tcp: false|check_tcp: true\n    tcp_targets: [[\"$LOAD_TARGET\", $TCP_PORT]]|" \
    -e 's|target_bloat_ms: .*|target_bloat_ms: 9|' -e 's|warn_bloat_ms: .*|warn_bloat_ms: 20|' \
    -e 's|hard_red_bloat_ms: .*|hard_red_bloat_ms: 40|' -e 's|accel_threshold_ms: .*|accel_threshold_ms: 30|' \
    -e 's|load_time_constant_sec: .*|load_time_constant_sec: 0.5|' "$HERE/lab.yaml.in"
}

begin_tcp_target() {
  LAB_PASSWORD=unused start tcp.log inet "$WANCTL" sim router --listen "$LOAD_TARGET:$TCP_PORT" \
    --user unused --password-env LAB_PASSWORD --queue unused=lo
  wait_for "TCP target" "$STARTED" tcp.log tcp_ready
}

tcp_ready() { [[ -n $(in_ns inet ss -Hlnt "src $LOAD_TARGET") ]]; }

provider() { "$WANEMU" set --control "$DIR/wanemu.sock" "$@"; }

# The daemon's health on one line, with the time and the echo replies that the kernel got so far. An
# unhealthy daemon answers with status 503, and with a document.
sample_health() {
  local document
  document=$(in_ns router curl -s -m 2 "$LAB_HEALTH_URL") || fail "health does not answer: $(tail -n 5 "$DIR/controller.log")"
  jq -c --argjson at "$EPOCHREALTIME" --argjson replies "$(echo_replies)" '.at = $at | .replies = $replies' <<<"$document"
}

# Two lines begin with "Icmp:", the first with the names of the numbers in the second.
echo_replies() {
  in_ns router awk '
    /^Icmp:/ && place { print $place }
    /^Icmp:/ { for (i = 2; i <= NF; i++) if ($i == "InEchoReps") place = i }' /proc/net/snmp
}

# measure NAME SECONDS: looks at the daemon twice a second; the numbers go to $DIR/NAME.json.
measure() {
  local end=$((${EPOCHREALTIME/./} + $2 * 1000000))
  echo "lab: $1, $2 s" >&2
  sample_health >"$DIR/$1.health"
  while [[ ${EPOCHREALTIME/./} -lt $end ]]; do
    sleep 0.5
    sample_health >>"$DIR/$1.health"
  done
  check_controller
  jq -s --arg name "$1" "$NUMBERS" "$DIR/$1.health" >"$DIR/$1.json"
  PHASES+=("$DIR/$1.json")
}

# shellcheck disable=SC2016
NUMBERS='
  def gained(f): (last | f) - (first | f);
  def reflector($n): .wans[0].reflectors[$n];
  gained(.at) as $seconds
  | {
      name: $name,
      seconds: $seconds,
      completed_hz: (gained(.wans[0].cycles.completed) / $seconds),
      failed: gained(.wans[0].cycles.failed),
      missed_ticks: gained(.wans[0].cycles.missed_ticks),
      silent_rounds: gained(.wans[0].cycles.silent_rounds),
      sent: [range(3) as $n | gained(reflector($n).sent)],
      lost: [range(3) as $n | gained(reflector($n).lost)],
      replies: gained(.replies),
      liar_rtt_ms: (last | reflector(0).rtt_ms),
      baseline_ms: (last | .wans[0].baseline_rtt_ms),
      bloat_max_ms: (map(.wans[0] | .load_rtt_ms - .baseline_rtt_ms) | max),
      down_mbit: (map(.wans[0].download.current_rate_mbps) | min),
      up_mbit: (map(.wans[0].upload.current_rate_mbps) | min),
      green: all(.[]; .wans[0] | .download.state == "GREEN" and .upload.state == "GREEN"),
      uptime: (last | .uptime_seconds)
    }'

# with_liar NAME FAULT: one reflector misbehaves.
with_liar() {
  provider "reply=$LIAR/$2"
  sleep "$SETTLE"
  measure "$1" "$LENGTH"
  provider "reply=$LIAR/honest"
  sleep "$SETTLE"
}

# judge: the measurements, with what is amiss. Echo replies are counted by the kernel, at a moment
# that is not quite that of the daemon's own counts; they only show that the fault was there.
# shellcheck disable=SC2016
judge() {
  jq -s --argjson starts "$(grep -c ': starting wan=' "$DIR/main.log")" --argjson down "$CEILING_DOWN" --argjson up "$CEILING_UP" '
    def share(a; b): a / ([b, 1] | max);
    def steady: if .completed_hz < 19.6 then "only \(.completed_hz) steps per second" else empty end;
    def none_failed: if .failed > 0 then "\(.failed) steps failed" else empty end;
    def others_answer: if .lost[1] + .lost[2] > 2 then "honest reflectors lost \(.lost[1:])" else empty end;
    def liar_lost: if share(.lost[0]; .sent[0]) < 0.95 then "only \(.lost[0]) of \(.sent[0]) counted as lost" else empty end;
    def replies($low; $high): share(.replies; .sent | add) as $share
      | if $share < $low or $share > $high then "\($share) replies per probe: the fault was not there" else empty end;
    def uncut: if .down_mbit < $down or .up_mbit < $up or (.green | not) then "rates fell to \(.down_mbit)/\(.up_mbit), or not green" else empty end;
    (map(select(.name == "quiet")) | first) as $quiet
    | def back: steady, none_failed,
        if (.baseline_ms - $quiet.baseline_ms | fabs) > 1 then "the baseline moved from \($quiet.baseline_ms) to \(.baseline_ms) ms" else empty end;
    def amiss:
      if .name == "quiet" then steady, none_failed, others_answer, replies(0.85; 1.15)
      elif .name == "silent" then steady, none_failed, others_answer, liar_lost, replies(0.55; 0.8)
      elif .name == "lying" then steady, none_failed, others_answer, replies(0.85; 1.15),
        if .liar_rtt_ms < 55 then "the lie is only \(.liar_rtt_ms) ms" else empty end
      elif .name == "twice" then steady, none_failed, others_answer, replies(1.2; 1.5),
        if .lost[0] > 1 then "\(.lost[0]) counted as lost" else empty end
      elif .name == "late" or .name == "forged" or .name == "truncated" then
        steady, none_failed, others_answer, liar_lost, replies(0.85; 1.15)
      elif .name == "blackout" then none_failed, replies(0; 0.02),
        if .completed_hz < 0.8 then "only \(.completed_hz) steps per second by TCP" else empty end
      elif .name == "outage" then replies(0; 0.02), if .failed == 0 then "no step failed" else empty end
      else back end;
    {phases: map(. + {amiss: [amiss, uncut, if .missed_ticks > 0.01 * .sent[0] then "\(.missed_ticks) ticks missed" else empty end]})}
    | .restarts = $starts - 1
    | .failures = [(.phases[] | .name as $name | .amiss[] | "\($name): \(.)"),
        if .restarts != 0 then "the control of the line was started \($starts) times" else empty end,
        if (.phases | map(.uptime) | . != sort) then "the daemon was restarted" else empty end]
    | .pass = (.failures | length == 0)' "${PHASES[@]}"
}

table() {
  jq -r '
    def n: . * 10 | round / 10 | tostring;
    .phases[] | [.name, (.seconds | n), (.completed_hz | n), .failed, .silent_rounds, "\(.lost[0])/\(.sent[0])",
      .lost[1] + .lost[2], .replies, (.bloat_max_ms | n), "\(.down_mbit)/\(.up_mbit)"] | @tsv' | {
    printf 'fault\ttime\tsteps\tfailed\tsilent\tlost of it\tlost of\techo\tbloat max\tlowest rates\n'
    printf '\ts\tper s\tsteps\trounds\t/sent\tothers\treplies\tms\tMbit/s\n'
    cat
  } | awk -F '\t' '{ printf "%-14s", $1; for (i = 2; i <= 10; i++) printf " %11s", $i; print "" }'
}

prepare wanctl-wanemu wanctl wanctld
PHASES=()
topology_up "$CEILING_DOWN" "$CEILING_UP"
begin_tcp_target
CONFIG_TEMPLATE=$DIR/faults.yaml.in
write_template >"$CONFIG_TEMPLATE"
begin_control
sleep 5
measure quiet "$LENGTH"
with_liar silent silent
with_liar lying delay:40
with_liar twice twice
with_liar late delay:1500
with_liar forged forged
with_liar truncated truncated
provider icmp=off
sleep "$SETTLE"
measure blackout "$BLACKOUT"
provider icmp=on
sleep "$SETTLE"
measure after-blackout "$BACK"
provider loss=1
sleep "$SETTLE"
measure outage "$OUTAGE"
provider loss=0
sleep "$SETTLE"
measure after-outage "$BACK"
RESULT=$(judge)
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
table <<<"$RESULT"
jq -r '"restarts: \(.restarts)", (if .pass then "PASS" else "FAIL" end), (.failures[] | "     \(.)")' <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
