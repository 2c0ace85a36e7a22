# 10,000 records of which 500 are broken in ten ways.
. "$(dirname "$0")/common.sh"
python3 "$(dirname "$0")/break_records.py" "$DATA/pictures.rec" big.rec 10000 500 >offsets
score() { "$OCTET" score --model "$MODEL" --data big.rec --quiet "$@"; }
expect_exit 0 score --output o --max-bad 500 --json
[ "$(json out 'd["n"], d["failed"]')" = "(10000, 500)" ] || fail "$(cat out)"
[ "$(grep -c '"predictions":' o/scores.jsonl)" -eq 9500 ] || fail "9,500 predictions"
[ "$(grep -c '"error":' o/scores.jsonl)" -eq 500 ] || fail "500 errors"
python3 - <<'PY' >found
import json
for line in open("o/quarantine.jsonl"):
    entry = json.loads(line)
    assert entry["file"] == "big.rec" and entry["key"] and entry["code"] and entry["message"], entry
    print(entry["offset"])
PY
cmp offsets found || fail "the quarantine does not name each broken record with its offset"
expect_exit 0 score --output share --max-bad 5%
expect_exit 65 score --output p --max-bad 499
[ ! -e p/scores.jsonl ] || fail "there are final files beyond the budget"
[ "$(wc -l <p/quarantine.jsonl)" -eq 500 ] || fail "the quarantine beyond the budget: $(wc -l <p/quarantine.jsonl)"
# A larger budget goes on where the smaller one ended.
expect_exit 0 score --output p --max-bad 500 --json
[ "$(json out 'd["resumed"] > 9000')" = True ] || fail "$(cat out)"
cmp o/scores.jsonl p/scores.jsonl || fail "after a larger budget"
expect_exit 65 score --output q --on-error fail
# Half pictures count where they are tolerated; what is larger than allowed does not.
expect_exit 0 score --output t --tolerate truncated --json
[ "$(json out '0 < d["failed"] < 500')" = True ] || fail "$(cat out)"
expect_exit 0 score --output s --max-bytes 500 --limit 100 --json
[ "$(json out 'd["errors"]["limit"] > 50')" = True ] || fail "$(cat out)"
expect_exit 64 score --output u --tolerate some
