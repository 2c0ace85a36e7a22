#!/usr/bin/env bash
# The pictures of the command-line tests: make_data.sh PACK FOLDER packs the first 300 test pictures of Fashion-MNIST as
# FOLDER/pictures.rec + .idx, FOLDER/pictures/<class>/NNNNN.jpg and FOLDER/pictures.lst (same order as the record file).
set -euo pipefail
pack=$1 folder=$2
source=/usr/share/datasets/fashion-mnist
# Made once: another ctest in the same build folder may be reading them.
if [ "$folder/complete" -nt "$pack" ] && [ "$folder/complete" -nt "$0" ]; then exit 0; fi
[ -e "$source/t10k-images-idx3-ubyte.gz" ] || { echo "install the package dataset-fashion-mnist" >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$folder"
gunzip -c "$source/t10k-images-idx3-ubyte.gz" >"$folder/images"
gunzip -c "$source/t10k-labels-idx1-ubyte.gz" >"$folder/labels"
"$pack" "$folder/images" "$folder/labels" "$folder/pictures.rec" 300
"$pack" "$folder/images" "$folder/labels" "$folder/pictures" 300
rm "$folder/images" "$folder/labels"
# Names are NNNNN.jpg by position, so sorting by name gives the order of the record file.
(cd "$folder" && find pictures -name '*.jpg' | awk -F/ '{print $NF "\t" $0}' | sort |
  awk -F'\t' '{split($2, part, "/"); printf "%d\t%f\t%s\n", NR - 1, part[2], $2}' >pictures.lst)
[ "$(wc -l <"$folder/pictures.lst")" -eq 300 ]
touch "$folder/complete"
