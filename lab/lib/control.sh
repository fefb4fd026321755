# shellcheck shell=bash
# The router's API and the controller under test. Sourced; expects topology.sh and measure.sh.

API_PORT=8080
HEALTH_PORT=9101
QUEUE_DOWN=WAN-Download-Lab
QUEUE_UP=WAN-Upload-Lab

export LAB_USER=lab
export LAB_ROUTER_HOST=$ROUTER_ADDRESS LAB_ROUTER_PORT=$API_PORT
export LAB_ROUTER_URL=http://$ROUTER_ADDRESS:$API_PORT
export LAB_QUEUE_DOWN=$QUEUE_DOWN LAB_QUEUE_UP=$QUEUE_UP
export LAB_REFLECTORS="${REFLECTORS[*]}"
# Where the two directions leave: what a controller that calls `tc` shapes.
LAB_TC=$(command -v tc || true)
export LAB_TC LAB_DEVICE_DOWN=r-lan LAB_DEVICE_UP=r-wan
export LAB_HEALTH_URL=http://127.0.0.1:$HEALTH_PORT/health

# begin_control: the router's API, then the controller; its process id is then in CONTROLLER.
begin_control() {
  LAB_PASSWORD=$(head -c 12 /dev/urandom | base64)
  export LAB_PASSWORD LAB_DIR=$DIR LAB_CEILING_DOWN=$CEILING_DOWN LAB_CEILING_UP=$CEILING_UP
  start router.log router "$WANCTL" sim router --listen "$ROUTER_ADDRESS:$API_PORT" \
    --user "$LAB_USER" --password-env LAB_PASSWORD \
    --queue "$QUEUE_DOWN=r-lan" --queue "$QUEUE_UP=r-wan"
  wait_for "router API" "$STARTED" router.log api_answers
  if [[ -n $CONTROLLER_COMMAND ]]; then
    start controller.log router env "PATH=$HERE/lib/cake:$PATH" bash -c "$CONTROLLER_COMMAND"
    CONTROLLER=$STARTED
  else
    write_config >"$DIR/lab.yaml"
    start controller.log router "$WANCTLD" --config "$DIR/lab.yaml"
    CONTROLLER=$STARTED
    wait_for "healthy daemon" "$CONTROLLER" controller.log health_is_good
  fi
}

api_answers() {
  in_ns router curl -sf -m 2 -o /dev/null -K - "$LAB_ROUTER_URL/rest/queue/tree" \
    <<<"user = \"$LAB_USER:$LAB_PASSWORD\""
}

health_is_good() { health >/dev/null; }

# The daemon's health document; `null` when it offers none.
health() { in_ns router curl -sf -m 2 "$LAB_HEALTH_URL"; }

write_config() {
  sed -e "s|@DIR@|$DIR|g" -e "s|@ROUTER_HOST@|$LAB_ROUTER_HOST|" -e "s|@ROUTER_PORT@|$API_PORT|" \
    -e "s|@QUEUE_DOWN@|$QUEUE_DOWN|" -e "s|@QUEUE_UP@|$QUEUE_UP|" \
    -e "s|@GATEWAY@|$GATEWAY|" -e "s|@HEALTH_PORT@|$HEALTH_PORT|" \
    -e "s|@LAW@|${LAW:-reference}|" \
    -e "s|@REFLECTORS@|$(IFS=, && echo "${REFLECTORS[*]}")|" "${CONFIG_TEMPLATE:-$HERE/lab.yaml.in}"
}

# The daemon must still run; a command of the user's may have ended, but not in failure.
check_controller() {
  local status=0
  if running "$CONTROLLER"; then return 0; fi
  wait "$CONTROLLER" || status=$?
  if [[ $status -eq 0 && -n $CONTROLLER_COMMAND ]]; then return 0; fi
  tail -n 20 "$DIR/controller.log" >&2
  fail "the controller ended with status $status"
}

# begin_cost / end_cost: what the controller uses in between, as JSON.
begin_cost() {
  COST_TICKS=$(cpu_ticks "$CONTROLLER")
  COST_FROM=$EPOCHREALTIME
}

end_cost() {
  local ticks rss document
  check_controller
  ticks=$(($(cpu_ticks "$CONTROLLER") - COST_TICKS))
  rss=$(rss_kib "$CONTROLLER")
  document=$(health || echo null)
  jq -n --argjson ticks "$ticks" --argjson hz "$(getconf CLK_TCK)" --argjson rss "$rss" \
    --argjson from "$COST_FROM" --argjson to "$EPOCHREALTIME" --argjson health "$document" '
    ([$health | .wans? // [] | .[]] | first) as $wan
    | {
      cpu_percent: ($ticks / $hz / ($to - $from) * 100),
      rss_mib: ($rss / 1024),
      missed_ticks: $wan.cycles.missed_ticks,
      cycle_work_ms: ($wan.cycles | .p99_duration_ms // .last_duration_ms),
      router_updates: $wan.router.updates,
      router_errors: $wan.router.errors
    }'
}
