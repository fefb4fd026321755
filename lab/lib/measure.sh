# shellcheck shell=bash
# Load, samples and numbers. Sourced; expects topology.sh.

IDLE_SECONDS=5
WARM_SECONDS=5
STREAMS=4

# sample SECONDS FILE: the client's own ping, 20 times a second.
sample() {
  start "$2" client ping -n -i 0.05 -W 3 -c $(($1 * 20)) "$PING_TARGET"
  wait "$STARTED" || true # pings get lost; ping_numbers counts them
}

# begin_download SECONDS FILE: saturates the download; its process id is then in LOAD.
begin_download() {
  begin_load 5201 "$@" -R
  LOAD=$STARTED
}

# begin_upload SECONDS FILE: the same for the upload; UPLOAD.
begin_upload() {
  begin_load 5202 "$@"
  # shellcheck disable=SC2034 # for whoever sources this
  UPLOAD=$STARTED
}

# begin_load PORT SECONDS FILE OPTION...: TCP between the client and the internet, upwards.
begin_load() {
  local port=$1 seconds=$2 file=$3
  shift 3
  start "$file.server" inet iperf3 -s -1 -B "$LOAD_TARGET" -p "$port"
  wait_for "iperf3 server" "$STARTED" "$file.server" load_ready "$port"
  start "$file" client iperf3 -c "$LOAD_TARGET" -p "$port" -P "$STREAMS" -C cubic -t "$seconds" -i 1 -J "$@"
}

load_ready() { [[ -n $(in_ns inet ss -Hlnt "src $LOAD_TARGET and sport = :$1") ]]; }

# ping_numbers FILE [FROM TO]: JSON of the replies; FROM and TO select sequence numbers.
# A percentile is the smallest sample that at least so many samples do not exceed.
ping_numbers() {
  awk -v from="${2:-1}" -v to="${3:-1000000}" '
    match($0, /icmp_seq=[0-9]+/) {
      seq = substr($0, RSTART + 9, RLENGTH - 9) + 0
      if (seq >= from && seq <= to && match($0, /time=[0-9.]+/)) print substr($0, RSTART + 5, RLENGTH - 5)
    }
    /packets transmitted/ { print "sent", $1 }' "$DIR/$1" |
    sort -g | awk -v from="${2:-1}" -v to="${3:-0}" '
      function at(p,  i) { i = int(p * n); if (i < p * n) i++; return n ? rtt[i < 1 ? 1 : i] : "null" }
      $1 == "sent" { sent += $2; next }
      { rtt[++n] = $1 }
      END {
        if (to) sent = to - from + 1
        printf "{\"samples\":%d,\"lost\":%d,\"p50\":%s,\"p90\":%s,\"p95\":%s,\"p99\":%s,\"max\":%s}\n",
          n, sent - n, at(0.5), at(0.9), at(0.95), at(0.99), at(1)
      }'
}

# late_pings FILE MS: how many replies took longer.
late_pings() {
  awk -v limit="$2" 'match($0, /time=[0-9.]+/) && substr($0, RSTART + 5, RLENGTH - 5) + 0 > limit { late++ }
    END { print late + 0 }' "$DIR/$1"
}

# goodput FILE FROM TO: what the receiver got between two seconds of the test, in Mbit/s.
goodput() {
  jq --argjson from "$2" --argjson to "$3" '
    [.intervals[].sum | select(.start >= $from - 0.05 and .end <= $to + 0.05)]
    | if length == 0 then error("no measured interval in the iperf3 output") else . end
    | (map(.bytes) | add) * 8 / (map(.seconds) | add) / 1e6' "$DIR/$1"
}

# keep_files NAME: moves what one measurement wrote out of the way of the next.
keep_files() {
  mkdir "$DIR/$1"
  find "$DIR" -maxdepth 1 -type f ! -name 'scenario-*' -exec mv -t "$DIR/$1" {} +
}

# cpu_ticks PID: processor time of a process, of its children and of those already gone.
cpu_ticks() {
  local pid total=0 part
  for pid in $(process_tree "$1"); do
    # After the name, which ends with the last bracket: utime stime cutime cstime are 12 to 15.
    part=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | awk '{ print $12 + $13 + $14 + $15 }') || continue
    total=$((total + ${part:-0}))
  done
  echo "$total"
}

# rss_kib PID: resident memory of a process and its children.
rss_kib() {
  local pid total=0 part
  for pid in $(process_tree "$1"); do
    part=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
    total=$((total + ${part:-0}))
  done
  echo "$total"
}

process_tree() {
  local child
  echo "$1"
  for child in $(cat "/proc/$1"/task/*/children 2>/dev/null || true); do process_tree "$child"; done
}
