package cluster

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// auditPolicy has the API server write down each request of a service account that would change something, once it was answered.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Request, userGroups: ["system:serviceaccounts"], verbs: [patch], resources: [{group: kueue.x-k8s.io, resources: [workloads/status]}]}
  - {level: Metadata, userGroups: ["system:serviceaccounts"], verbs: [create, update, patch, delete, deletecollection]}
  - {level: None}
`

// audit has the API server that is about to be started keep its log.
func (c *Cluster) audit() error {
	policy := filepath.Join(c.dir, "audit-policy.yaml")
	c.auditLog = filepath.Join(c.dir, "audit.log")
	c.env.ControlPlane.GetAPIServer().Configure().Set("audit-policy-file", policy).Set("audit-log-path", c.auditLog)
	return os.WriteFile(policy, []byte(auditPolicy), 0o600)
}

// Write is a request that would change something, as the API server counts it: also one that it refused.
type Write struct {
	Verb     string // create, update, patch or delete
	Resource string // with its subresource: workloads/status
	Object   string // NAMESPACE/NAME
	Status   int    // of the answer
	Said     string // the message that a Workload's entry was given
	At       time.Time
}

// Writes are those of the controller so far, in their order. One that was answered a moment ago may be missing.
func (p *Controller) Writes() (list []Write) {
	p.t.Helper()
	text, err := os.ReadFile(p.cluster.auditLog)
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var e struct {
			Verb           string
			User           struct{ Username string }
			ObjectRef      struct{ Resource, Subresource, Namespace, Name string }
			ResponseStatus struct{ Code int }
			RequestObject  struct {
				Status struct {
					AdmissionChecks []struct{ State, Message string }
				}
			}
			RequestReceivedTimestamp time.Time
		}
		if err := json.Unmarshal(line, &e); err != nil {
			p.t.Fatalf("the audit log: %v\n%s", err, line)
		}
		if e.User.Username != p.user {
			continue
		}
		of := strings.TrimSuffix(e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource, "/")
		w := Write{Verb: e.Verb, Resource: of, Object: e.ObjectRef.Namespace + "/" + e.ObjectRef.Name, Status: e.ResponseStatus.Code, At: e.RequestReceivedTimestamp}
		for _, c := range e.RequestObject.Status.AdmissionChecks {
			w.Said = c.State + ": " + c.Message
		}
		list = append(list, w)
	}
	return list
}
