. "$(dirname "$0")/common.sh"
# A detector that finds a cat on the left (0.9) and a dog on the right (0.8) of every picture, written as MXNet would.
cat >make.py <<'PY'
import json, struct, sys
boxes, classes = [(0, 0.9, (0, 0, 0.5, 1)), (1, 0.8, (0.5, 0, 1, 1))], 3
count, pixels = len(boxes), 28 * 28
scores = [0.0] * (classes * count)
for i, (cls, score, _) in enumerate(boxes): scores[(cls + 1) * count + i] = score
arrays = {
    'scores_weight': ([classes * count, pixels], [0.0] * (classes * count * pixels)), 'scores_bias': ([classes * count], scores),
    'loc_weight': ([4 * count, pixels], [0.0] * (4 * count * pixels)), 'loc_bias': ([4 * count], [0.0] * (4 * count)),
    'anchor': ([1, count, 4], [x for box in boxes for x in box[2]])}
nodes = []
def node(op, name, inputs=(), **attrs):
    nodes.append({'op': op, 'name': name, 'inputs': [[i, 0, 0] for i in inputs], 'attrs': {k: str(v) for k, v in attrs.items()}})
    return len(nodes) - 1
data = node('null', 'data')
var = {name: node('null', name) for name in arrays}
scores = node('FullyConnected', 'scores', [data, var['scores_weight'], var['scores_bias']], num_hidden=classes * count)
prob = node('Reshape', 'cls_prob', [scores], shape='(0, %d, %d)' % (classes, count))
loc = node('FullyConnected', 'loc', [data, var['loc_weight'], var['loc_bias']], num_hidden=4 * count)
head = node('_contrib_MultiBoxDetection', 'detection', [prob, loc, var['anchor']])
json.dump({'nodes': nodes, 'arg_nodes': [i for i, n in enumerate(nodes) if n['op'] == 'null'], 'heads': [[head, 0, 0]],
           'attrs': {'mxnet_version': ['int', 10500]}}, open('detector-symbol.json', 'w'))
with open('detector-0000.params', 'wb') as f:
    f.write(struct.pack('<QQQ', 0x112, 0, len(arrays)))
    for shape, values in arrays.values():
        f.write(struct.pack('<Iii%dqiii%df' % (len(shape), len(values)), 0xF993fac9, 0, len(shape), *shape, 1, 0, 0, *values))
    f.write(struct.pack('<Q', len(arrays)))
    for name in arrays: f.write(struct.pack('<Q', len(name) + 4) + ('arg:' + name).encode())
json.dump({'input': 'data', 'shape': [1, 28, 28], 'color': 'GRAY', 'resize': 'warp', 'labels': 'names.txt'}, open('detector-preprocess.json', 'w'))
open('names.txt', 'w').write('cat\ndog\n')
# Of four pictures 0 and 2 show the cat, 1 the dog; 3 nothing.
keys = [line.rstrip('\n').split('\t')[-1] for line in open(sys.argv[1] + '/pictures.lst')][:4]
objects = {0: [0, 0, 0, 0.5, 1], 1: [1, 0.5, 0, 1, 1], 2: [0, 0, 0, 0.5, 1], 3: []}
with open('list.lst', 'w') as f:
    for i, key in enumerate(keys): f.write('\t'.join(map(str, [i, 2, 5] + objects[i] + [key])) + '\n')
json.dump({'images': [{'id': 10 + i, 'file_name': key, 'width': 28, 'height': 28} for i, key in enumerate(keys)],
           'categories': [{'id': 17, 'name': 'cat'}, {'id': 18, 'name': 'dog'}],
           'annotations': [{'image_id': 10 + i, 'category_id': 17 + o[0], 'bbox': [28 * o[1], 28 * o[2], 14, 28]}
                           for i, o in objects.items() if o]}, open('a.json', 'w'))
PY
python3 make.py "$DATA"
detect() { expect_exit 0 "$OCTET" evaluate --model detector --data list.lst --root "$DATA" --quiet "$@"; }

# Cats: hit, miss, hit, miss; (1 + 2/3) / 2. Dogs: miss, hit, miss, miss; 1/2.
detect --metric voc --json
[ "$(json out 'd["n"], d["failed"], d["metric"], round(d["map50"], 4), round(d["map"], 4)')" = "(4, 0, 'voc', 66.6667, 66.6667)" ] ||
  fail "$(cat out)"
detect --metric coco --json
cp out packed
[ "$(json out '[(c["label"], c["objects"], round(c["ap50"], 3)) for c in d["classes"]]')" = "[('cat', 2, 83.498), ('dog', 1, 50.0)]" ] ||
  fail "$(cat out)"
detect --annotations a.json --json
[ "$(json out 'd["map50"], d["map"]')" = "$(json packed 'd["map50"], d["map"]')" ] || fail "annotations differ from labels: $(cat out)"
detect --against detector
expect_text out "^model +n +mAP@.5 %"
expect_text out "^detector \(FP32\) +4 +67 +[0-9]+ - [0-9]+ +67 "
expect_text out "^agreement 100 % \(95 %: 67 - 100\): 8 of 8 detections$"
expect_text out "^drop of mAP@.5 0 points \(95 %: 0 - 0\), of mAP@\[.5:.95\] 0 points"
expect_text out "^drop by class: mean 0 of 2 classes, no class lost$"
expect_text out "^cat +2 +(83|84) "
expect_exit 64 "$OCTET" evaluate --model detector --data list.lst --root "$DATA" --metric best
expect_text err "there is no detection metric 'best'"
expect_exit 66 "$OCTET" evaluate --model detector --data list.lst --root "$DATA" --annotations absent.json
echo '{' >broken.json
expect_exit 78 "$OCTET" evaluate --model detector --data list.lst --root "$DATA" --annotations broken.json
expect_text err "broken.json:.*not valid JSON"
expect_exit 64 "$OCTET" evaluate --model "$MODEL" --data "$DATA/pictures.lst" --annotations a.json

# The same detections as COCO results and VOC files, beside the records.
expect_exit 0 "$OCTET" score --model detector --data list.lst --root "$DATA" --output o --format coco --annotations a.json --json --quiet
[ "$(json out 'd["detections"]')" = o/coco_results.json ] || fail "$(cat out)"
[ "$(json o/coco_results.json 'len(d), d[0]["image_id"], d[1]["bbox"], d[1]["category_id"]')" = \
  "(8, 10, [14, 0, 14, 28], 18)" ] || fail "$(cat o/coco_results.json)"
[ "$(wc -l <o/scores.jsonl)" -eq 4 ] || fail "one record per picture"
expect_exit 0 "$OCTET" score --model detector --data list.lst --root "$DATA" --output v --format voc --quiet
expect_text v/comp4_det_test_dog.txt "^[0-9]{5} 0.8 15 1 28 28$"
[ "$(wc -l <v/comp4_det_test_cat.txt)" -eq 4 ] || fail "one cat per picture"
expect_exit 64 "$OCTET" score --model "$MODEL" --data "$DATA/pictures.lst" --output p --format coco --quiet
[ ! -e p/scores.jsonl ] || fail "a refused job left a file"

# A job evaluates a detector by itself, and makes results again that are gone.
run() { expect_exit 0 "$OCTET" run --model detector --data list.lst --root "$DATA" --output r --format coco --annotations a.json --fraction 1 --quiet; }
run
expect_text out "^model \(INT8\) +4 +67"
run
expect_text out "^score: up to date"
rm r/coco_results.json
run
expect_text out "^score: 4 pictures"
[ -s r/coco_results.json ] || fail "the results were not made again"
