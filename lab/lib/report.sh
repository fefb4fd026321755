# shellcheck shell=bash
# Tables and the verdict. Sourced.

MIN_RATIO=5     # the added delay must fall at least to a fifth
MIN_SHARE=0.75  # of the goodput without a controller
MAX_LOSS=0.05   # beyond this, the 95th percentile would hide the worst

# judge: one scenario, runs `off` and `on` on standard input, with the verdict added.
judge() {
  jq --argjson ratio "$MIN_RATIO" --argjson share "$MIN_SHARE" --argjson loss "$MAX_LOSS" '
    def added: .ping.p95 - .idle.p50;
    .delay_ratio = ((.off | added) / ([(.on | added), 0.1] | max))
    | .goodput_share = .on.goodput_mbit / .off.goodput_mbit
    | .failures = [
        (select(.delay_ratio < $ratio)
          | "added delay at p95 is only \(.delay_ratio * 10 | round / 10) times lower, \($ratio) wanted"),
        (select(.goodput_share < $share)
          | "goodput is \(.goodput_share * 100 | round) % of the uncontrolled one, \($share * 100) % wanted"),
        (select(.on.ping.lost > $loss * (.on.ping.lost + .on.ping.samples))
          | "\(.on.ping.lost) pings were lost under control")
      ]
    | .pass = (.failures | length == 0)'
}

# table: the scenarios of the result on standard input, for people.
table() {
  jq -r '
    def n: if . == null then "-" else (. * 10 | round / 10 | tostring) end;
    .scenarios[] | .name as $name
    | (["off", "on"][] as $mode | .[$mode] | [$name, $mode, (.idle.p50 | n), (.ping.p50 | n), (.ping.p95 | n),
        (.ping.p50 - .idle.p50 | n), (.ping.p95 - .idle.p50 | n), "\(.ping.lost)/\(.ping.lost + .ping.samples)",
        (.goodput_mbit | n)]),
      (.on.halves // [] | to_entries[] | [$name, "on, half \(.key + 1)", "", (.value.ping.p50 | n), (.value.ping.p95 | n),
        "", "", "", (.value.goodput_mbit | n)])
    | @tsv' | {
    printf 'scenario\tcontrol\tidle p50\tp50\tp95\tadded p50\tadded p95\tlost\tgoodput\n'
    printf '\t\tms\tms\tms\tms\tms\tpings\tMbit/s\n'
    cat
  } | awk -F '\t' '{ printf "%-9s %-11s", $1, $2; for (i = 3; i <= 9; i++) printf " %10s", $i; print "" }'
}

# verdict: what the controller cost and who passed.
verdict() {
  jq -r '
    def n: if . == null then "not offered" else (. * 100 | round / 100 | tostring) end;
    .scenarios[]
    | "\(.name): controller used \(.on.cost.cpu_percent | n) % of a core, \(.on.cost.rss_mib | n) MiB;"
      + " missed ticks \(.on.cost.missed_ticks | n), cycle work \(.on.cost.cycle_work_ms | n) ms, router writes \(.on.cost.router_updates | n)",
      "\(.name): \(if .pass then "PASS" else "FAIL" end): added delay at p95 \(.delay_ratio | n) times lower,"
      + " goodput \(.goodput_share * 100 | n) % of the uncontrolled one",
      (.failures[] | "      \(.)")'
}
