here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
calibrated int8
mkdir -p "odd/sub" && cp "$DATA"/pictures/0/*1.jpg odd/sub/
first=$(find odd/sub -name '*.jpg' | sort | sed -n 1p)
other=$(find "$DATA/pictures/9" -name '*.jpg' | sort | sed -n 1p)
mv "$first" 'odd/<img src=x onerror=alert(1)> "&'"'"' 猫.jpg'
cp "$other" odd/zz.jpg
cp "$other" odd/zz..jpg  # the same file name but for what a name must not hold
echo "not a picture" >odd/sub/bad.jpg
count=$(find odd -name '*.jpg' | wc -l)
for format in png jpeg; do
  expect_exit 0 "$OCTET" draw --model "$MODEL" --against int8 --data odd --output "$format" --format "$format" --json --quiet
  [ "$(json out 'd["n"], d["failed"], d["drawn"], len(d["models"])')" = "($count, 1, $((count - 1)), 2)" ] || fail "$(cat out)"
  [ "$(python3 "$here/check_page.py" "$format")" = $((count - 1)) ] || fail "the page of $format"
done
[ "$(find png -name '*.png' -exec sha256sum {} + | cut -d' ' -f1 | sort -u | wc -l)" -eq $((count - 1)) ] || fail "sheets of different pictures are the same"
expect_text png/index.html 'bad.jpg'
expect_text png/index.html '猫'
expect_exit 0 "$OCTET" draw --model "$MODEL" --data "$DATA/pictures.rec" --limit 3 --output one --quiet
[ "$(python3 "$here/check_page.py" one)" = 3 ] || fail "three pictures of one model"
expect_exit 64 "$OCTET" draw --model "$MODEL" --data odd --output o --format gif
expect_exit 64 "$OCTET" draw --model "$MODEL" --data odd --output o --min-score 2
expect_exit 64 "$OCTET" draw --model "$MODEL" --data odd
expect_exit 66 "$OCTET" draw --model "$MODEL" --against nowhere --data odd --output o
