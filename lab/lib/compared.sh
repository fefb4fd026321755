# shellcheck shell=bash
# The verdict on controllers that were compared, and their table. Sourced.

FIXED_ADDED=6    # ms at p95 that `adaptive` may add to the fixed line
FIXED_GOODPUT=45 # Mbit/s it must get there
SAME_GOODPUT=0.99 # two goodputs this near to each other are equal
MOST_LOST=0.05   # beyond this, the 95th percentile would hide the worst

# compared: the numbers of all controllers on standard input, with the verdict added.
compared() {
  jq --argjson added "$FIXED_ADDED" --argjson goodput "$FIXED_GOODPUT" --argjson same "$SAME_GOODPUT" \
    --argjson lost "$MOST_LOST" '
    def n: . * 10 | round / 10;
    (.controls | map({(.name): .scenarios}) | add) as $of
    | .failures = [
        (("fixed", "step", "trace") as $scenario
          | $of.adaptive[$scenario] as $ours | $of.reference[$scenario] as $theirs
          | (select($ours.added_ms.p95 >= $theirs.added_ms.p95)
              | "\($scenario): adaptive adds \($ours.added_ms.p95 | n) ms at p95, reference \($theirs.added_ms.p95 | n) ms"),
            (select($ours.goodput_mbit < $same * $theirs.goodput_mbit)
              | "\($scenario): adaptive gets \($ours.goodput_mbit | n) Mbit/s, reference \($theirs.goodput_mbit | n) Mbit/s"),
            (select($ours.lost > $lost * $ours.sent) | "\($scenario): adaptive lost \($ours.lost) of \($ours.sent) pings")),
        ($of.adaptive.fixed
          | (select(.added_ms.p95 > $added) | "fixed: adaptive adds \(.added_ms.p95 | n) ms at p95, at most \($added) wanted"),
            (select(.goodput_mbit < $goodput) | "fixed: adaptive gets \(.goodput_mbit | n) Mbit/s, \($goodput) wanted"))
      ]
    | .pass = (.failures | length == 0)'
}

# comparison: the table, for people.
comparison() {
  jq -r '
    def n: if . == null then "-" else (. * 10 | round / 10 | tostring) end;
    ("fixed", "step", "trace") as $scenario
    | .controls[] | .scenarios[$scenario] as $m
    | [$scenario, .name, ($m.added_ms | .p50, .p95, .p99 | n), ($m.over_30_ms * 100 | n), "\($m.lost)/\($m.sent)",
        ($m.goodput_mbit | n)]
    | @tsv' | {
    printf 'scenario\tcontrol\tadded p50\tp95\tp99\t> 30 ms\tlost\tgoodput\n'
    printf '\t\tms\tms\tms\t%% of pings\tpings\tMbit/s\n'
    cat
  } | awk -F '\t' '{ printf "%-9s %-10s", $1, $2; for (i = 3; i <= 8; i++) printf " %10s", $i; print "" }'
}
