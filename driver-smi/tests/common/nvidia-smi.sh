#!/bin/sh
# A stand-in for nvidia-smi that misbehaves on command. `settings` beside it says how; the defaults are here.
dir=$(dirname "$0")
GPUS=1 KNOWN= HELP=1 WARN=0 LOST= LOST_AT=-1 END_AT=-1 END_CODE=0 END_TEXT= HANG_AT=-1 ENDLESS_AT=-1
BAD_AT=-1 BAD_GPU=all CODE=0 TEXT= SECTION=gpu_power_readings POWER='average_power_draw instant_power_draw' VERSION=580.159.04
ABSENT= NEW_GPU_AT=-1
. "$dir/settings"
query='' loop='' id='' xml=0 dmon=0 once=0 previous=''
for argument in "$@"; do
    case $argument in
        --query-gpu=*) query=${argument#*=} ;;
        --loop-ms=*) loop=${argument#*=} ;;
        --id=*) id=${argument#*=} ;;
        --help-query-gpu) query=help ;;
        -x) xml=1 ;;
        dmon) dmon=1 ;;
    esac
    case $previous in
        -i) id=$argument ;;
        -c) once=1 ;;
    esac
    previous=$argument
done
echo "$$ $*" >>"$dir/calls"
if [ "$CODE" != 0 ] && [ "$query" != help ]; then printf '%s\n' "$TEXT"; exit "$CODE"; fi
if [ "$query" = help ]; then
    [ "$HELP" = 1 ] || { echo "Invalid combination of input arguments."; exit 2; }
    for name in $KNOWN; do printf '"%s"\nA field. This reading is accurate to within +/- 5 watts.\n\n' "$name"; done
    exit 0
fi

# The lines of one round; $1 is its number.
round() {
    awk -v now="$(date '+%Y/%m/%d %H:%M:%S.%3N')" -v date="$(date '+%Y%m%d')" -v time="$(date '+%H:%M:%S')" \
        -v query="$query" -v id="$id" -v gpus="$GPUS" -v known="$KNOWN" -v round="$1" \
        -v lost="$LOST" -v lost_at="$LOST_AT" -v bad_at="$BAD_AT" -v bad_gpu="$BAD_GPU" -v xml="$xml" -v dmon="$dmon" -v first="$2" \
        -v section="$SECTION" -v power="$POWER" -v version="$VERSION" -v absent="$ABSENT" -v new_at="$NEW_GPU_AT" '
    function uuid(gpu) { return sprintf("GPU-%08d-1111-2222-3333-444444444444", gpu) }
    function unit(name) {
        if (name ~ /power/) return "W"
        if (name ~ /utilization/) return "%"
        if (name ~ /^memory/) return "MiB"
        if (name ~ /^clocks.current/) return "MHz"
        return ""
    }
    function is_lost(gpu) { return lost_at >= 0 && round >= lost_at && (lost == "all" || lost == gpu) }
    function value(name, gpu) {
        if (name == "timestamp") return now
        if (name == "index") return gpu
        if (name ~ /uuid/) return uuid(gpu)
        if (name == "name") return "NVIDIA H200"
        if (name == "driver_version") return version
        if (name == "pci.bus_id") return sprintf("00000000:%02X:00.0", gpu + 1)
        if (name == "compute_cap") return "9.0"
        if (is_lost(gpu)) return "[GPU is lost]"
        if (index(" " absent " ", " " name " ")) return "[N/A]"
        if (round == bad_at && (bad_gpu == "all" || bad_gpu == gpu)) return "twelve W"
        if (name ~ /^module/) return "[N/A]"
        if (name ~ /instant/) return sprintf("%.2f W", 80 + gpu * 10 + round % 5 / 10)
        if (name ~ /limit/) return "700.00 W"
        if (name ~ /power.draw/) return sprintf("%.2f W", 100 + gpu * 10 + round % 7 / 100)
        if (name ~ /utilization/) return (round % 100) " %"
        if (name ~ /^memory/) return "512 MiB"
        if (name ~ /temperature/) return 35 + gpu
        if (name ~ /clocks.current/) return "1980 MHz"
        if (name == "pstate") return "P0"
        return "0x0000000000000001"
    }
    function selected(gpu,    count, parts, part) {
        if (id == "") return 1
        count = split(id, parts, ",")
        for (part = 1; part <= count; part++) if (parts[part] == gpu || parts[part] == uuid(gpu)) return 1
        return 0
    }
    BEGIN {
        if (new_at >= 0 && round >= new_at) gpus++
        count = split(query, names, ",")
        for (i = 1; i <= count; i++) if (known != "" && !index(" " known " ", " " names[i] " ")) {
            printf "Field \"%s\" is not a valid field to query.\n\n", names[i]
            exit 2
        }
        for (gpu = 0; gpu < gpus; gpu++) if (selected(gpu)) found++
        if (!found && !xml) { print "No devices were found"; exit 6 }
        if (xml) {
            print "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\">\n<nvidia_smi_log>"
            print "\t<timestamp>Tue Nov 24 11:21:53 2026</timestamp>\n\t<driver_version>" version "</driver_version>"
        } else if (first && !dmon) {
            for (i = 1; i <= count; i++) printf "%s%s%s", (i > 1 ? ", " : ""), names[i], (unit(names[i]) == "" ? "" : " [" unit(names[i]) "]")
            print ""
        } else if (dmon && round % 10 == 0) {
            print "#Date        Time         gpu    pwr  gtemp  mtemp     sm    mem   mclk   pclk     fb"
            print "#YYYYMMDD    HH:MM:SS     Idx      W      C      C      %      %    MHz    MHz     MB"
        }
        for (gpu = 0; gpu < gpus; gpu++) {
            if (!selected(gpu) && !xml) continue
            if (xml) {
                printf "\t<gpu id=\"00000000:%02X:00.0\">\n\t\t<uuid>%s</uuid>\n", gpu + 1, uuid(gpu)
                printf "\t\t<%s>\n", section
                parts = split(power, keys, " ")
                for (i = 1; i <= parts; i++) printf "\t\t\t<%s>%s</%s>\n", keys[i], value(keys[i] ~ /instant/ ? "instant" : "power.draw", gpu), keys[i]
                printf "\t\t</%s>\n\t\t<temperature><gpu_temp>%s C</gpu_temp></temperature>\n", section, 35 + gpu
                print "\t\t<utilization><gpu_util>7 %</gpu_util><memory_util>3 %</memory_util></utilization>\n\t</gpu>"
            } else if (dmon) {
                printf " %s    %s %7d %6d     35      -      7      3   3201   1980    512\n", date, time, gpu, 100 + gpu * 10
            } else {
                for (i = 1; i <= count; i++) printf "%s%s", (i > 1 ? ", " : ""), value(names[i], gpu)
                print ""
            }
        }
        if (xml) print "</nvidia_smi_log>"
    }'
}

number=$(cat "$dir/round" 2>/dev/null || echo 0)
if [ -z "$loop" ] && { [ "$dmon" = 0 ] || [ "$once" = 1 ]; }; then
    # One process a reading: rounds go on from process to process once the test says so.
    [ -f "$dir/round" ] && echo $((number + 1)) >"$dir/round"
    [ "$WARN" = 1 ] && echo "WARNING: infoROM is corrupted at gpu 0000:01:00.0"
    [ "$number" = "$HANG_AT" ] && sleep 1000
    if [ "$number" = "$END_AT" ]; then printf '%s' "$END_TEXT"; exit "$END_CODE"; fi
    round "$number" 1
    exit
fi
number=0
while :; do
    [ "$WARN" = 1 ] && echo "WARNING: infoROM is corrupted at gpu 0000:01:00.0"
    if [ "$number" = "$HANG_AT" ]; then sleep 1000; fi
    if [ "$number" = "$ENDLESS_AT" ]; then head -c 200000 /dev/zero | tr '\0' x; echo; fi
    if [ "$number" = "$END_AT" ]; then printf '%s' "$END_TEXT"; exit "$END_CODE"; fi
    round "$number" $((number == 0)) || exit
    number=$((number + 1))
    sleep "$(awk -v loop="${loop:-20}" 'BEGIN { print loop / 1000 }')"
done
