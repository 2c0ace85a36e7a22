. "$(dirname "$0")/common.sh"
# The same records from a folder's list as the packing tool of the tests wrote.
expect_exit 0 "$OCTET" pack --data "$DATA/pictures.lst" --root "$DATA" --output o/x.rec --quiet --json
[ "$(json out 'd["n"], d["failed"], d["verified"]')" = "(300, 0, True)" ] || fail "$(cat out)"
cmp o/x.rec "$DATA/pictures.rec"
cmp o/x.idx "$DATA/pictures.idx"
cmp o/x.lst "$DATA/pictures.lst"
[ "$(ls o | wc -l)" -eq 3 ] || fail "more than three files: $(ls o)"
cp o/x.idx kept.idx
rm o/x.idx
expect_exit 0 "$OCTET" pack --index-only o/x.rec --quiet
cmp o/x.idx kept.idx

# Stored anew, in chunks; bytes do not depend on the number of workers.
for streams in 1 3; do
  expect_exit 0 "$OCTET" pack --data "$DATA/pictures" --folder-labels --output "s$streams/x.rec" --resize 20 --quality 80 \
    --color -1 --shuffle --chunks 2 --streams "$streams" --quiet
  expect_text out "x_0.rec +150 "
  expect_text out "read back in .* equal"
done
diff -r s1 s3
expect_exit 0 "$OCTET" pack --data "$DATA/pictures" --output p/x.lst --list --train-ratio 0.8 --test-ratio 0.1 --quiet
[ "$(cat p/x_train.lst p/x_test.lst p/x_val.lst | wc -l)" -eq 300 ] || fail "$(wc -l p/*)"

# Bad pictures are left out and named.
mkdir bad
cp "$DATA/pictures/9/00000.jpg" bad/good.jpg
echo no picture >bad/a.jpg
expect_exit 0 "$OCTET" pack --data bad --output b/x.rec --quiet
expect_text err "a.jpg: "
expect_text out "2 entries in .* 1 bad"
expect_text b/x.bad.jsonl '"key":"a.jpg","code":"bad_image"'
expect_exit 65 "$OCTET" pack --data bad --output c/x.rec --on-error fail --quiet
expect_exit 65 "$OCTET" pack --data bad --output c/x.rec --max-bad 0 --quiet
[ -z "$(ls -A c)" ] || fail "files of a failed job: $(ls -A c)"

# A detector's records from pictures and a COCO file, judged as with the file itself.
mkdir det
cp "$DATA/pictures/9/00000.jpg" det/a.jpg
printf 'cat\ndog\n' >names.txt
echo '{"images":[{"id":1,"file_name":"a.jpg","width":28,"height":28}],"categories":[{"id":5,"name":"dog"}],
  "annotations":[{"image_id":1,"category_id":5,"bbox":[7,0,14,28]}]}' >a.json
expect_exit 0 "$OCTET" pack --data det --annotations a.json --labels names.txt --output d/x.rec --quiet
[ "$(cat d/x.lst)" = "$(printf '0\t2.000000\t6.000000\t1.000000\t0.250000\t0.000000\t0.750000\t1.000000\t0.000000\ta.jpg')" ] ||
  fail "$(cat d/x.lst)"
expect_exit 64 "$OCTET" pack --data det --labels names.txt --output d/x.rec --quiet

# Wrong options and places.
expect_exit 64 "$OCTET" pack --data bad --output c/x.rec --pass-through --resize 20
expect_exit 64 "$OCTET" pack --data bad --output c/x
expect_exit 64 "$OCTET" pack --data bad --output c/x.rec --encoding .gif
expect_exit 64 "$OCTET" pack --data bad --output c/x.rec --quality 200
expect_exit 64 "$OCTET" pack --data bad --output c/x.rec --color 2
expect_exit 66 "$OCTET" pack --data absent --output c/x.rec
expect_exit 73 "$OCTET" pack --data bad --output bad/a.jpg/x.rec

# A signal leaves nothing under a final name.
cp "$DATA/pictures.lst" long.lst
for _ in $(seq 11); do cat long.lst long.lst >longer.lst && mv longer.lst long.lst; done
"$OCTET" pack --data long.lst --root "$DATA" --output k/x.rec --resize 64 --quiet >out 2>err &
begun() { [ -d k ] && [ -n "$(find k -name 'x.rec.*.part' -size +0)" ]; }
for _ in $(seq 200); do begun && break; sleep 0.1; done
begun || fail "packing did not begin: $(cat err)"
kill -TERM $!
code=0
wait $! || code=$?
[ "$code" -eq 75 ] || fail "exit $code after SIGTERM: $(cat err)"
[ -z "$(ls -A k)" ] || fail "an unfinished output is left: $(ls -A k)"
