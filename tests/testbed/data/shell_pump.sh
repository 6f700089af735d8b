#!/bin/bash
# A pump over a cellar, of Mosquitto's own two programs and a shell.
#
#   shell_pump.sh ID LEVEL [what both programs are told, as -p 1883]
#
# Its level in cm rises and falls with each report.
set -u
id=$1 level=$2
shift 2
options=("$@" -q 1)
topic=looptwin/$id
running=false n=0

coproc orders { exec mosquitto_sub "${options[@]}" -i "$id-hears" -t "$topic/command"; }
trap 'kill "$orders_PID"' EXIT
mosquitto_pub "${options[@]}" -i "$id-comes" -t "$topic/presence" -r -m online

obey() {
  local outcome=accepted
  case $1 in
    *'"command":"start"'*) running=true ;;
    *'"command":"stop"'*) running=false ;;
    *'"set":"speed"'*) ;;
    *) outcome=unknown_command ;;
  esac
  [[ $1 =~ \"id\":\"([0-9a-f]+)\" ]] || return
  mosquitto_pub "${options[@]}" -i "$id-answers" -t "$topic/acknowledgement" -m "{\"id\": \"${BASH_REMATCH[1]}\", \"outcome\": \"$outcome\"}"
}

# A line a report, until whoever publishes them has ended.
while IFS= read -r -t 0.2 order <&"${orders[0]}" && obey "$order" || true; do
  level=$((level + ($($running && echo -1 || echo 1)) * 15))
  ((level > 0)) || level=0
  printf '{"level": %d.%02d, "running": %s, "n": %d}\n' $((level / 100)) $((level % 100)) $running $((++n)) || break
done > >(exec mosquitto_pub "${options[@]}" -i "$id-says" -l -t "$topic/telemetry" --will-topic "$topic/presence" --will-payload offline --will-retain --will-qos 1)
