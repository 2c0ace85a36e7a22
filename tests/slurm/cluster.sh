# A Slurm cluster on this machine for tests: munged, slurmctld and three slurmd (n1, n2, n3) from Debian's packages, on free
# ports, all files in one folder of its own, no systemd, no control groups, no accounting, as the calling user. To be sourced.
#
#   start_cluster           starts it and sets SLURM_CONF; ends the script with 77 where it cannot run
#   stop_cluster            ends everything it started, jobs included; safe to call twice, meant for a trap
#   kill_node NAME          what a power cut does: kills the node's daemon, its job steps and their processes with -9
#   wait_for SECONDS COMMAND...   until the command succeeds; fails when it never does
#
# Every process of the cluster is found by its open log file below that folder or by SLURM_CONF in its environment; no other
# process is touched.

cluster=
cluster_daemons=()

skip() { echo "SKIPPED: $*"; exit 77; }

wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

free_ports() {
  python3 -c 'import socket,sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

write_slurm_conf() {
  local ports
  read -r -a ports < <(free_ports 4)
  cat <<CONF
ClusterName=octet
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$cluster/munge.socket,cred_expire=5
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool-%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SlurmdTimeout=5
MessageTimeout=5
TCPTimeout=1
KillWait=5
ReturnToService=2
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=1
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=1
NodeName=n3 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[3]} CPUs=1
PartitionName=all Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
CONF
}

# Processes that have a file below the folder open, or of this node alone: daemons and the stewards of job steps.
processes_with_open() { find /proc/[0-9]*/fd -lname "$1" 2>/dev/null | cut -d/ -f3 | sort -u; }
# Processes of jobs: those whose environment holds all the given lines.
processes_with_environment() {
  local found=(/proc/[0-9]*/environ) line
  for line in "$@"; do
    [ "${#found[@]}" -gt 0 ] || return 0
    mapfile -t found < <(grep -lzxF -- "$line" "${found[@]}" 2>/dev/null)
  done
  [ "${#found[@]}" -eq 0 ] || printf '%s\n' "${found[@]}" | cut -d/ -f3 | grep -vx "$$" || true
}

nodes_idle() { [ "$(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | wc -l)" -eq 3 ]; }

start_cluster() {
  local program node
  for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || PATH=$PATH:/usr/sbin
    command -v "$program" >/dev/null || skip "$program is not installed (packages slurm-wlm, munge)"
  done
  cluster=$(mktemp -d /tmp/octet-slurm.XXXXXX)  # a short path: those of sockets are bounded
  chmod 711 "$cluster"                          # munge demands it
  mkdir "$cluster"/{state,spool-n1,spool-n2,spool-n3}
  head -c 1024 /dev/urandom >"$cluster/munge.key"
  chmod 600 "$cluster/munge.key"
  write_slurm_conf >"$cluster/slurm.conf"
  export SLURM_CONF=$cluster/slurm.conf
  munged --foreground --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munged.pid" \
    --seed-file="$cluster/munged.seed" --log-file="$cluster/munged.log" >"$cluster/munged.out" 2>&1 &
  cluster_daemons+=($!)
  wait_for 10 [ -S "$cluster/munge.socket" ] || cluster_failed munged
  slurmctld -D -i >"$cluster/slurmctld.out" 2>&1 &
  cluster_daemons+=($!)
  for node in n1 n2 n3; do
    slurmd -D -N "$node" >"$cluster/$node.out" 2>&1 &
    cluster_daemons+=($!)
  done
  wait_for 30 nodes_idle || cluster_failed slurmctld
}

cluster_failed() {
  tail -n 20 "$cluster"/*.out
  skip "$1 does not run here"
}

kill_node() {
  local processes
  mapfile -t processes < <(processes_with_open "$cluster/$1.log"; processes_with_environment "SLURM_CONF=$SLURM_CONF" "SLURMD_NODENAME=$1")
  [ "${#processes[@]}" -gt 0 ] || return 1
  kill -KILL "${processes[@]}"
}

stop_cluster() {
  local processes
  [ -n "$cluster" ] || return 0
  # Jobs first: a step whose controller is gone lingers, trying to report.
  if timeout 5 scancel --user="$(id -un)" --quiet 2>/dev/null; then
    wait_for 5 no_jobs || true
  fi
  mapfile -t processes < <(processes_with_open "$cluster/*"; processes_with_environment "SLURM_CONF=$SLURM_CONF")
  [ "${#processes[@]}" -eq 0 ] || kill -KILL "${processes[@]}" 2>/dev/null || true
  [ "${#cluster_daemons[@]}" -eq 0 ] || wait "${cluster_daemons[@]}" 2>/dev/null || true
  rm -rf "$cluster"
  cluster=
}

no_jobs() { [ -z "$(timeout 5 squeue --noheader 2>/dev/null)" ]; }
