#!/usr/bin/env bash
# What a machine with several GPUs tells, in one go: what recording costs (1, 2, 4 … GPUs, one thread or one each), a card
# of every board and how their lattices lie, and a study on one GPU and on all.
#
#   benches/rig.sh WATTPROOF OUT            all GPUs of this machine; about 6 minutes
#   benches/rig.sh WATTPROOF OUT virtual    a rehearsal on the virtual rig
#
# WATTPROOF is the built program. OUT gets 7 small files. A step that fails or takes too long is told in OUT/steps.txt, and the
# next one is made.
set -uo pipefail
wattproof="$(realpath "$1")"
mkdir -p "$2"
out="$(realpath "$2")"
rig="${3:-}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"

named=()
load=(--cuda)
if [ "$rig" = virtual ]; then
    named=(--rig virtual)
    load=(--virtual)
fi

step() {
    local name="$1" most="$2" began
    shift 2
    began="$(date +%s)"
    timeout "$most" "$@" >"$work/$name.txt" 2>&1
    printf '%s: exit code %s after %s s of %s\n' "$name" "$?" "$(($(date +%s) - began))" "$most" >>"$out/steps.txt"
}

{
    date -u
    uname -srm
    nproc
    "$wattproof" --version
    nvidia-smi --query-gpu=index,name,pci.bus_id,driver_version --format=csv || true
} >"$out/steps.txt" 2>&1

step overhead 180 "$wattproof" overhead "${named[@]}" --quick --json "$out/overhead.json"

# Gauges fast enough to tell a lattice of 100 ms to a millisecond; all boards under one aperiodic load.
step look 30 "$wattproof" record "${named[@]}" --for 1s -o "$work/look"
gpus="$(grep -o '"gpu[0-9]*-gauges"' "$work/look/manifest.json" | tr -d '"' | sort -u)"
rates=()
for gauges in $gpus; do rates+=(--rate "$gauges=200"); done
step excite 120 "$wattproof" record "${named[@]}" "${rates[@]}" -o "$work/excite" -- "$wattproof" excite "${load[@]}"
for gauges in $gpus; do
    gpu="${gauges%-gauges}"
    step "card-$gpu" 30 "$wattproof" characterise "$work/excite" --reference "$gpu-ring/power.samples" \
        --channel "$gauges/power.draw" --channel "$gauges/power.draw.instant" --channel "$gpu-counter/energy.total" \
        --save="$work/cards"
done
step lattices 60 "$wattproof" characterise "$work/excite" --pulses excite --save="$work/cards/commanded" --json "$out/lattices.json"
step study 180 "$wattproof" study "${named[@]}" --quick -o "$work/study" --report "$out/study.html" --tables "$work/tables"

tar -C "$work" -czf "$out/cards.tar.gz" cards 2>/dev/null
tar -C "$work" -czf "$out/tables.tar.gz" tables 2>/dev/null
# What each step said, the longest last.
tail -n +1 "$work"/*.txt >"$out/said.txt"
cat "$out/steps.txt"
