. "$(dirname "$0")/common.sh"
# The parts of a packed set are one source: by list, pattern and folder, in shards, and bound to all files.
calibrated int8
expect_exit 0 "$OCTET" pack --data "$DATA/pictures.lst" --output parts/p.rec --chunks 3 --quiet
rm parts/*.lst
expect_exit 0 "$OCTET" score --model int8 --data "$DATA/pictures.rec" --output whole --quiet
lines() { python3 -c '
import json, sys
for line in open(sys.argv[1]):
    record = json.loads(line)
    print(record["index"], record["key"].split(":")[-1], record["predictions"])' "$1"; }
for data in 'parts' 'parts/p_*.rec' 'parts/p_0.rec;parts/p_1.rec;parts/p_2.rec'; do
  rm -rf s
  expect_exit 0 "$OCTET" score --model int8 --data "$data" --output s --quiet
  cmp <(lines s/scores.jsonl) <(lines whole/scores.jsonl) || fail "other scores from $data"
  expect_text s/scores.jsonl '"index":0,"key":"p_0.rec:'
  expect_text s/scores.jsonl '"index":299,"key":"p_2.rec:'
done
expect_exit 0 "$OCTET" score --model int8 --data 'parts/p_*.rec' --index auto --output indexed --quiet
cmp indexed/scores.jsonl s/scores.jsonl || fail "other scores through the indices"

for sequence in 4 1 3 2; do
  PARALLEL_SEQ=$sequence expect_exit 0 "$OCTET" score --model int8 --data parts --output shards --shard auto/4 --quiet
done
expect_exit 0 "$OCTET" merge --shards shards --quiet
cmp shards/scores.jsonl s/scores.jsonl || fail "shards score otherwise"

# Another part: another job. A damaged place names its file.
printf 'xxxxxxxxxxxxxxxx' >>parts/p_1.rec
expect_exit 78 "$OCTET" score --model int8 --data 'parts/p_0.rec;parts/p_1.rec;parts/p_2.rec' --output s --quiet
expect_text err "data_sha256"
expect_exit 0 "$OCTET" score --model int8 --data parts --output again --quiet
expect_text again/quarantine.jsonl '"key":"p_1.rec:@[0-9]+","file":".*/p_1.rec","offset":[1-9]'
expect_exit 66 "$OCTET" score --model int8 --data 'parts/q_*.rec' --output q --quiet
expect_text err "matches no .rec file"
