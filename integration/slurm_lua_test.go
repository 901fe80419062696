package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/jobs/slurm"
)

// luas are the oldest and the newest Lua that Slurm is built with.
var luas = []string{"lua5.1", "lua5.4"}

// luaRig is a folder as that of slurm.conf, without a Slurm.
type luaRig struct {
	t   *testing.T
	dir string
	lua string
}

func newLuaRig(t *testing.T, lua string) *luaRig {
	t.Helper()
	program, err := exec.LookPath(lua)
	if err != nil && os.Getenv("DATAGRAVITY_REQUIRE_SLURM") == "" {
		t.Skipf("%s is not installed: on Debian, as root: apt-get install -y %s", lua, lua)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &luaRig{t: t, dir: t.TempDir(), lua: program}
	script, err := os.ReadFile("../packaging/slurm/burst_buffer.lua")
	if err != nil {
		t.Fatal(err)
	}
	r.write("burst_buffer.lua", string(script))
	r.write("datagravity", fmt.Sprintf(fakeDatagravity, r.dir))
	r.write("slurm.conf", "# ours\nclustername = HPC One # the first\nStateSaveLocation="+r.dir+"\n")
	r.write("datagravity.conf", "program = "+filepath.Join(r.dir, "datagravity")+"\npoll_seconds = 0\n")
	r.write("script", "#!/bin/sh\n#BB_LUA datagravity dataset=c4 to=aws\n")
	return r
}

func (r *luaRig) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *luaRig) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(r.dir, name)) // what is not there is empty
	return string(b)
}

// calls makes the calls and returns what each returned. SCRIPT and PATHS stand for files.
func (r *luaRig) calls(version string, calls ...string) []string {
	r.t.Helper()
	args := []string{"testdata/slurm/hooks.lua", r.dir, version}
	for _, c := range calls {
		args = append(args, strings.NewReplacer("SCRIPT", filepath.Join(r.dir, "script"), "PATHS", filepath.Join(r.dir, "paths")).Replace(c))
	}
	out, err := exec.Command(r.lua, args...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func (r *luaRig) want(version, want string, calls ...string) {
	r.t.Helper()
	if d := cmp.Diff(strings.Split(want, "\n"), r.calls(version, calls...)); d != "" {
		r.t.Errorf("%s (-want +got):\n%s", calls, d)
	}
}

// A Slurm that asks again and again: nothing waits, and every answer is the one that Slurm's documentation gives a meaning to.
func TestBurstBufferNewSlurm(t *testing.T) {
	for _, lua := range luas {
		t.Run(lua, func(t *testing.T) {
			r := newLuaRig(t, lua)
			r.write("ready.slurm-hpc-one-40", "75\n")
			r.want("new", "0 \n0 \n0 BUSY\n0 \n0 \n0 ",
				"job_process:SCRIPT:1:1:{}", "data_in:42:SCRIPT:1:1:{}", "test_data_in:42:SCRIPT:1:1:{}", "test_data_in:42:SCRIPT:1:1:{}",
				"paths:42:SCRIPT:PATHS:1:1:{}", "job_teardown:42:SCRIPT:false:1:1")
			if got, want := r.read("paths"), "DATAGRAVITY_URI=s3://bucket/it's c4\nDATAGRAVITY_JOB=slurm-hpc-one-40\n"; got != want {
				t.Errorf("environment %q, want %q", got, want)
			}
			calls := "stage --job slurm-hpc-one-40 --slurm-script " + filepath.Join(r.dir, "script") + "\n" +
				"ready --job slurm-hpc-one-40\nready --job slurm-hpc-one-40\nresolve --job slurm-hpc-one-40 --format task-prolog\n"
			if d := cmp.Diff(calls, r.read("calls")); d != "" {
				t.Errorf("calls (-want +got):\n%s", d)
			}
			if left, _ := filepath.Glob(filepath.Join(r.dir, "*.env*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			r.want("new", "-1 datagravity: paths: the environment that stage-in left is gone: requeue the job", "paths:42:SCRIPT:PATHS:1:1:{}")
			for _, f := range []string{"pools", "setup:42:1:1:pool:0:SCRIPT", "real_size:42:1:1", "pre_run:42:SCRIPT:1:1", "post_run:42:SCRIPT:1:1", "data_out:42:SCRIPT:1:1", "test_data_out:42:SCRIPT:1:1"} {
				r.want("new", "0 ", f)
			}
			r.want("new", "0 slurm-hpc-one-7: exit code 0: ready\n", "get_status:1000:1000:job:7")
		})
	}
}

// A Slurm that never calls test_data_in: data_in returns when the data is there.
func TestBurstBufferOldSlurm(t *testing.T) {
	for _, lua := range luas {
		t.Run(lua, func(t *testing.T) {
			r := newLuaRig(t, lua)
			r.write("ready.slurm-hpc-one-42", "75\n75\n75\n")
			r.want("old", "0 ", "data_in:42:SCRIPT:1:1")
			if n := strings.Count(r.read("calls"), "ready "); n != 4 {
				t.Errorf("asked %d times, want 4:\n%s", n, r.read("calls"))
			}
		})
	}
}

// What goes wrong holds the job, and says why in one line.
func TestBurstBufferFails(t *testing.T) {
	for _, lua := range luas {
		t.Run(lua, func(t *testing.T) {
			r := newLuaRig(t, lua)
			r.write("ready.slurm-hpc-one-42", "3\n")
			const refused = `-1 datagravity: not ready: held by budget "egress": 12.40 USD missing`
			r.want("old", refused, "data_in:42:SCRIPT:1:1")
			r.want("new", refused, "test_data_in:42:SCRIPT:1:1")
			r.write("stage-refuses", "")
			r.want("new", `-1 datagravity: stage: it isn't "wanted" $here`, "data_in:42:SCRIPT:1:1")
			r.write("resolve-fails", "")
			r.want("new", "-1 datagravity: resolve: level=warn msg=late no such job", "test_data_in:44:SCRIPT:1:1")
			conf := r.read("datagravity.conf")
			r.write("datagravity.conf", conf+"refused = wait\n")
			r.want("new", "0 BUSY", "test_data_in:42:SCRIPT:1:1")
			r.write("datagravity.conf", "program = /nowhere/data'gravity\n")
			r.want("new", "-1 datagravity: not ready: /nowhere/data'gravity is not in slurmctld's PATH: set program in datagravity.conf", "test_data_in:42:SCRIPT:1:1")
			r.write("datagravity.conf", conf)
			r.want("new", "-1 datagravity: name: the job id is no number", "test_data_in:4;2:SCRIPT:1:1")
			r.want("new", "-1 datagravity: #BB_LUA: the job script cannot be read", "data_in:42:/nowhere:1:1")
			r.write("slurm.conf", "")
			r.want("new", "-1 datagravity: name: slurm.conf has no ClusterName: set cluster in datagravity.conf", "data_in:42:SCRIPT:1:1")
			r.write("datagravity.conf", conf+"cluster = c\n")
			r.want("new", "-1 datagravity: state: slurm.conf has no StateSaveLocation: set state_dir in datagravity.conf", "test_data_in:43:SCRIPT:1:1")
		})
	}
}

// The check at submission and the parser that registers the job agree on what is well formed.
func TestBurstBufferAgreesWithParser(t *testing.T) {
	heads := map[string]bool{ // whether it is fine
		"": true, "#BB_LUA pool=x capacity=1": true, "#BB_LUA datagravityx": true, "#BB_LUAdatagravity x": true, "date\n#BB_LUA datagravity": true,
		"#BB_LUA datagravity dataset=c4 to=aws":                                                                                 true,
		"#BB_LUA\t datagravity: dataset='c 4';to=aws,gcp\r\n\n# note\n#BB_LUA datagravity=shards=a=b":                           true,
		"#BB_LUA datagravity dataset=c4 shards=a shards=b to=x to=y on-source-change=repin need_by=x priority=1 team=t keep=1h": true,
		"#BB_LUA datagravity dataset=c4 shards='a|b \"q\"'":                                                                     true,
		"#BB_LUA datagravity":                                            false,
		"#BB_LUA datagravity to=aws":                                     false,
		"#BB_LUA datagravity dataset=":                                   false,
		"#BB_LUA datagravity dataset=''":                                 false,
		"#BB_LUA datagravity dataset=c4 ''":                              false,
		"#BB_LUA datagravity dataset=c4 shard=a":                         false,
		"#BB_LUA datagravity dataset=c4 =a":                              false,
		"#BB_LUA datagravity dataset=c4 now":                             false,
		"#BB_LUA datagravity dataset=c4 | shards=a":                      false,
		"#BB_LUA datagravity dataset='c4":                                false,
		"#BB_LUA datagravity dataset=c4\n#BB_LUA datagravity dataset=c4": false,
	}
	for _, lua := range luas {
		t.Run(lua, func(t *testing.T) {
			r := newLuaRig(t, lua)
			for head, fine := range heads {
				script := "#!/bin/sh\n" + head + "\ndate\n"
				r.write("script", script)
				said := r.calls("new", "job_process:SCRIPT:1:1")[0]
				_, _, err := slurm.Directives(strings.NewReader(script))
				if (said == "0 ") != fine || (err == nil) != fine {
					t.Errorf("%q: at submission %q, when it is registered %v", head, said, err)
				}
			}
			if calls := r.read("calls"); calls != "" {
				t.Errorf("a program was run inside slurmctld: %s", calls)
			}
		})
	}
}
