# octet submit on a real Slurm cluster of three nodes: calibrate -> 6 shards -> merge, while one node dies and one task is
# told to stop. The merged file equals that of a run on this machine byte for byte.
. "$(dirname "$0")/../cli/common.sh"
. "$(dirname "$0")/cluster.sh"
trap 'stop_cluster; rm -rf "$work"' EXIT

chain_failed() {
  squeue --all --format='%i %j %T %r' >&2 || true
  tail -n 5 "$work"/o/slurm/*.log >&2 || true
  tail -n 30 "$cluster/slurmctld.log" >&2
  fail "$*"
}
task_on() { squeue --noheader --jobs="$score" --states=RUNNING --nodelist="$1" --format=%i 2>/dev/null; }
node_works() { [ -n "$(task_on "$1")" ]; }
field() { scontrol --oneliner show job "$1" 2>/dev/null | tr ' ' '\n' | sed -n "s/^$2=//p"; }
restarted() { [[ $(field "$1" Restarts) =~ ^[1-9] ]]; }
# A job that goes back into the queue waits until its credential has expired; tests need not.
hurry() {
  local task
  for task in $(squeue --noheader --array --states=PENDING --format='%i %r' | awk '$2 == "BeginTime" { print $1 }'); do
    scontrol update "jobid=$task" StartTime=now 2>/dev/null || true
  done
}
ended() {
  hurry
  case $(field "$1" JobState) in COMPLETED | FAILED | CANCELLED | TIMEOUT) true ;; *) false ;; esac
}

start_cluster
for _ in $(seq 180); do cat "$DATA/pictures.lst"; done >long.lst
printf '%s\n' "model = $MODEL" "data = long.lst" "root = $DATA" "output = o" "samples = 60" "evaluate = no" >job.ini
expect_exit 0 "$OCTET" submit job.ini --engine slurm --shards 6 --time 10 --json
score=$(json out 'd["score"]') merge=$(json out 'd["merge"]')

wait_for 60 node_works n2 || chain_failed "no shard is scored on n2"
lost=$(task_on n2)
kill_node n2
# Any task of another node that is at work when it is told to stop.
stopped=
for _ in $(seq 20); do
  wait_for 20 node_works n1 || chain_failed "no task was stopped half way"
  task=$(task_on n1)
  scancel --signal=TERM --full "$task" || true
  if wait_for 3 restarted "$task"; then stopped=$task; break; fi
done
[ -n "$stopped" ] || chain_failed "no stopped task went back into the queue"
expect_exit 0 "$OCTET" status job.ini --json
[ "$(json out 'd["shards"], d["complete"] < 6')" = "(6, True)" ] || fail "$(cat out)"

wait_for 120 ended "$merge" || chain_failed "the chain does not end"
[ "$(field "$merge" JobState)" = COMPLETED ] || chain_failed "the merge is $(field "$merge" JobState)"
restarted "$lost" || chain_failed "the lost node's task $lost was not requeued"
[ "$(field "$lost" NodeList)" != n2 ] || chain_failed "a dead node worked"

sed 's/^output.*/output = local/' job.ini >local.ini
expect_exit 0 "$OCTET" run local.ini --quiet
cmp local/scores.jsonl o/scores.jsonl || fail "the merged scores are not those of one run"
for file in local/model-*; do cmp "$file" "o/${file#local/}" || fail "$file differs"; done
expect_exit 0 "$OCTET" status o
expect_text out "6 of 6 shards complete, 54000 of 54000 pictures, 0 bad"

# A shard that fails takes the merge with it.
printf '%s\n' "0	0	pictures.lst" | cat - "$DATA/pictures.lst" >bad.lst
sed 's/long.lst/bad.lst/; s/^output.*/output = bad/; $a on-error = fail' job.ini >bad.ini
expect_exit 0 "$OCTET" submit bad.ini --shards 2 --json
merge=$(json out 'd["merge"]')
wait_for 60 ended "$merge" || chain_failed "the merge waits for a shard that failed"
[ "$(field "$merge" JobState)" = CANCELLED ] || chain_failed "the merge is $(field "$merge" JobState)"
[ ! -e bad/scores.jsonl ] || fail "a failed job has a final file"
