package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
)

// apiLab is a lab whose daemon also answers over TCP.
func apiLab(t *testing.T) (config, state, addr string) {
	t.Helper()
	config, state = lab(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\napi: {listen: \"" + addr + "\"}\nbudgets:\n  - {name: all, window: month, usd: 100}\n"); err != nil {
		t.Fatal(err)
	}
	return config, state, addr
}

// A laptop without a configuration asks the daemon elsewhere what its token lets it ask, by the same commands.
func TestCommandsOverTCP(t *testing.T) {
	config, state, addr := apiLab(t)
	end := holding(t, config, state, "daemon")
	defer end()
	makeToken := func(name, scope string) string {
		exit, out, errs := said(context.Background(), "--config", config, "token", "create", "--name", name, "--scope", scope)
		if exit != 0 || !strings.HasPrefix(out, "dg_") || !strings.Contains(errs, "not shown again") {
			t.Fatalf("token create: %d %q %q", exit, out, errs)
		}
		return strings.TrimSpace(out)
	}
	reader, worker, payer := makeToken("reader", "read"), makeToken("worker", "jobs"), makeToken("payer", "budget,read")
	cert := filepath.Join(state, "api-certificate.pem")
	c, err := daemon.DialTCP(context.Background(), daemon.Remote{URL: "https://" + addr, Token: reader, CA: cert}, "v1")
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Overview(context.Background())
	if err != nil || len(o.Datasets) != 1 || len(o.Budgets) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	boss, err := daemon.DialTCP(context.Background(), daemon.Remote{URL: "https://" + addr, Token: makeToken("boss", "admin"), CA: cert}, "v1")
	if err != nil {
		t.Fatal(err)
	}
	timers, err := boss.Timers(context.Background())
	if err != nil || len(timers) == 0 {
		t.Fatalf("timers: %v, %v", timers, err)
	}
	if err := boss.RunTimer(context.Background(), "nothing"); !errors.Is(err, daemon.ErrNoTimer) {
		t.Errorf("a timer that there is not: %v", err)
	}
	if err := c.RunTimer(context.Background(), timers[0].Name); !errors.Is(err, daemon.ErrScope) {
		t.Errorf("a timer with read alone: %v", err)
	}
	if err := boss.RunTimer(context.Background(), timers[0].Name); err != nil {
		t.Errorf("run %s: %v", timers[0].Name, err)
	}
	for ran := false; !ran; { // it is done soon, and not in the hour that it would be
		now, err := boss.Timers(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ran = now[0].Last != nil
		time.Sleep(10 * time.Millisecond)
	}
	if changed, err := boss.Reload(context.Background()); err != nil || len(changed) != 0 {
		t.Errorf("reload: %v, %v", changed, err)
	}
	t.Chdir(t.TempDir()) // where there is no configuration
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv(apiVariable, "https://"+addr)
	t.Setenv(apiCAVariable, cert)
	for _, q := range []struct {
		token, want string
		exit        int
		args        []string
	}{
		{reader, "", 0, []string{"jobs", "list"}},
		{reader, "need list", 77, []string{"need", "add", "c4", "--to", "slow"}},
		{worker, "c4 -> slow", 0, []string{"need", "add", "c4", "--to", "slow", "--need-by", "2030-01-01T00:00:00Z"}},
		{reader, "c4 -> slow", 0, []string{"need", "list"}},
		{worker, "no open need", 0, []string{"need", "remove", "c4", "--to", "slow"}},
		{worker, `unknown dataset "c5"; did you mean "c4"?`, 2, []string{"need", "add", "c5", "--to", "slow"}},
		{worker, `train-7`, 0, []string{"jobs", "add", "train-7", "--dataset", "c4", "--to", "near"}},
		{reader, `"id": "train-7"`, 0, []string{"jobs", "list", "--json"}},
		{reader, "no such job", 2, []string{"ready", "--job", "none"}},
		{worker, "paused: slow", 0, []string{"pause", "--link", "slow"}},
		{worker, "nothing is paused", 0, []string{"resume"}},
		{worker, "wants a token with scope budget", 77, []string{"budget", "approve", "--budget", "all", "--extra", "5", "--reason", "why", "--expires", "24h"}},
		{payer, "by token payer", 0, []string{"budget", "approve", "--budget", "all", "--extra", "5", "--reason", "why", "--expires", "24h"}},
		{reader, "by token payer", 0, []string{"budget", "approvals"}},
		{reader, "all ", 0, []string{"budget"}},
		{reader, "counts everything", 0, []string{"budget", "show", "all"}},
		{reader, "nothing is granted", 0, []string{"budget", "grants"}},
		{reader, "nothing is pinned", 0, []string{"pins"}},
		{reader, "[", 0, []string{"snapshot", "list", "--json"}},
		{"dg_wrong", "no token that counts", 77, []string{"jobs", "list"}},
		{"", "DATAGRAVITY_TOKEN", 1, []string{"jobs", "list"}},
		{worker, "works on this machine alone", 2, []string{"--api", "https://" + addr, "sync", "c4", "--to", "near"}},
	} {
		t.Setenv(tokenVariable, q.token)
		exit, out, errs := said(context.Background(), q.args...)
		if exit != q.exit || q.exit == 0 && !strings.Contains(out, q.want) || strings.Contains(out+errs, "dg_") && q.token != "" {
			t.Errorf("%v: exit code %d, want %d; %q %q, want %q", q.args, exit, q.exit, out, errs, q.want)
		}
		if q.exit != 0 && q.want != "need list" && !strings.Contains(errs, q.want) {
			t.Errorf("%v: %q, want %q", q.args, errs, q.want)
		}
	}
	t.Setenv(apiVariable, "")
	exit, out, _ := said(context.Background(), "--config", config, "token", "list", "--json")
	var list []tokenJSON
	if err := json.Unmarshal([]byte(out), &list); err != nil || exit != 0 || len(list) != 4 || list[1].Name != "payer" || list[1].State != "live" {
		t.Errorf("token list: %d %s", exit, out)
	}
	if exit, out, _ := said(context.Background(), "--config", config, "token", "revoke", "reader"); exit != 0 || out != "revoked: reader\n" {
		t.Errorf("token revoke: %d %q", exit, out)
	}
	if _, err := c.List(context.Background()); err == nil || !strings.Contains(err.Error(), "it was revoked") {
		t.Errorf("a revoked token: %v", err)
	}
	if exit, _, errs := said(context.Background(), "--config", config, "token", "revoke", "reader"); exit != 2 || !strings.Contains(errs, "no such token") {
		t.Errorf("twice: %d %q", exit, errs)
	}
	if exit, _, errs := said(context.Background(), "--config", config, "token", "create", "--name", "x", "--scope", "all"); exit != 2 || !strings.Contains(errs, "want one or more of read") {
		t.Errorf("a scope that there is not: %d %q", exit, errs)
	}
}
