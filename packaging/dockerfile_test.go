package packaging

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// instruction is one of the Dockerfile's, its continued lines in one.
type instruction struct {
	name, rest string
	stage      int
}

func dockerfile(t *testing.T) (list []instruction) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stage := 0
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.SplitSeq(joined, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if name == "FROM" {
			stage++
		}
		list = append(list, instruction{name, strings.Join(strings.Fields(rest), " "), stage})
	}
	return list
}

// TestDockerfile reads the Dockerfile, because there is no engine here to build it: that it builds is not tested. What is: instructions that there
// are, sources that there are, a last stage with nothing but the program, its files and a user who is not root.
func TestDockerfile(t *testing.T) {
	known := regexp.MustCompile(`^(FROM|WORKDIR|COPY|RUN|ARG|USER|ENV|VOLUME|STOPSIGNAL|ENTRYPOINT|CMD)$`)
	var froms, users []string
	forms := map[string][]string{}
	for _, in := range dockerfile(t) {
		if !known.MatchString(in.name) {
			t.Errorf("what is %s?", in.name)
		}
		switch in.name {
		case "FROM":
			froms = append(froms, in.rest)
		case "USER":
			users = append(users, in.rest)
		case "RUN":
			if in.stage != 1 {
				t.Errorf("RUN in a stage that has no shell: %s", in.rest)
			}
		case "ENTRYPOINT", "CMD":
			var args []string
			if err := json.Unmarshal([]byte(in.rest), &args); err != nil {
				t.Errorf("%s is no list: without a shell it cannot be a line: %v", in.name, err)
			}
			forms[in.name] = args
		case "COPY":
			f := strings.Fields(in.rest)
			if strings.HasPrefix(f[0], "--from=build") {
				continue
			}
			for _, source := range f[:len(f)-1] {
				if _, err := os.Stat(filepath.Join("..", source)); err != nil {
					t.Errorf("COPY of what is not there: %v", err)
				}
			}
		}
	}
	if len(froms) != 2 || froms[1] != "scratch" || !strings.Contains(froms[0], "golang:1.26") {
		t.Errorf("stages: %q", froms)
	}
	if len(users) != 1 || users[0] != "65532:65532" {
		t.Errorf("users: %q", users)
	}
	if strings.Join(forms["ENTRYPOINT"], " ") != "/datagravity" || len(forms["CMD"]) == 0 || forms["CMD"][0] != "daemon" {
		t.Errorf("it runs %q", forms)
	}
}

// The image's program is built with the flags that make has, or the same commit would not give the same bytes.
func TestDockerfileBuildsAsMakeDoes(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?m)^export GOFLAGS := \$\(GOFLAGS\) (.*)$`).FindSubmatch(makefile)
	ldflags := regexp.MustCompile(`(?m)^LDFLAGS +:= (.*)$`).FindSubmatch(makefile)
	if flags == nil || ldflags == nil {
		t.Fatal("the Makefile has no flags that are found")
	}
	want := []string{"go build " + string(flags[1]), `-ldflags "` + regexp.MustCompile(`\$\((\w+)\)`).ReplaceAllString(string(ldflags[1]), "$$$1") + `"`, "CGO_ENABLED=0"}
	var build string
	for _, in := range dockerfile(t) {
		if in.name == "RUN" && strings.Contains(in.rest, "go build") {
			build = in.rest
		}
	}
	for _, w := range want {
		if !strings.Contains(build, w) {
			t.Errorf("no %q in %q", w, build)
		}
	}
}

// The commands that lay out the image's files are run here, with another folder for /out.
func TestDockerfileLaysOutFiles(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not tested: only root can give a directory to another user")
	}
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		missing(t, "there are no certificates here: %v", err)
	}
	root := t.TempDir()
	for _, in := range dockerfile(t) {
		if in.name != "RUN" || !strings.Contains(in.rest, "/out/root") {
			continue
		}
		cmd := exec.Command("sh", "-ec", strings.ReplaceAll(in.rest, "/out/root", root))
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for path, mode := range map[string]string{"var/lib/datagravity": "drwx------", "run/datagravity": "drwx------", "tmp": "dtrwxrwxrwx",
		"etc/datagravity/datagravity.yaml": "-rw-r--r--", "etc/ssl/certs/ca-certificates.crt": "-rw-r--r--"} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil || info.Mode().String() != mode {
			t.Errorf("%s: %v, %v; want %s", path, info, err, mode)
		}
	}
}
