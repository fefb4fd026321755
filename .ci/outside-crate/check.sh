#!/bin/sh
# Packs the libraries that other projects use, unpacks them outside the repository, and builds and
# runs a small program there that knows nothing but the packages.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
libraries="wanctl-types wanctl-signal wanctl-controller wanctl-steering wanctl-storage"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# Kept between runs, so that only the first one builds SQLite.
build=${CARGO_TARGET_DIR:-$root/target}/outside-crate

cd "$root"
selection=
for library in $libraries; do
    selection="$selection -p $library"
done
# shellcheck disable=SC2086 # one word per package
cargo package --quiet --no-verify --allow-dirty --target-dir "$work/packed" $selection

mkdir "$work/unpacked"
for library in $libraries; do
    packed=$(ls "$work/packed/package/$library"-*.crate)
    tar -xzf "$packed" -C "$work/unpacked"
    mv "$work/unpacked/$(basename "$packed" .crate)" "$work/unpacked/$library"
    if grep -q '^path = "\.\.' "$work/unpacked/$library/Cargo.toml"; then
        echo "outside-crate: the package $library points into the repository" >&2
        exit 1
    fi
done

cp -R "$here/template" "$work/program"
cp "$root/Cargo.lock" "$work/program/Cargo.lock"
cd "$work/program"
cargo run --quiet --target-dir "$build" -- "$work/metrics.db" >"$work/output.txt"

if ! diff -u "$here/template/expected.txt" "$work/output.txt"; then
    echo "outside-crate: the program built from the packages printed something else" >&2
    exit 1
fi
echo "outside-crate: built and run from the packages alone"
