. "$(dirname "$0")/common.sh"
calibrate() { local code=$1; shift; expect_exit "$code" "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 24 --mode mse --quiet "$@"; }
# INT8 meets an easy bound by itself.
calibrate 0 --min-agreement 60 --output easy --json
[ "$(json out 'd["precision"]["met"], d["precision"]["float_layers"], len(d["precision"]["steps"])')" = "(True, [], 1)" ] || fail "easy bound: $(cat out)"
[ ! -e easy.precision.json ] || fail "the state of a finished search is left"
calibrate 0 --max-drop 20 --output easy
expect_text out 'the bound is met with 0 layers in FP32'
expect_text out 'images/s all INT8'
# A bound that nothing meets: the best pair is written all the same, and scores.
calibrate 78 --min-agreement 100 --max-float 1 --output hard
expect_text err 'the bound is not met with 1 layers in float'
expect_exit 0 "$OCTET" evaluate --model hard --against "$MODEL" --data "$DATA/pictures.rec" --quiet
[ ! -e hard.precision.json ] || fail "the state of a finished search is left"
# Stopped: exit 75, the best pair so far is there, and the same command ends as an undisturbed one.
"$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 24 --mode mse --quiet --min-agreement 100 --max-float 1 --output stopped >out 2>err &
for _ in $(seq 600); do [ -e stopped.precision.json ] && break; sleep 0.01; done
kill -TERM $! 2>kill_err || true
code=0
wait $! || code=$?
if [ "$code" -eq 75 ]; then
  expect_text err 'best pair so far'
  [ -e stopped-symbol.json ] || fail "no pair is left by a stopped search"
else
  [ "$code" -eq 78 ] || fail "exit $code after SIGTERM: $(cat err)"  # it was faster than the signal
fi
calibrate 78 --min-agreement 100 --max-float 1 --output stopped
cmp stopped-0000.params hard-0000.params || fail "a resumed search ends with another model"
# Bounds that make no sense.
calibrate 64 --min-agreement 99 --max-drop 1 --output x
calibrate 64 --min-agreement 101 --output x
calibrate 64 --max-drop -1 --output x
expect_exit 64 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 5 --min-agreement 99 --output x --quiet
