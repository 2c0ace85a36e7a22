#!/usr/bin/env bash
# The library must not print, exit or abort on its own: no object of it may reference these functions.
# Usage: check_symbols.sh LIBRARY...
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: check_symbols.sh LIBRARY..." >&2; exit 64; }

forbidden='^(abort|exit|_exit|quick_exit|puts|printf|fprintf|vprintf|vfprintf|perror|putchar|__printf_chk|__fprintf_chk|__vfprintf_chk|stdout|stderr|_ZSt4cout|_ZSt4cerr|_ZSt4clog|__assert_fail)(@.*)?$'
faults=0
for library in "$@"; do
  found=$(nm -u "$library" | awk '{print $NF}' | grep -E "$forbidden" | sort -u || true)
  if [ -n "$found" ]; then
    echo "$(basename "$library") references: $(echo $found)"
    faults=1
  fi
done
exit $faults
