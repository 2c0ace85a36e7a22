. "$(dirname "$0")/common.sh"
calibrated int8
for data in "$DATA/pictures.rec" "$DATA/pictures.lst" "$DATA/pictures"; do
  expect_exit 0 "$OCTET" score --model int8 --data "$data" --output "o_$(basename "$data")" --quiet
done
expect_exit 0 "$OCTET" score --model int8 --data "$DATA/pictures.rec" --index "$DATA/pictures.idx" --output o_idx --quiet
strip() { sed 's/^{"index":[0-9]*,"key":"[^"]*",//' "$1/scores.jsonl"; }
cmp <(strip o_pictures.rec) <(strip o_pictures.lst) || fail ".rec and .lst differ"
cmp <(strip o_pictures.rec) <(strip o_idx) || fail ".rec with and without .idx differ"
cmp <(strip o_pictures.rec | sort) <(strip o_pictures | sort) || fail ".rec and folder differ"
