. "$(dirname "$0")/common.sh"
calibrated int8
expect_exit 0 "$OCTET" inspect --model "$MODEL" --against int8 --svg graph.svg --dot graph.dot
expect_text graph.dot 'subgraph cluster_2'
expect_text graph.dot '<B>BatchNorm</B>'
expect_text graph.dot '[+] relu'
expect_text graph.dot 'in INT8'
python3 - <<'PYTHON'
import xml.etree.ElementTree as xml
root = xml.parse("graph.svg").getroot()
text = " ".join(root.itertext())
assert root.tag.endswith("svg")
for part in ("as stored", "after fusion", "INT8", "BatchNorm", "Convolution", "+ relu", "u8"):
    assert part in text, part
PYTHON
expect_exit 0 "$OCTET" inspect --model int8 --svg int8.svg --json
[ "$(json out 'd["int8"]')" = True ] || fail "$(cat out)"
expect_exit 66 env PATH=/nonexistent "$OCTET" inspect --model int8 --svg none.svg
expect_text err "graphviz"
[ ! -e none.svg ] || fail "an empty drawing was left"
expect_exit 64 "$OCTET" inspect --model "$MODEL" --against int8
