. "$(dirname "$0")/common.sh"
calibrated int8
for model in int8 "$MODEL"; do
  for variant in "1 1" "2 7" "4 16" "2 1"; do
    read -r streams batch <<<"$variant"
    expect_exit 0 "$OCTET" score --model "$model" --data "$DATA/pictures.rec" --output "o$streams-$batch" \
      --streams "$streams" --batch "$batch" --quiet
    cmp o1-1/scores.jsonl "o$streams-$batch/scores.jsonl" || fail "$model: $streams streams, batch $batch differ"
  done
done
