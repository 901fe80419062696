package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
)

// newChunkerBed has no servers: the area measures pkg/chunker in memory, beside other libraries. They are built into a
// program of their own, integration/peers, so that our module does not depend on them. If it does not build, that is an error.
func newChunkerBed(ctx context.Context, out io.Writer, o options) (b *bed, err error) {
	if b, err = emptyBed(out, o); err != nil {
		return nil, err
	}
	if err := goTool(ctx, "build", "-C", filepath.Join("integration", "peers"), "-trimpath", "-o", b.peers(), "."); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bed) peers() string { return filepath.Join(b.dir, "peers") }

// besidePeers runs one group of rows of integration/peers.
func besidePeers(group string) func(context.Context, *bed) ([]row, error) {
	return func(ctx context.Context, b *bed) ([]row, error) {
		c := exec.CommandContext(ctx, b.peers(), "-only", group, "-runs", fmt.Sprint(b.runs), "-scale", fmt.Sprint(b.scale))
		c.Stderr = b.out // what it says meanwhile
		printed, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("integration/peers: %w", err)
		}
		return adopt(printed)
	}
}

// adopt takes over rows that another program measured and judged. It says in words what its targets limit.
func adopt(printed []byte) ([]row, error) {
	var theirs []struct {
		row
		Limit string `json:"limit"`
	}
	if err := json.Unmarshal(printed, &theirs); err != nil {
		return nil, fmt.Errorf("rows of integration/peers: %w", err)
	}
	rows := make([]row, len(theirs))
	for i, t := range theirs {
		if t.Name == "" || t.Unit == "" || t.PeerName == "" || t.Limit == "" {
			return nil, fmt.Errorf("rows of integration/peers: number %d lacks a name, a unit, a peer's name or a limit: %+v", i, t)
		}
		rows[i] = t.row
		rows[i].limit = t.Limit
	}
	return rows, nil
}
