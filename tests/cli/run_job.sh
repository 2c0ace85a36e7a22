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
echo "unknown-option = 1" >>job.ini
expect_exit 78 "$OCTET" run job.ini
expect_text err "unknown-option"
