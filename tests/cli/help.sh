. "$(dirname "$0")/common.sh"
expect_exit 0 "$OCTET" --help
for command in calibrate score merge run submit status evaluate bench deploy inspect draw report validate pack; do
  expect_text out "^  $command "
done
for command in calibrate score run evaluate bench deploy inspect draw; do
  expect_exit 0 "$OCTET" "$command" --help
  expect_text out "usage: octet $command"
  expect_text out "--model PREFIX"
done
expect_exit 0 "$OCTET" calibrate --help
expect_text out "--percentile P \(=99.99\)"
[ "$(sed -n 3,4p out)" = "$(printf '\nModel:')" ] || fail "one empty line before the first group: $(sed -n 1,6p out)"
expect_exit 0 "$OCTET" pack --help
expect_text out "--annotations PATH"
expect_text out "usage: octet pack"
expect_text out "--output X.rec"
