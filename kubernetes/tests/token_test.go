package tests

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
	"github.com/datagravity/datagravity/pkg/daemon"
)

// A token that was revoked, or may not do what is asked, is told as that, by the check's condition and an event of who waits; a new one in the same file is used
// without a restart.
func TestTokenRevoked(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	p := c.Controller(t, d, ns)
	p.Leads(c)
	d.Run("token", "revoke", "kubernetes")
	j := plainJob(ns, "train")
	c.Make(t, j)
	c.Until(t, "the condition says that the token is refused", func() bool { return serving(t, c, ns, "TokenRefused", "datagravity token create") })
	c.Until(t, "an event says so", func() bool { return told(t, c, j, "DataUnknown", "refuses the controller's token") })
	if !suspended(t, c, j) {
		t.Error("the Job goes on")
	}
	token(t, d, "looker", "read")
	c.Until(t, "the condition says that the token may not do that", func() bool { return serving(t, c, ns, "TokenRefused", "this token is not for that") })
	if !suspended(t, c, j) {
		t.Error("the Job goes on with a token that may only look")
	}
	token(t, d, "second", "jobs")
	c.Until(t, "the Job goes on with another token", func() bool { return !suspended(t, c, j) && serving(t, c, ns, "DaemonAnswers", "") })
}

// token gives the controller another one.
func token(t *testing.T, d *cluster.Daemon, name, scope string) {
	t.Helper()
	if err := os.WriteFile(d.TokenFile, []byte(d.Run("token", "create", "--name", name, "--scope", scope)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Who uses the controller's token too often is told of by the condition, as the daemon says it; and once that ends, what waits goes on.
func TestTokenUsedTooOften(t *testing.T) {
	c := cluster.Start(t)
	ns := queued(t, c)
	d := cluster.NewDaemon(t, cluster.DaemonOptions{})
	d.Put("a.tar", []byte("shard"))
	d.Run("pause")
	p := c.Controller(t, d, ns)
	j := plainJob(ns, "train")
	c.Make(t, j)
	p.Leads(c)
	secret, err := os.ReadFile(d.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	other, err := daemon.DialTCP(t.Context(), daemon.Remote{URL: d.URL, Token: strings.TrimSpace(string(secret)), CA: d.CA}, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for ctx.Err() == nil {
				_ = other.Ping(ctx) // that it is refused is what is wanted
			}
		})
	}
	c.Until(t, "the condition says that the token is used too often", func() bool { return serving(t, c, ns, "TooManyRequests", "Who else uses the controller's token?") })
	if !suspended(t, c, j) {
		t.Error("the Job goes on")
	}
	stop()
	users.Wait()
	d.Run("resume")
	c.Until(t, "the Job goes on", func() bool { return !suspended(t, c, j) && serving(t, c, ns, "DaemonAnswers", "") })
}
