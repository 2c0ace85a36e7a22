. "$(dirname "$0")/common.sh"
# A training symbol in the form of example/ssd: one feature map, one class and the background.
python3 - <<'P'
import json, struct
nodes, params = [], {}
def node(op, name, inputs=(), **attrs):
    e = lambda i: [i, 0, 0] if isinstance(i, int) else [i[0], i[1], 0]
    nodes.append({"op": op, "name": name, "inputs": [e(i) for i in inputs], "attrs": {k: str(v) for k, v in attrs.items()}})
    return len(nodes) - 1
def conv(name, data, inputs, outputs, **attrs):
    w, b = node("null", name + "_weight"), node("null", name + "_bias")
    params[name + "_weight"] = ((outputs, inputs, 3, 3), [((i * 7) % 13 - 6) / 40 for i in range(outputs * inputs * 9)])
    params[name + "_bias"] = ((outputs,), [0.1] * outputs)
    return node("Convolution", name, (data, w, b), kernel="(3, 3)", pad="(1, 1)", num_filter=outputs, **attrs)
def head(name, data, outputs):
    c = conv(name, data, 4, outputs)
    return node("Flatten", name + "_flat", (node("transpose", name + "_nhwc", (c,), axes="(0, 2, 3, 1)"),))
data = node("null", "data")
body = node("Activation", "r", (conv("c", data, 1, 4, stride="(2, 2)"),), act_type="relu")
anchors = node("Reshape", "anchors", (node("Flatten", "f", (node("_contrib_MultiBoxPrior", "prior", (body,), sizes="(0.4,)"),)),), shape="(0, -1, 4)")
classes = node("transpose", "cls", (node("Reshape", "rows", (head("cls_head", body, 2),), shape="(0, -1, 2)"),), axes="(0, 2, 1)")
locations = head("loc_head", body, 4)
target = node("_contrib_MultiBoxTarget", "target", (anchors, node("null", "label"), classes), variances="(0.1, 0.1, 0.2, 0.2)")
cls_prob = node("SoftmaxOutput", "cls_prob", (classes, (target, 2)), multi_output=True)
loss = node("MakeLoss", "loc_loss", (node("smooth_l1", "l1", (node("_mul", "m", ((target, 1), node("_sub", "d", (locations, target)))),), scalar=1.0),))
json.dump({"nodes": nodes, "arg_nodes": [i for i, n in enumerate(nodes) if n["op"] == "null"],
           "heads": [[cls_prob, 0, 0], [loss, 0, 0]], "attrs": {"mxnet_version": ["int", 10100]}}, open("train-symbol.json", "w"))
with open("train-0003.params", "wb") as f:
    f.write(struct.pack("<QQQ", 0x112, 0, len(params)))
    for shape, values in params.values():
        f.write(struct.pack("<IiI", 0xF993FAC9, 0, len(shape)) + struct.pack("<%dq" % len(shape), *shape))
        f.write(struct.pack("<iii", 1, 0, 0) + struct.pack("<%df" % len(values), *values))
    f.write(struct.pack("<Q", len(params)))
    for name in params:
        f.write(struct.pack("<Q", 4 + len(name)) + b"arg:" + name.encode())
json.dump({"shape": [1, 28, 28], "color": "GRAY", "resize": "warp", "mean": [128], "std": [64]}, open("train-preprocess.json", "w"))
P
expect_exit 0 "$OCTET" deploy --model train --output deployed --nms 0.45 --topk 50
expect_text out "deployed-symbol.json"
[ -f deployed-0003.params ] || fail "the parameters are missing"
[ "$(json deployed-symbol.json '[n["op"] for n in d["nodes"]].count("_contrib_MultiBoxTarget")')" = 0 ] || fail "MultiBoxTarget is left"
[ "$(json deployed-symbol.json '[n["attrs"]["nms_topk"] for n in d["nodes"] if n["op"] == "_contrib_MultiBoxDetection"]')" = "['50']" ] || fail "--topk"
[ "$(json deployed-symbol.json '[n["attrs"]["nms_threshold"] for n in d["nodes"] if n["op"] == "_contrib_MultiBoxDetection"]')" = "['0.45']" ] || fail "--nms"
# Trained and deployed symbol detect the same; the options of one are the defaults of the other.
expect_exit 0 "$OCTET" deploy --model train --output defaults
for model in train defaults; do
  expect_exit 0 "$OCTET" score --model $model --data "$DATA/pictures.rec" --limit 20 --output scores_$model --quiet
done
cmp scores_train/scores.jsonl scores_defaults/scores.jsonl || fail "the deployed network detects something else"
expect_text scores_train/scores.jsonl '"detections":\[\{"id":0,'
expect_exit 0 "$OCTET" calibrate --model train --data "$DATA/pictures.rec" --samples 20 --output int8 --quiet
expect_exit 0 "$OCTET" score --model int8 --data "$DATA/pictures.rec" --limit 20 --output scores_int8 --quiet
expect_exit 78 "$OCTET" deploy --model "$MODEL" --output other
expect_text err "no SSD network"
expect_exit 64 "$OCTET" deploy --model train --output other --nms 2
expect_exit 64 "$OCTET" deploy --model train --output train
expect_exit 66 "$OCTET" deploy --model nothing --output other
