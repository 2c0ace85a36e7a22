. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 50 --output int8 --report r.html --report r.json --quiet
python3 "$(dirname "$0")/check_page.py" r.html || fail "the page is not well formed"
expect_text r.html 'Accuracy was judged on 250 pictures that did not calibrate'
[ "$(json r.json 'd["held_out"], d["evaluation"]["judged"], d["evaluation"]["agreement"] > 90, d["mode"], d["images"]')" = \
  "(True, 250, True, 'auto', 50)" ] || fail "$(cat r.json)"
[ "$(json r.json '[l["sqnr"] for l in d["layers"]] == sorted(l["sqnr"] for l in d["layers"])')" = True ] || fail "layers are not sorted by damage"
[ "$(json r.json 'len([l for l in d["layers"] if "histogram" in l])')" = "$(grep -o '<svg' r.html | wc -l)" ] || fail "a histogram is missing"
# A layer that stays float is told as such, and the one behind it reads exact values.
layer=$(json r.json '[l["name"] for l in d["layers"] if l["op"] == "Convolution"][0]')
expect_exit 0 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 50 --mode mse --exclude "$layer" --output part --report part.json --quiet
[ "$(json part.json "[l['computes_in'] for l in d['layers'] if l['name'] == '$layer']")" = "['f32']" ] || fail "$layer is not told to be float"
expect_exit 64 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --output none --report r.txt --quiet
expect_text err 'r.txt: a report is a file whose name ends in .html or .json'
[ ! -e none-symbol.json ] || fail "a refused report still calibrated"
expect_exit 73 "$OCTET" calibrate --model "$MODEL" --data "$DATA/pictures.rec" --samples 5 --mode naive --output last --report r.json/x.html --quiet
