# --shard auto under Slurm itself: a cluster of four nodes that are all this machine. It takes root, as Slurm starts
# everybody's jobs.
. "$(dirname "$0")/../lib.sh"
need munged slurmctld slurmd sbatch srun sinfo runuser
[ "$(id -u)" = 0 ] || skip 'it takes root'
[ -s /etc/munge/munge.key ] || skip 'munge has no key'
[ ! -e /run/munge/munge.socket.2 ] || skip 'munge runs already'

# Slurm wants directories that only root writes to; all of them are below one that goes at the end.
cluster=$(mktemp -d /tmp/millrace-slurm-XXXXXX)
chmod 755 "$cluster"
end_cluster() {
    for file in "$cluster"/*.pid "$cluster"/munge/*.pid; do
        [ ! -s "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
    done
    sleep 0.5
    rm -rf "$cluster"
    lib_remove
}
trap end_cluster EXIT

host=$(hostname -s)
port=$((20000 + $$ % 20000))
cat >"$cluster/slurm.conf" <<CONF
ClusterName=millrace
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.%n.log
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SwitchType=switch/none
NodeName=n[0-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 4))] CPUs=1 RealMemory=100 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=5:00 State=UP
CONF
mkdir "$cluster/state"
install -d -o munge -g munge /run/munge "$cluster/munge"
SLURM_CONF=$cluster/slurm.conf
export SLURM_CONF
runuser -u munge -- munged --socket=/run/munge/munge.socket.2 --log-file="$cluster/munge/log" \
    --pid-file="$cluster/munge/munged.pid" --seed-file="$cluster/munge/seed" || skip 'munge does not start'
slurmctld || skip 'slurmctld does not start'
for node in n0 n1 n2 n3; do slurmd -N $node || skip 'slurmd does not start'; done
tries=0
until [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 4 ] || [ $tries = 100 ]; do
    sleep 0.2
    tries=$((tries + 1))
done
[ $tries -lt 100 ] || skip 'the nodes do not come up'

make_tree in
for i in 1 2 3 4 5 6 7 8 9; do echo $i >"in/file$i"; done
"$MILLRACE" run in -o whole/ -q

# An array, which need not begin at 1, nor have every number.
run_command sbatch -Q --wait --array=5-11:2 -o array.%a --wrap \
    "'$MILLRACE' run in -o array/ -q --shard auto --report \$SLURM_ARRAY_TASK_ID.json"
cat array.* >"$err"
expect_status 0
expect_same_tree whole array
run report 5.json 7.json 9.json 11.json
expect_status 0
expect_line "$out" '4 of 4 shards, each once, and no name in two of them'

# A list of numbers tells no place.
run_command sbatch -Q --wait --array=1,3,7 -o list.%a --wrap "'$MILLRACE' run in -o list/ --shard auto"
[ "$status" != 0 ] || fail 'a list of numbers was taken'
for task in 1 3 7; do expect_text "list.$task" 'is a list without a step'; done
expect_missing list

# Tasks of srun; and the script around them, which runs once.
run_command srun -Q -N3 -n3 "$MILLRACE" run in -o tasks/ -q --shard auto
expect_status 0
expect_same_tree whole tasks
run_command sbatch -Q --wait -n2 -o once --wrap "'$MILLRACE' run in -o once/ --shard auto"
[ "$status" = 2 ] || fail 'a script that runs once was taken for a shard'
expect_text once 'no scheduler tells'
