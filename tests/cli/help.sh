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
expect_exit 0 "$OCTET" pack --help
expect_text out "usage: octet pack"
expect_text out "--output X.rec"
