. "$(dirname "$0")/common.sh"
printf '%s\n' "model = $MODEL" "data = $DATA/pictures.rec" "output = o" "samples = 60" >job.ini
expect_exit 0 "$OCTET" submit job.ini --engine slurm --shards 6 --cpus 2 --time 10 --dry-run
expect_text out '^#SBATCH --array=0-5$'
expect_text out "^# score=.*--dependency=afterok:\\\$calibrate $PWD/o/slurm/score.sh"
expect_text out '^#SBATCH --kill-on-invalid-dep=yes$'
[ ! -e o ] || fail "--dry-run wrote something"
expect_exit 64 "$OCTET" submit job.ini --dry-run
expect_text err "--shards is missing"
expect_exit 64 "$OCTET" submit job.ini --shards 6 --engine other
expect_exit 66 "$OCTET" submit absent.ini --shards 6
sed 's|^data.*|data = absent.rec|' job.ini >absent_data.ini
expect_exit 66 "$OCTET" submit absent_data.ini --shards 6 --dry-run
echo "shard = 1/2" >>job.ini
expect_exit 78 "$OCTET" submit job.ini --shards 6 --dry-run

# Without a cluster: an sbatch that refuses the second stage, after which the first is cancelled.
sed -i '/^shard/d' job.ini
mkdir bin
cat >bin/sbatch <<'SBATCH'
#!/bin/bash
echo "sbatch $*" >>calls
case "$*" in *score.sh) echo "no such partition" >&2; exit 1 ;; esac
echo "17;cluster"
SBATCH
printf '#!/bin/bash\necho "scancel $*" >>calls\n' >bin/scancel
chmod +x bin/*
expect_exit 74 env PATH="$PWD/bin:$PATH" "$OCTET" submit job.ini --shards 6
expect_text err "no such partition"
expect_text calls "afterok:17 $PWD/o/slurm/score.sh"
expect_text calls "^scancel 17$"
sed -i '/score.sh/d' bin/sbatch
expect_exit 0 env PATH="$PWD/bin:$PATH" "$OCTET" submit job.ini --shards 6 --json
[ "$(json out 'd["calibrate"], d["merge"], d["shards"]')" = "('17', '17', 6)" ] || fail "$(cat out)"
cmp job.ini o/slurm/job.ini || fail "the job file is not kept"
expect_exit 0 "$OCTET" status job.ini
expect_text out "score: not begun"
