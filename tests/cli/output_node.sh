. "$(dirname "$0")/common.sh"
# Values of inner nodes instead of classes, of the float and of the INT8 pair.
features() { expect_exit 0 "$OCTET" score --data "$DATA/pictures.rec" --limit 20 --quiet "$@"; }
calibrated int8
features --model "$MODEL" --output f --output-node flatten0_output --output-node fc1 --output-node stage2_unit1_plus
features --model int8 --output q --output-node flatten0 --output-node fc1
features --model "$MODEL" --output classes --top-k 1
cat >check.py <<'PY'
import json
read = lambda name: [json.loads(line) for line in open(name + '/scores.jsonl')]
for f, q, c in zip(read('f'), read('q'), read('classes')):
    assert f['index'] == q['index'] == c['index'] and f['key'] == c['key'] and 'predictions' not in f
    f, q = f['features'], q['features']
    assert list(f) == ['flatten0', 'fc1', 'stage2_unit1_plus'] and list(q) == ['flatten0', 'fc1']
    width = len(f['flatten0'])
    assert len(f['fc1']) == len(q['fc1']) == 10 and len(q['flatten0']) == width and len(f['stage2_unit1_plus']) % width == 0
    assert min(f['flatten0']) >= 0 > min(f['stage2_unit1_plus'])
    assert max(range(10), key=lambda i: f['fc1'][i]) == c['predictions'][0]['id']
    for name in q:
        scale = max(map(abs, f[name]))
        assert max(abs(a - b) for a, b in zip(f[name], q[name])) < 0.15 * scale, (name, f[name], q[name])
PY
python3 check.py || fail "the features are wrong"
expect_exit 0 "$OCTET" validate --output f

expect_exit 64 "$OCTET" score --model int8 --data "$DATA/pictures.rec" --output x --output-node bn0 --output-node flatten --quiet
expect_text err "'bn0' is inside the fused node that yields 'relu0'; no node yields 'flatten' \(nearest: flatten0"
expect_exit 64 "$OCTET" score --model int8 --data "$DATA/pictures.rec" --output x --output-node fc1 --format csv --quiet
expect_exit 78 "$OCTET" score --model int8 --data "$DATA/pictures.rec" --limit 20 --output q --output-node fc1 --quiet
expect_text err "output_node"
