package emulator

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// slurmNode is the node's name. It need not be the machine's.
const slurmNode = "dgnode"

func (s *Slurm) configPath() string { return filepath.Join(s.dir, "slurm.conf") }

// writeConfig writes slurm.conf and what stands beside it.
func (s *Slurm) writeConfig(o SlurmOptions, ctlPort, runPort int) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	host, _, _ = strings.Cut(host, ".") // slurmctld compares the short name with SlurmctldHost
	in := func(name string) string { return filepath.Join(s.dir, name) }
	lines := []string{
		"ClusterName=" + slurmCluster,
		"SlurmctldHost=" + host + "(127.0.0.1)",
		fmt.Sprintf("SlurmctldPort=%d", ctlPort),
		// Both daemons would otherwise listen on every address of the machine.
		"CommunicationParameters=NoCtldInAddrAny,NoInAddrAny",
		"SlurmUser=root",
		"SlurmdUser=root",
		"AuthType=auth/munge",
		"AuthInfo=socket=" + s.mungeSocket(),
		"CredType=cred/munge",
		"StateSaveLocation=" + in("state"),
		"SlurmdSpoolDir=" + in("spool"),
		"SlurmctldPidFile=" + in("slurmctld.pid"),
		"SlurmdPidFile=" + in("slurmd.pid"),
		"SlurmdDebug=info",
		"ProctrackType=proctrack/pgid",
		"TaskPlugin=task/none",
		"JobAcctGatherType=jobacct_gather/none",
		"MpiDefault=none",
		"MailProg=/bin/true",
		"ReturnToService=2",
		"SelectType=select/cons_tres",
		"SelectTypeParameters=CR_Core",
		"PrologFlags=Alloc",
		"SchedulerType=sched/backfill",
		// A test waits for the scheduler: each of these is how many seconds at most.
		"SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0",
		// The node is what the file says, however small the machine.
		"SlurmdParameters=config_overrides",
		fmt.Sprintf("NodeName=%s NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=8 RealMemory=1000 State=UNKNOWN", slurmNode, host, runPort),
		"PartitionName=gpu Nodes=" + slurmNode + " Default=YES MaxTime=INFINITE State=UP",
	}
	files := map[string]string{}
	maps.Copy(files, o.Files)
	if o.Prolog != "" {
		lines = append(lines, "Prolog="+o.Prolog)
	}
	if o.BurstBuffer != "" {
		lines = append(lines, "BurstBufferType=burst_buffer/lua", "DebugFlags=BurstBuffer")
		files["burst_buffer.lua"] = o.BurstBuffer
		if files["burst_buffer.conf"] == "" {
			files["burst_buffer.conf"] = "StageInTimeout=60\nOtherTimeout=60\nFlags=TeardownFailure\n"
		}
	}
	files["slurm.conf"] = strings.Join(lines, "\n") + "\n"
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(in(name), []byte(files[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
