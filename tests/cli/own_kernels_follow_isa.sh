# octet's own depthwise kernel runs where oneDNN's instruction set allows it, and never beyond.
. "$(dirname "$0")/common.sh"
cat > net-symbol.json <<'JSON'
{"nodes": [
  {"op": "null", "name": "data", "inputs": []},
  {"op": "null", "name": "first_weight", "inputs": []},
  {"op": "Convolution", "name": "first", "attrs": {"kernel": "(1, 1)", "num_filter": "32", "no_bias": "True"},
   "inputs": [[0, 0, 0], [1, 0, 0]]},
  {"op": "Activation", "name": "relu", "attrs": {"act_type": "relu"}, "inputs": [[2, 0, 0]]},
  {"op": "null", "name": "depthwise_weight", "inputs": []},
  {"op": "Convolution", "name": "depthwise", "attrs": {"kernel": "(3, 3)", "pad": "(1, 1)", "num_filter": "32",
   "num_group": "32", "no_bias": "True"}, "inputs": [[3, 0, 0], [4, 0, 0]]}],
 "arg_nodes": [0, 1, 4], "heads": [[5, 0, 0]]}
JSON
implementation() {  # ISA: of the quantised depthwise layer
  ONEDNN_MAX_CPU_ISA=$1 "$OCTET" bench --symbol net-symbol.json --random-weights --shape 3,12,12 --streams 1 \
    --repeats 1 --seconds 0.01 --layers > out 2> err || fail "bench with $1: $(cat err)"
  awk '$1 == "int8" && $2 == "depthwise" && $3 == "Convolution" {for (i = 3; i <= NF; ++i) if ($i ~ /:/) print $i}' out
}
[ "$(implementation AVX2)" = octet:depthwise_avx2 ] || fail "AVX2: $(cat out)"
[[ $(implementation SSE41) != octet:* ]] || fail "SSE4.1: $(cat out)"
[[ $(implementation AVX512_CORE) = octet:depthwise_avx2 ]] || fail "AVX-512 without VNNI: $(cat out)"
if grep -qw avx512_vnni /proc/cpuinfo && grep -qw avx512bw /proc/cpuinfo; then
  [ "$(implementation DEFAULT)" = octet:depthwise_vnni ] || fail "AVX-512 VNNI: $(cat out)"
fi
