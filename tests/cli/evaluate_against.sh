. "$(dirname "$0")/common.sh"
calibrated int8
expect_exit 0 "$OCTET" evaluate --model int8 --against "$MODEL" --data "$DATA/pictures.rec" --json --quiet
[ "$(json out 'd["n"], d["failed"], d["against"]["n"], abs(d["against"]["top1"] - d["top1"] - d["drop"]) < 1e-6')" = "(300, 0, 300, True)" ] ||
  fail "$(cat out)"
[ "$(json out 'd["interval95"][0] < d["top1"] < d["interval95"][1]')" = True ] || fail "$(cat out)"
expect_exit 0 "$OCTET" evaluate --model int8 --data "$DATA/pictures" --folder-labels --json --quiet
[ "$(json out 'd["n"]')" = 300 ] || fail "$(cat out)"

# People get no more digits than 300 pictures support, and the counts behind them.
expect_exit 0 "$OCTET" evaluate --model int8 --against "$MODEL" --data "$DATA/pictures.rec" --quiet
expect_text out '^model +n +top-1 % +95 % interval +top-5 % +95 % interval$'
expect_text out '^int8 \(INT8\) +300 +[0-9]+ +[0-9]+ - [0-9]+ +[0-9]+ +[0-9]+ - [0-9]+$'
expect_text out '^agreement [0-9]+ % \(95 %: [0-9]+ - [0-9]+\): [0-9]+ of 300 pictures$'
expect_text out "^drop of top-1 -?[0-9]+ points \(95 %: -[0-9]+ to [0-9]+\): [0-9]+ pictures? lost, [0-9]+ gained; McNemar's exact p [01]\.[0-9]+$"
expect_text out '^drop by class: mean -?[0-9]+ of 10 classes, (worst [0-9]+: .* \([0-9]+ pictures\)|no class lost)$'
[ "$(grep -cE '[0-9]\.[0-9]' out)" = 1 ] || fail "decimals that 300 pictures do not support: $(cat out)"
# Agreement needs no labels.
expect_exit 0 "$OCTET" evaluate --model int8 --against "$MODEL" --data "$DATA/pictures" --quiet
expect_text out '^int8 \(INT8\) against fashion_resnet \(FP32\), without labels$'
expect_text out '^agreement [0-9]+ % \(95 %: [0-9]+ - [0-9]+\): [0-9]+ of 300 pictures$'
expect_exit 64 "$OCTET" evaluate --model int8 --data "$DATA/pictures" --quiet
