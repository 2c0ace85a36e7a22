. "$(dirname "$0")/common.sh"
calibrated int8
for model in int8 "$MODEL"; do
  to=$(basename "$model")
  for variant in "1 1" "2 7" "4 16" "2 1"; do
    read -r streams batch <<<"$variant"
    expect_exit 0 "$OCTET" score --model "$model" --data "$DATA/pictures.rec" --output "$to$streams-$batch" \
      --streams "$streams" --batch "$batch" --quiet
    cmp "${to}1-1/scores.jsonl" "$to$streams-$batch/scores.jsonl" || fail "$model: $streams streams, batch $batch differ"
  done
done
