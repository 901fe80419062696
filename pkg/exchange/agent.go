package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const agentKind = "agent"

// What an agent does in the exchange.
const (
	RoleOrigin = "origin" // it stands beside a source and publishes
	RoleEdge   = "edge"   // it stands elsewhere and reads
)

// Agent is a heartbeat: a running datagravity process tells that it is there.
type Agent struct {
	Datagravity int            `json:"datagravity"` // format version, 1; [Beat] sets it
	Kind        string         `json:"kind"`        // "agent"; Beat sets it
	Name        string         `json:"name"`
	Role        string         `json:"role"`     // [RoleOrigin] or [RoleEdge]
	Location    string         `json:"location"` // as in "aws:us-east-1"
	Version     string         `json:"version"`  // of the program
	Time        time.Time      `json:"time"`     // of this heartbeat, by the agent's clock; UTC, whole seconds
	Check       chunker.Digest `json:"check,omitzero"`
}

func (a Agent) check() error {
	if a.Role != RoleOrigin && a.Role != RoleEdge {
		return fmt.Errorf("it has the role %q, want %s or %s", a.Role, RoleOrigin, RoleEdge)
	}
	return errors.Join(checkName("agent", a.Name), checkText("location", a.Location), checkText("version", a.Version), checkTime(a.Time))
}

func decodeAgent(b []byte) (a Agent, err error) {
	if err = unseal(b, agentKind, &a, &a.Check); err == nil {
		err = a.check()
	}
	if err != nil {
		return Agent{}, err
	}
	return a, nil
}

// Beat writes a heartbeat over the one before. Agents of one name overwrite each other's. Errors: the store's, and what is wrong with a.
func Beat(ctx context.Context, w Writer, a Agent) error {
	a.Datagravity, a.Kind, a.Time = version, agentKind, a.Time.UTC().Truncate(time.Second)
	err := a.check()
	if err == nil {
		var b []byte
		if b, err = seal(&a, &a.Check); err == nil {
			err = put(ctx, w, agentKey(a.Name), b, jsonType, store.Always())
		}
	}
	if err != nil {
		return fmt.Errorf("write the heartbeat of agent %q: %w", a.Name, err)
	}
	return nil
}

// Agents reads all heartbeats, in byte order of their keys; how old one may be is the caller's to decide. Beside those that are good it
// returns [ErrBad] for each that is not; with any other error, the store's, there is no list.
func Agents(ctx context.Context, l Lister) ([]Agent, error) {
	var list []Agent
	var wrong []error
	err := listAll(ctx, l, agentsPrefix, func(o store.Object) error {
		if !strings.HasSuffix(o.Key, agentSuffix) {
			return nil
		}
		if o.Size == 0 || o.Size > maxDocumentBytes {
			wrong = append(wrong, bad(o.Key, agentHint, "it has %d bytes, a heartbeat has 1 to %d", o.Size, maxDocumentBytes))
			return nil
		}
		b, _, found, err := readDocument(ctx, l, o.Key)
		if err != nil || !found || b == nil {
			return err // gone or growing while we look: the next look finds it
		}
		a, err := decodeAgent(b)
		if err == nil && agentKey(a.Name) != o.Key {
			err = fmt.Errorf("it is about agent %q", a.Name)
		}
		if err != nil {
			wrong = append(wrong, bad(o.Key, agentHint, "%w", err))
			return nil
		}
		list = append(list, a)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the heartbeats of agents: %w", err)
	}
	return list, errors.Join(wrong...)
}

const agentHint = "the agent's next heartbeat replaces it; remove it if there is no such agent"
