#!/usr/bin/env bash
# Installs the build into an empty prefix, moves it, and builds and runs three programs against it, one in C.
# Usage: run.sh BUILD-DIR OCTET MODEL DATA
set -euo pipefail
build=$1 octet=$2 model=$3 data=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in score_batch.cc own_graph.cc predict.c; do
  [ "$(wc -l <"$here/$program")" -lt 40 ] || { echo "$program is not under 40 lines"; exit 1; }
done
cmake --install "$build" --prefix "$work/first" >"$work/log"
mv "$work/first" "$work/moved"
cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/build" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

"$octet" calibrate --model "$model" --data "$data/pictures.rec" --samples 50 --output "$work/int8" --quiet >>"$work/log"
"$octet" score --model "$work/int8" --data "$data/pictures.lst" --output "$work/scores" --quiet >>"$work/log"
best() { sed 's/.*"predictions":\[{"id":\([0-9]*\),.*/\1/' "$work/scores/scores.jsonl"; }

mapfile -t files < <(cut -f 3 "$data/pictures.lst" | head -n 20)
(cd "$data" && "$work/build/score_batch" "$work/int8" "${files[@]}") >"$work/batch"
diff <(cut -f 2 "$work/batch") <(best | head -n 20)
(cd "$data" && "$work/build/predict" "$work/int8" "${files[@]}") >"$work/c"
diff "$work/batch" "$work/c"
"$work/build/own_graph" "$work/int8" "$data/pictures.lst" >"$work/graph"
diff <(cut -f 2 "$work/graph") <(best)
! "$work/build/predict" "$work/absent" "$data/pictures.lst" 2>"$work/err" >/dev/null || { echo "an absent model"; exit 1; }
grep -q 'not_found: .*absent' "$work/err"
echo "the programs give the command line's classes"
