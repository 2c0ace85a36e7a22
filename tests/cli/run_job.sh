. "$(dirname "$0")/common.sh"
cat >job.ini <<INI
model = $MODEL
data = $DATA/pictures.rec
output = o
samples = 60
INI
expect_exit 0 "$OCTET" run job.ini --json --quiet
[ -s o/scores.jsonl ] && [ -s o/model-symbol.json ] || fail "outputs are missing"
[ "$(json out 'd["score"]["n"], d["evaluate"]["n"], d["evaluate"]["agreement"] > 90')" = "(300, 300, True)" ] || fail "$(cat out)"
stamp=$(stat -c %Y.%i o/scores.jsonl)
expect_exit 0 "$OCTET" run job.ini --quiet
[ "$stamp" = "$(stat -c %Y.%i o/scores.jsonl)" ] || fail "an up-to-date stage ran again"
cp "$DATA/pictures.rec" .
sed -i "s|^data = .*|data = pictures.rec|" job.ini
touch o/scores.jsonl
expect_exit 0 "$OCTET" run job.ini --quiet
expect_text out "^calibrate: up to date"
expect_text out "^score: up to date"
rm o/scores.jsonl
expect_exit 0 "$OCTET" run job.ini --quiet --only evaluate
[ ! -e o/scores.jsonl ] || fail "--only evaluate scored"
expect_exit 64 "$OCTET" run job.ini --only everything
expect_exit 64 "$OCTET" run job.ini --shard 0/2
expect_text err "--only score"
# Twice at once: one works, the other says which process does.
for _ in $(seq 20); do cat "$DATA/pictures.lst"; done >long.lst
printf '%s\n' "model = $MODEL" "data = long.lst" "root = $DATA" "output = twice" "samples = 60" "evaluate = no" >twice.ini
"$OCTET" run twice.ini --quiet >first.out 2>first.err &
first=$!
for _ in $(seq 200); do [ ! -s twice/run.lock ] || break; sleep 0.05; done
expect_exit 73 "$OCTET" run twice.ini --quiet
expect_text err "process $first"
wait "$first" || fail "the first run failed: $(cat first.err)"
expect_exit 0 "$OCTET" run twice.ini --quiet
expect_text out "^score: up to date"
echo "unknown-option = 1" >>job.ini
expect_exit 78 "$OCTET" run job.ini
expect_text err "unknown-option"
