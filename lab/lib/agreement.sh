# shellcheck shell=bash
# Whether benchmark and daemon agree, and their table. Sourced.

SAME_PART=0.3 # two figures this near to each other agree
SAME_MS=2     # and so do two delays that differ by less, whatever part that is

# agreement: simulated and measured figures on standard input, side by side and with the verdict.
# Two laws whose delays differ by no more than SAME_MS have no order that the other must have, too.
agreement() {
  jq --argjson part "$SAME_PART" --argjson ms "$SAME_MS" '
    def n: . * 10 | round / 10;
    def near($a; $b; $least): ($a - $b | fabs) <= ([$least, $part * ([$a, $b] | max)] | max);
    (.measured | map({"\(.scenario) \(.law)": .}) | add) as $lab
    | .rows = [.simulated[] | . as $s | $lab["\(.scenario) \(.law)"] as $m
        | {scenario, law, bench: {p95_ms: $s.p95_ms, p95_of_seeds: $s.p95_of_seeds, use: $s.use}, lab: {p95_ms: $m.p95_ms, use: $m.use},
           same_p95: near($s.p95_ms; $m.p95_ms; $ms), same_use: near($s.use; $m.use; 0)}]
    | .failures = [
        (.rows[] | (select(.same_p95 | not)
            | "\(.scenario), \(.law): \(.bench.p95_ms | n) ms in the benchmark, \(.lab.p95_ms | n) ms in the lab"),
          (select(.same_use | not)
            | "\(.scenario), \(.law): use \(.bench.use * 100 | n) % in the benchmark, \(.lab.use * 100 | n) % in the lab")),
        (.rows as $rows | $rows[] as $a | $rows[]
          | select(.scenario == $a.scenario and .bench.p95_ms + $ms < $a.bench.p95_ms and .lab.p95_ms > $a.lab.p95_ms + $ms)
          | "\(.scenario): \(.law) has less delay than \($a.law) in the benchmark, more in the lab")
      ]
    | .pass = (.failures | length == 0)
    | del(.simulated, .measured)'
}

agreement_table() {
  jq -r '
    def n: if . == null then "-" else (. * 10 | round / 10 | tostring) end;
    .rows[] | [.scenario, .law, (.bench.p95_ms | n),
      (.bench.p95_of_seeds | map(n) | join("-")), (.lab.p95_ms | n), (.bench.use * 100, .lab.use * 100 | n)] | @tsv' | {
    printf 'line\tlaw\tp95 bench\tseeds\tp95 lab\tuse bench\tuse lab\n'
    printf '\t\tms\tms\tms\t%%\t%%\n'
    cat
  } | awk -F '\t' '{ printf "%-15s %-10s", $1, $2; for (i = 3; i <= 7; i++) printf " %11s", $i; print "" }'
}
