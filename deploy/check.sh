#!/usr/bin/env bash
# Checks the units as systemd reads them, and that each exposes at most 2.0 of 10.
# Needs systemd-analyze; without it says so and skips.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v systemd-analyze >/dev/null; then
    echo "deploy/check.sh: SKIPPED, systemd-analyze is not installed (package systemd)"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
complain() { echo "deploy/check.sh: $*"; failed=1; }

# Verification wants the programs to be there: any executable will do.
for unit in wanctld.service wanctld@.service wanctl-steerd.service; do
    sed 's#/usr/bin/wanctl\(d\|-steerd\)#/bin/true#' "systemd/$unit" >"$work/$unit"
done
cp "$work/wanctld@.service" "$work/wanctld@wan1.service"

version=$(systemd-analyze --version | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')
for unit in wanctld.service wanctld@wan1.service wanctl-steerd.service; do
    if ! said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$work/$unit" 2>&1); then
        complain "$unit does not verify"
    fi
    # Keys that are newer than this systemd are ignored by it, as the unit says.
    if [ "$version" -lt 254 ]; then
        said=$(grep -v "Unknown key.* 'Restart\(Steps\|MaxDelaySec\)'" <<<"$said" || true)
    fi
    said=$(grep "$unit\|wanctld" <<<"$said" || true)
    [ -z "$said" ] || complain "$said"

    if figures=$(systemd-analyze security --offline=yes --no-pager --threshold=20 "$work/$unit" 2>&1); then
        verdict=ok
    else
        verdict=no
    fi
    line=$(grep 'Overall exposure level' <<<"$figures" || true)
    echo "$unit: ${line#* }"
    [ "$verdict" = ok ] || complain "$unit exposes more than 2.0 or could not be rated"
done

if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers --root="$work" --dry-run "$PWD/sysusers.d/wanctl.conf" >/dev/null 2>&1 ||
        complain "sysusers.d/wanctl.conf is refused"
fi
if grep -nE '^[A-Z_]+=' secrets.example | grep -v 'replace-me'; then
    complain "secrets.example holds something that looks like a secret"
fi
[ "$failed" = 0 ] && echo "deploy/check.sh: units verified"
exit "$failed"
