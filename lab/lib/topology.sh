# shellcheck shell=bash
# Namespaces, links and shapers of the lab. Sourced; expects PREFIX, DIR and WANEMU.
#
#   client c0 ---- r-lan router r-wan ==== wanemu ==== n0 internet
#   10.77.1.2      10.77.1.1  10.77.2.2              10.77.2.1, reflectors 10.77.9.1-5

REFLECTORS=(10.77.9.1 10.77.9.2 10.77.9.3) # for the controller
PING_TARGET=10.77.9.4                      # for the client's own ping
LOAD_TARGET=10.77.9.5                      # for iperf3
ROUTER_ADDRESS=10.77.1.1
GATEWAY=10.77.2.1

# The ISP: rates in Mbit/s, queues of about half a second, 20 ms there and back.
CAPACITY_DOWN=50
CAPACITY_UP=10
BUFFER_DOWN=3000000
BUFFER_UP=625000
DELAY_MS=10

PIDS=()

# in_ns NAMESPACE COMMAND...: runs a command in one of our namespaces.
in_ns() { ip netns exec "$PREFIX-$1" "${@:2}"; }

# start LOG NAMESPACE COMMAND...: runs it in the background, in a process group of its own; the
# process id is then in STARTED.
start() {
  setsid ip netns exec "$PREFIX-$2" "${@:3}" >"$DIR/$1" 2>&1 &
  STARTED=$!
  PIDS+=("$STARTED")
}

# running PID: whether a process made by `start` still runs.
running() { jobs -rp | grep -qx "$1"; }

# stop PID: ends a process group made by `start`, gently for 5 s, and waits for it.
stop() {
  running "$1" || return 0
  kill -TERM -- "-$1" 2>/dev/null || true
  for _ in {1..50}; do
    running "$1" || return 0
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# topology_up CEILING_DOWN CEILING_UP: everything up, shapers at the ceilings in Mbit/s.
topology_up() {
  local name
  for name in client router inet; do add_namespace "$name"; done
  add_lan
  add_wan
  add_routes
  add_shaper r-lan "$1"
  add_shaper r-wan "$2"
}

# Ends all we started, removes all we made. Never fails.
topology_down() {
  local pid name
  for pid in "${PIDS[@]}"; do stop "$pid"; done
  PIDS=()
  for name in client router inet; do
    # What is left in a namespace of ours is a child of something we started.
    ip netns pids "$PREFIX-$name" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
    ip netns del "$PREFIX-$name" 2>/dev/null || true
  done
  rm -f "$DIR/wanemu.sock"
}

add_namespace() {
  ip netns add "$PREFIX-$1"
  # shellcheck disable=SC2016
  in_ns "$1" bash -c 'for setting; do
      if [[ -e /proc/sys/net/${setting%=*} ]]; then echo "${setting#*=}" >"/proc/sys/net/${setting%=*}"; fi
    done' settings ipv6/conf/all/disable_ipv6=1 ipv6/conf/default/disable_ipv6=1 \
    ipv4/ip_forward=1 ipv4/conf/all/rp_filter=0 ipv4/tcp_no_metrics_save=1
  ip -n "$PREFIX-$1" link set lo up
}

add_lan() {
  ip link add c0 netns "$PREFIX-client" type veth peer name r-lan netns "$PREFIX-router"
  ip -n "$PREFIX-client" addr add 10.77.1.2/24 dev c0
  ip -n "$PREFIX-router" addr add "$ROUTER_ADDRESS/24" dev r-lan
  # Without this, packets travel in bundles of 64 kB, which no queue on a real line ever sees.
  in_ns client ethtool -K c0 tso off gso off gro off >/dev/null
  in_ns router ethtool -K r-lan tso off gso off gro off >/dev/null
  ip -n "$PREFIX-client" link set c0 gso_max_segs 1 up
  ip -n "$PREFIX-router" link set r-lan gso_max_segs 1 up
}

# The emulator's threads should not wait behind the programs under test, where that is allowed.
add_wan() {
  local realtime=()
  if chrt -f 10 true 2>/dev/null; then realtime=(chrt -f 10); fi
  start wanemu.err router "${realtime[@]}" "$WANEMU" run \
    --a "$PREFIX-router/r-wan" --b "$PREFIX-inet/n0" --delay-ms "$DELAY_MS" \
    --ab-mbit "$CAPACITY_UP" --ab-buffer-bytes "$BUFFER_UP" \
    "${WAN_DOWN[@]:---ba-mbit=$CAPACITY_DOWN}" --ba-buffer-bytes "$BUFFER_DOWN" \
    --control "$DIR/wanemu.sock" --log "$DIR/wanemu.log"
  wait_for "the emulator's devices" "$STARTED" wanemu.err wan_exists
  ip -n "$PREFIX-router" addr add 10.77.2.2/24 dev r-wan
  ip -n "$PREFIX-inet" addr add "$GATEWAY/24" dev n0
  # A long device queue: packets must be dropped by the emulated queue, not on the way to it.
  ip -n "$PREFIX-router" link set r-wan txqueuelen 4000 up
  ip -n "$PREFIX-inet" link set n0 txqueuelen 4000 up
}

wan_exists() { [[ -S $DIR/wanemu.sock ]] && in_ns inet test -e /sys/class/net/n0; }

add_routes() {
  local address
  for address in "${REFLECTORS[@]}" "$PING_TARGET" "$LOAD_TARGET"; do
    ip -n "$PREFIX-inet" addr add "$address/32" dev lo
  done
  ip -n "$PREFIX-client" route add default via "$ROUTER_ADDRESS"
  ip -n "$PREFIX-router" route add default via "$GATEWAY"
  ip -n "$PREFIX-inet" route add 10.77.1.0/24 via 10.77.2.2
}

# add_shaper DEVICE MBIT: one ceiling (1:1), below it ICMP and acknowledgements before everything else. The
# two classes do what CAKE's flow isolation does: neither waits in the router behind a bulk transfer.
add_shaper() {
  local tc=(tc -n "$PREFIX-router") burst=(burst 10k cburst 10k quantum 3000)
  "${tc[@]}" qdisc add dev "$1" root handle 1: htb default 10
  "${tc[@]}" class add dev "$1" parent 1: classid 1:1 htb rate "${2}mbit" ceil "${2}mbit" "${burst[@]}"
  "${tc[@]}" class add dev "$1" parent 1:1 classid 1:10 htb rate 1mbit ceil 1000mbit prio 1 "${burst[@]}"
  "${tc[@]}" class add dev "$1" parent 1:1 classid 1:20 htb rate 1mbit ceil 1000mbit prio 0 "${burst[@]}"
  "${tc[@]}" qdisc add dev "$1" parent 1:10 handle 10: bfifo limit 60k
  "${tc[@]}" qdisc add dev "$1" parent 1:20 handle 20: bfifo limit 30k
  "${tc[@]}" filter add dev "$1" parent 1: protocol ip u32 match ip protocol 1 0xff flowid 1:20
  # Total length below 128 bytes: acknowledgements.
  "${tc[@]}" filter add dev "$1" parent 1: protocol ip u32 match u16 0 0xff80 at 2 flowid 1:20
}

# wait_for WHAT PID LOG COMMAND...: until the command succeeds; fails with the log when the process
# ends or 10 s pass.
wait_for() {
  local what=$1 pid=$2 log=$3
  shift 3
  for _ in {1..200}; do
    if "$@"; then return 0; fi
    running "$pid" || break
    sleep 0.05
  done
  echo "lab: no $what; $log says:" >&2
  tail -n 20 "$DIR/$log" >&2
  return 1
}
