. "$(dirname "$0")/common.sh"
cp -r "$DATA/pictures" mixed
mapfile -t pictures < <(find mixed -name '*.jpg' | sort)
head -c 100 "${pictures[0]}" >cut && mv cut "${pictures[0]}"
echo "not a picture" >mixed/zzz.jpg
: >mixed/zero.png
expect_exit 0 "$OCTET" score --model "$MODEL" --data mixed --output o --json --quiet
[ "$(json out 'd["n"], d["failed"]')" = "(302, 3)" ] || fail "$(cat out)"
[ "$(wc -l <o/scores.jsonl)" -eq 302 ] || fail "one record per entry"
[ "$(grep -c '"error"' o/scores.jsonl)" -eq 3 ] || fail "three errors"
expect_exit 65 "$OCTET" score --model "$MODEL" --data mixed --output p --on-error fail --quiet
