. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.rec" --output o --quiet
expect_exit 0 "$OCTET" validate --output o
expect_text out '^300 records, 0 failed: whole and in order; quarantine.jsonl agrees; 1 manifest agrees$'
expect_text out "^sha256 $(sha256sum <o/scores.jsonl | cut -d ' ' -f 1)$"
expect_exit 0 "$OCTET" validate --output o --json
[ "$(json out 'd["n"], d["failed"], d["shards"], d["quarantine"]')" = "(300, 0, 1, True)" ] || fail "$(cat out)"
expect_exit 66 "$OCTET" validate --output absent

# Each of these is not what a job left behind.
damaged() { # SED-SCRIPT PATTERN: the scores changed so are refused with a line like that
  rm -rf d && cp -r o d
  sed -i "$1" d/scores.jsonl
  expect_exit 74 "$OCTET" validate --output d
  expect_text err "$2"
}
damaged '7d' 'the manifests tell of 300 records with 0 failures, the scores hold 299 with 0'
damaged '7{h;d};8{p;x}' 'scores.jsonl:8: index 6 comes after 7'
damaged '3s/"score":[0-9.e-]*/"score":0.0001/' 'scores.jsonl:3: the scores do not stand best first'
damaged '5s/"key"/"kee"/' 'scores.jsonl:5: the line is not a record'
damaged '9s/"predictions":.*/"error":{"code":"bad_image","message":"x"}}/' 'quarantine.jsonl: the failure of entry 8 is not in it'
rm -rf d && cp -r o d
truncate -s -1 d/scores.jsonl
expect_exit 74 "$OCTET" validate --output d
expect_text err 'the last line is cut off'

# The schema says the same of every line, and refuses what is none.
schema=$(dirname "$0")/../../jobs/schema/scores.schema.json
python=python3
"$python" -c 'import jsonschema' 2>/dev/null || python=/usr/bin/python3  # the one that Debian's package is for
"$python" - "$schema" o/scores.jsonl <<'PYTHON' || fail "the schema and the records do not agree"
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
validator = jsonschema.Draft202012Validator(schema)
validator.check_schema(schema)
lines = [json.loads(line) for line in open(sys.argv[2])]
assert len(lines) == 300
for line in lines:
    validator.validate(line)
good = lines[0]
box = {"id": 1, "label": "a", "score": None, "box": [0, 1, 2, None]}
assert validator.is_valid({"index": 0, "key": "a", "detections": [box]})
assert validator.is_valid({"index": 0, "key": "a", "error": {"code": "bad_image", "message": ""}})
for broken in (
    {k: v for k, v in good.items() if k != "key"}, {k: v for k, v in good.items() if k != "predictions"},
    {**good, "index": -1}, {**good, "more": 1}, {**good, "error": {"code": "bad_image", "message": ""}},
    {**good, "predictions": [{"id": 1}]}, {"index": 0, "key": "a", "detections": [{**box, "box": [1, 2, 3]}]},
):
    assert not validator.is_valid(broken), broken
PYTHON
