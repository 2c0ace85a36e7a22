. "$(dirname "$0")/common.sh"
for mode in naive entropy; do
  for streams in 1 2; do
    expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 40 --seed 5 --mode $mode \
      --streams $streams --output "$mode$streams/q" --quiet
  done
  cmp "${mode}1/q-0000.params" "${mode}2/q-0000.params" || fail "$mode: parameters depend on the number of streams"
done
