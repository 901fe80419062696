package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asProgram has the test's own program be the controller.
const asProgram = "DATAGRAVITY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// execute the program, in an environment that knows no cluster.
func execute(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var said, complained strings.Builder
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = []string{asProgram + "=1", "HOME=" + t.TempDir()}
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String(), complained.String()
}

// A mistake on the command line ends the program with 2, before anything is asked, and the message names the flag and what it takes.
func TestUsageErrors(t *testing.T) {
	right := []string{"--cluster=lab", "--daemon=https://dg.example:8443", "--daemon-token-file=token"}
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"unknown flag":       {[]string{"--nope"}, []string{"-nope"}},
		"not a duration":     {[]string{"--pending=soon"}, []string{`"soon"`, "-pending"}},
		"too short":          {[]string{"--retry=1s"}, []string{"--retry 1s: want 10s or more"}},
		"no presence":        {[]string{"--kueue=maybe"}, []string{"-kueue", "want yes, no or auto"}},
		"no level":           {[]string{"--log-level=loud"}, []string{"-log-level", `"loud"`}},
		"no cluster":         {[]string{"--cluster="}, []string{"--cluster", "give this cluster a name"}},
		"several namespaces": {[]string{"--namespace=a,b"}, []string{"-namespace", "repeat the flag"}},
		"an argument":        {[]string{"lab"}, []string{`"lab": there are no arguments`}},
		"a plain URL":        {[]string{"--daemon=http://dg.example"}, []string{"--daemon", `"http://dg.example": want https://HOST:PORT`}},
		"two daemons":        {[]string{"--daemon-socket=/run/dg"}, []string{"--daemon", "or the path of its socket"}},
		"no token":           {[]string{"--daemon-token-file="}, []string{"--daemon", "datagravity token create"}},
		"no fingerprint":     {[]string{"--daemon-fingerprint=abc"}, []string{"--daemon", "64 hex digits"}},
		"nothing to do":      {[]string{"--kueue=no", "--release=false"}, []string{"leave nothing to do"}},
		"two mistakes":       {[]string{"--poll=1ms", "--requests-per-second=0"}, []string{"--poll 1ms", "--requests-per-second 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := execute(t, append(right, c.args...)...)
			if code != exitUsage || out != "" || strings.Count(errs, "datagravity-kubernetes: ") != 1 || !strings.HasSuffix(errs, "; see datagravity-kubernetes --help\n") {
				t.Errorf("exit code %d, %q, %q", code, out, errs)
			}
			for _, words := range c.says {
				if !strings.Contains(errs, words) {
					t.Errorf("it does not say %s: %q", words, errs)
				}
			}
		})
	}
	// What is right comes further: to the cluster, which is not there.
	if code, _, errs := execute(t, right...); code != exitFailed || !strings.Contains(errs, "find the API server of the cluster") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, out, errs := execute(t, "--help"); code != exitOK || !strings.Contains(out, "-daemon-token-file") || !strings.Contains(out, "Exit codes: 0") || errs != "" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}
