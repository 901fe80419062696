package tests

import (
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/admission"
	"github.com/datagravity/datagravity/kubernetes/internal/cluster"
)

// A token that was revoked is told as that, by the check's condition and an event of who waits; a new one in the same file is used without a restart.
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
	serving := func(reason, words string) bool {
		check := &kueue.AdmissionCheck{}
		if err := c.Client.Get(t.Context(), types.NamespacedName{Name: ns}, check); err != nil {
			t.Fatal(err)
		}
		s := meta.FindStatusCondition(check.Status.Conditions, admission.Serving)
		return s != nil && s.Reason == reason && strings.Contains(s.Message, words)
	}
	c.Until(t, "the condition says that the token is refused", func() bool { return serving("TokenRefused", "datagravity token create") })
	c.Until(t, "an event says so", func() bool { return told(t, c, j, "DataUnknown", "refuses the controller's token") })
	if !suspended(t, c, j) {
		t.Error("the Job goes on")
	}
	if err := os.WriteFile(d.TokenFile, []byte(d.Run("token", "create", "--name", "second", "--scope", "jobs")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Until(t, "the Job goes on with another token", func() bool { return !suspended(t, c, j) && serving("DaemonAnswers", "") })
}
