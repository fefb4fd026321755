#!/usr/bin/env bash
# What the daemon costs and whether it keeps its beat, idle and under load. See lab/README.md.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
  cat <<'USAGE'
lab/cost.sh [OPTIONS]

Runs wanctld with three reflectors at 20 Hz and history on, first on an idle line, then on one that
a download saturates, and measures its processor time, memory, beat and work. Exits 1 unless it uses
less than 1.5 % of a core and 20 MB, misses at most 0.1 % of its ticks, sends 20 probes per second
and reflector within 1 %, and 99 of 100 cycles take 5 ms or less; then, with every processor busy,
a look at its health takes less than 1 ms in the median.

  --law NAME       the daemon's control law, reference (when not given) or adaptive
  --seconds N      length of each measurement (default: 60)
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

LAW=reference
LENGTH=60
JSON=
BIN=
KEEP=
while [[ $# -gt 0 ]]; do
  case $1 in
    --law) LAW=${2:?--law needs a name} && shift 2 ;;
    --seconds) LENGTH=${2:?--seconds needs a number} && shift 2 ;;
    --json) JSON=${2:?--json needs a file} && shift 2 ;;
    --bin-dir) BIN=${2:?--bin-dir needs a directory} && shift 2 ;;
    --keep) KEEP=yes && shift ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option $1" ;;
  esac
done
[[ $LAW == reference || $LAW == adaptive ]] || fail "no law $LAW; there are reference and adaptive"

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
SETTLE_SECONDS=5
MAX_CPU_PERCENT=1.5
MAX_RSS_MB=20
MAX_MISSED_PERCENT=0.1
MAX_WORK_MS=5
MAX_LOOK_MS=1
LOOKS=1000 # requests for the health document, in bursts of 50
RATE_HZ=20
RATE_TOLERANCE=0.01

# measure NAME: one measurement of what runs now, as JSON.
measure() {
  local documents=$DIR/$1.health
  echo "lab: $1, $LENGTH s" >&2
  stamped_health >"$documents"
  begin_cost
  follow "$documents"
  end_cost >"$DIR/cost.json"
  stamped_health >>"$documents"
  jq -s --arg name "$1" --slurpfile cost "$DIR/cost.json" \
    --arg load "$(cut -d ' ' -f 1-3 /proc/loadavg)" "$NUMBERS" "$documents"
}

# follow FILE: waits. Asks now and then for the percentile that the daemon keeps of its last seconds;
# where it keeps none, often for the work of single cycles, which costs the daemon something.
follow() {
  local end=$((${EPOCHREALTIME/./} + LENGTH * 1000000)) pause=0.2
  if jq -e '.wans[0].cycles | has("p99_duration_ms")' "$1" >/dev/null; then pause=5; fi
  while [[ ${EPOCHREALTIME/./} -lt $end ]]; do
    sleep "$pause"
    stamped_health >>"$1"
  done
}

# looks: how long the daemon takes to show its health while the download runs and each processor is
# kept busy, as JSON: from the request to the last byte of the answer, as the one who asks sees it. Both
# wait for a processor now and then, which the high percentiles show; the median is the daemon's.
looks() {
  local n
  echo "lab: $LOOKS looks at the health, every processor busy" >&2
  # shellcheck disable=SC2016
  for ((n = 0; n < $(nproc); n++)); do
    start "busy-$n.log" router taskset -c "$n" bash -c 'while :; do :; done'
  done
  for ((n = 0; n < LOOKS / 50; n++)); do
    in_ns router curl -sf -m 10 -o /dev/null -w '%{time_total}\n' "$LAB_HEALTH_URL?look=[1-50]"
    sleep 0.2
  done >"$DIR/looks"
  sort -g "$DIR/looks" | awk '
    function at(p,  i) { i = int(p * NR); if (i < p * NR) i++; return x[i < 1 ? 1 : i] * 1000 }
    { x[NR] = $1 }
    END { printf "{\"count\":%d,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", NR, at(0.5), at(0.95), at(0.99), at(1) }'
}

# The health document on one line, with the time it was asked for.
stamped_health() {
  local at=$EPOCHREALTIME document
  document=$(health) || fail "the daemon's health does not answer: $(tail -n 5 "$DIR/controller.log")"
  jq -c --argjson at "$at" '.at = $at' <<<"$document"
}

# The first and the last document bound the measurement.
# shellcheck disable=SC2016
NUMBERS='
  def p99: sort | if length == 0 then null else .[(length * 0.99 | ceil) - 1] end;
  def gained(f): (last | f) - (first | f);
  gained(.at) as $seconds
  | gained(.wans[0].cycles.missed_ticks) as $missed
  | [range(first.wans[0].reflectors | length) as $n | gained(.wans[0].reflectors[$n].sent)] as $sent
  | {
      name: $name,
      load_average: $load,
      seconds: $seconds,
      cpu_percent: $cost[0].cpu_percent,
      rss_mb: ($cost[0].rss_mib * 1.048576),
      missed_ticks: $missed,
      missed_percent: ($missed / ($missed + $sent[0]) * 100),
      probes_hz: [$sent[] / $seconds],
      completed_hz: (gained(.wans[0].cycles.completed) / $seconds),
      work_p99_ms: (([.[].wans[0].cycles.p99_duration_ms | values] | max) // ([.[].wans[0].cycles.last_duration_ms] | p99)),
      work_from: (if last.wans[0].cycles.p99_duration_ms then "the greatest percentile offered" else "\(length) cycles asked for" end),
      history: (last.history // null)
    }'

# judge: the measurements and the looks on standard input, with the verdict added.
judge() {
  jq --argjson look "$MAX_LOOK_MS" --argjson wanted "$LOOKS" --argjson cpu "$MAX_CPU_PERCENT" \
    --argjson rss "$MAX_RSS_MB" --argjson missed "$MAX_MISSED_PERCENT" --argjson work "$MAX_WORK_MS" --argjson hz "$RATE_HZ" --argjson tolerance "$RATE_TOLERANCE" '
    def n: . * 1000 | round / 1000;
    .measurements as $measurements | .looks as $looks
    | .failures = [
      (select($looks.count < $wanted) | "only \($looks.count) of \($wanted) looks at the health succeeded"),
      (select($looks.p50_ms >= $look)
        | "a look at the health takes \($looks.p50_ms) ms in the median, less than \($look) wanted"),
      ($measurements[] | (select(.cpu_percent >= $cpu) | "\(.name): \(.cpu_percent | n) % of a core, less than \($cpu) wanted"),
        (select(.rss_mb >= $rss) | "\(.name): \(.rss_mb | n) MB, less than \($rss) wanted"),
        (select(.missed_percent > $missed)
          | "\(.name): \(.missed_percent | n) % of the ticks missed, at most \($missed) wanted"),
        (select(.work_p99_ms > $work) | "\(.name): p99 of the work is \(.work_p99_ms | n) ms, at most \($work) wanted"),
        (select(any(.probes_hz[]; (. / $hz - 1 | fabs) > $tolerance))
          | "\(.name): \(.probes_hz | map(n | tostring) | join(", ")) probes per second, \($hz) wanted"),
        (select(.history == null or .history.committed == 0) | "\(.name): no history was written"))
    ]
    | .pass = (.failures | length == 0)'
}

table() {
  jq -r '
    def n($digits): if . == null then "-" else pow(10; $digits) as $f | (. * $f | round / $f | tostring) end;
    .measurements[] | [.name, (.cpu_percent | n(2)), (.rss_mb | n(1)), "\(.missed_ticks) (\(.missed_percent | n(2)) %)",
      (.probes_hz | min | n(2)), (.probes_hz | max | n(2)), (.work_p99_ms | n(2)), (.load_average | split(" ")[0])]
    | @tsv' | {
    printf '\tcpu\trss\tmissed\tprobes min\tprobes max\twork p99\tmachine\n'
    printf '\t%% core\tMB\tticks\tHz\tHz\tms\tload\n'
    cat
  } | awk -F '\t' '{ printf "%-5s", $1; for (i = 2; i <= 8; i++) printf " %11s", $i; print "" }'
}

prepare wanctl-wanemu wanctl wanctld
topology_up "$CEILING_DOWN" "$CEILING_UP"
begin_control
sleep "$SETTLE_SECONDS"
measure idle >"$DIR/idle.json"
begin_download $((WARM_SECONDS + LENGTH + 25)) load.iperf3
sleep "$WARM_SECONDS"
measure load >"$DIR/load.json"
looks >"$DIR/looks.json"
wait "$LOAD" || fail "iperf3 failed: $(tail -n 5 "$DIR/load.iperf3")"
RESULT=$(jq -n --slurpfile idle "$DIR/idle.json" --slurpfile load "$DIR/load.json" --slurpfile looks "$DIR/looks.json" \
  '{measurements: ($idle + $load), looks: $looks[0]}' | judge)
if [[ -n $JSON ]]; then echo "$RESULT" >"$JSON"; fi
table <<<"$RESULT"
jq -r '.looks | "health under load, \(.count) looks: p50 \(.p50_ms), p95 \(.p95_ms), p99 \(.p99_ms), max \(.max_ms) ms"' <<<"$RESULT"
jq -r '(if .pass then "PASS" else "FAIL" end), (.failures[] | "     \(.)")' <<<"$RESULT"
jq -e .pass <<<"$RESULT" >/dev/null
