. "$(dirname "$0")/common.sh"
# A mean image that is the same everywhere is the mean; another one is another input; calibrate keeps it in the pair.
cat >make.py <<'PY'
import struct
for name, values in (('flat', [72.9404] * 784), ('steep', [i / 4 for i in range(784)])):
    with open(name + '.nd', 'wb') as f:
        f.write(struct.pack('<QQQ', 0x112, 0, 1))
        f.write(struct.pack('<Iii3qiii784f', 0xF993fac9, 0, 3, 1, 28, 28, 1, 0, 0, *values))
        f.write(struct.pack('<QQ', 1, 8) + b'mean_img')
PY
python3 make.py
score() { expect_exit 0 "$OCTET" score --data "$DATA/pictures.rec" --quiet "$@"; }
classes() { python3 -c 'import json,sys
for line in open(sys.argv[1]): print(json.loads(line)["predictions"][0]["id"])' "$1/scores.jsonl" >"$1.ids"; }
differing() { paste "$1.ids" "$2.ids" | awk '$1 != $2 {n++} END {print n + 0}'; }
score --model "$MODEL" --output mean
score --model "$MODEL" --mean-image flat.nd --output flat
score --model "$MODEL" --mean-image steep.nd --output steep
for name in mean flat steep; do classes "$name"; done
cmp mean.ids flat.ids || fail "a flat mean image is not the mean"
[ "$(differing mean steep)" -gt 20 ] || fail "the mean image changes nothing"
expect_exit 0 "$OCTET" calibrate --model "$MODEL" --mean-image steep.nd --data "$DATA/pictures.rec" --samples 50 --output int8 --quiet
rm steep.nd
score --model int8 --output int8
classes int8
[ "$(differing steep int8)" -lt 15 ] || fail "INT8 differs from FP32 in $(differing steep int8) of 300"
expect_exit 78 "$OCTET" score --model "$MODEL" --mean 3 --mean-image flat.nd --data "$DATA/pictures.rec" --output x --quiet
expect_text err "'mean' contradicts 'mean_image'"
expect_exit 66 "$OCTET" score --model "$MODEL" --mean-image absent.nd --data "$DATA/pictures.rec" --output x --quiet
head -c 200 flat.nd >cut.nd
expect_exit 78 "$OCTET" score --model "$MODEL" --mean-image cut.nd --data "$DATA/pictures.rec" --output x --quiet
