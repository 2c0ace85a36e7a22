#!/usr/bin/env bash
# What a second core gains, end to end: `octet score` with one worker, with two, and, as the machine's own limit, two
# processes of one worker side by side, each pinned to a core. scaling.sh OCTET PREFIX DATA ENTRIES [ROUNDS]: the three
# take turns; medians of the rounds (default 5), images/s from the first entry to the last byte.
set -euo pipefail
octet=$1 model=$2 data=$3 entries=$4 rounds=${5:-5}
folder=$(mktemp -d "$PWD/scaling.XXXXXX")
trap 'rm -rf "$folder"' EXIT
score() { # NAME ENTRIES OPTIONS...
  local name=$1 limit=$2
  shift 2
  "$octet" score --model "$model" --data "$data" --limit "$limit" --output "$folder/$name" --resume=no --quiet --json "$@" |
    sed -n 's/.*"images_per_s": *\([0-9.]*\).*/\1/p'
}
pinned() { taskset -c "$1" "$octet" "${@:2}"; }
for round in $(seq "$rounds"); do
  one=$(score one $((entries / 2)) --streams 1)
  two=$(score two "$entries" --streams 2)
  for core in 0 1; do
    (pinned "$core" score --model "$model" --data "$data" --limit $((entries / 2)) \
      --output "$folder/beside$core" --resume=no --quiet --json --streams 1 >"$folder/$core") &
  done
  wait
  beside=$(cat "$folder/0" "$folder/1" | sed -n 's/.*"images_per_s": *\([0-9.]*\).*/\1/p' | awk '{ n += $1 } END { print n }')
  echo "$round $one $two $beside" | tee -a "$folder/rounds" |
    awk '{ printf "round %d: one worker %.1f, two %.1f (%.3fx), two processes %.1f (%.3fx)\n", $1, $2, $3, $3 / $2, $4, $4 / $2 }'
done
median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
echo "median of the ratios: two workers $(awk '{ print $3 / $2 }' "$folder/rounds" | median)x of one," \
  "two processes $(awk '{ print $4 / $2 }' "$folder/rounds" | median)x"
