. "$(dirname "$0")/common.sh"
cp -r "$DATA/pictures" mixed
first=$(find mixed -name '*.jpg' | sort | head -n 1)
head -c 100 "$first" >cut && mv cut "$first"
echo "not a picture" >mixed/zzz.jpg
: >mixed/zero.png
expect_exit 0 "$OCTET" score --model "$MODEL" --data mixed --output o --json --quiet
[ "$(json out 'd["n"], d["failed"]')" = "(302, 3)" ] || fail "$(cat out)"
[ "$(wc -l <o/scores.jsonl)" -eq 302 ] || fail "one record per entry"
[ "$(grep -c '"error"' o/scores.jsonl)" -eq 3 ] || fail "three errors"
expect_exit 65 "$OCTET" score --model "$MODEL" --data mixed --output p --on-error fail --quiet
