package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// apiMilliseconds is what 99 of 100 answers may take while data moves.
	apiMilliseconds = 20
	// apiPerSecond are asked, whether the ones before are answered or not, for apiSeconds.
	apiPerSecond = 100
	apiSeconds   = 20
	// apiShards of apiShardBytes each are moved meanwhile, no faster than apiBandwidth.
	apiShards     = 64
	apiShardBytes = 32 << 20
	apiBandwidth  = "400Mbit/s"
)

// apiAnswers asks a daemon a hundred times a second while it moves data, over its socket and each time over a new connection, as the commands do. Nobody to compare with.
func apiAnswers(ctx context.Context, b *bed) (rows []row, err error) {
	from, to := b.filePlace(), b.filePlace()
	if err := writeShards(filepath.Join(from.bucket, datasetName), int(b.scaled(apiShards))); err != nil {
		return nil, err
	}
	a, err := b.newAgent(from, to)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(a.configPath, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(f, "links:\n  - {to: site, bandwidth: [%s]}\n", apiBandwidth)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	d, err := a.daemon(ctx)
	if err != nil {
		return nil, err
	}
	defer d.ending(b, &err)
	if _, err := a.command("stage", datasetName, "--to", "site", "--job", "moving").run(ctx); err != nil {
		return nil, err
	}
	c, err := daemon.Dial(ctx, filepath.Join(a.dir, "state", "api.sock"), "bench")
	if err != nil {
		return nil, err
	}
	if err := moving(ctx, c); err != nil {
		return nil, err
	}
	took, err := apiLoad(ctx, c)
	if err != nil {
		return nil, err
	}
	links, err := c.Links(ctx)
	if err != nil || len(links) == 0 || links[0].BytesPerSecond == 0 {
		return nil, errors.Join(fmt.Errorf("nothing moved meanwhile: %+v", links), err)
	}
	all := slices.Concat(took[:]...)
	b.say("  %d answers while %d MiB/s moved", len(all), links[0].BytesPerSecond>>20)
	name := fmt.Sprintf("API, %d requests/s while a daemon moves %d MiB/s: ", apiPerSecond, links[0].BytesPerSecond>>20)
	rows = append(rows, alone(name+"p99", "ms", quantile(all, 0.99), apiMilliseconds), noted(name+"median", "ms", quantile(all, 0.5)), noted(name+"worst", "ms", slices.Max(all)))
	for i, q := range apiQuestions {
		rows = append(rows, noted(name+q.name+", p99", "ms", quantile(took[i], 0.99)))
	}
	return rows, nil
}

// apiQuestions are asked in turn.
var apiQuestions = [...]struct {
	name string
	ask  func(ctx context.Context, c *daemon.Client) error
}{
	// What takes no time here takes what the machine takes.
	{"health", func(ctx context.Context, c *daemon.Client) error { return c.Ping(ctx) }},
	{"overview", func(ctx context.Context, c *daemon.Client) error { _, err := c.Overview(ctx); return err }},
	{"jobs", func(ctx context.Context, c *daemon.Client) error { _, err := c.List(ctx); return err }},
	{"a job", func(ctx context.Context, c *daemon.Client) error { _, err := c.Show(ctx, "moving", false); return err }},
	{"transfers", func(ctx context.Context, c *daemon.Client) error { _, err := c.Transfers(ctx); return err }},
	{"budgets", func(ctx context.Context, c *daemon.Client) error { _, err := c.Budgets(ctx); return err }},
	{"spend", func(ctx context.Context, c *daemon.Client) error {
		_, err := c.Spend(ctx, observe.SpendQuery{By: "link"})
		return err
	}},
	{"needs", func(ctx context.Context, c *daemon.Client) error { _, err := c.Needs(ctx); return err }},
}

// writeShards writes files of bytes that nothing is like.
func writeShards(dir string, count int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	buf := make([]byte, apiShardBytes)
	for i := range count {
		_, _ = rand.Read(buf[:1<<20])
		for at := 1 << 20; at < len(buf); at += 1 << 20 { // each piece is another one, and none takes long to make
			copy(buf[at:at+1<<20], buf[:1<<20])
			buf[at], buf[at+1] = byte(at>>20), byte(i)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.bin", i)), buf, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// moving waits until something moves.
func moving(ctx context.Context, c *daemon.Client) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		links, err := c.Links(ctx)
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.MovedBytes > 0 && l.Destination != "" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sampleEvery):
		}
	}
	return errors.New("nothing moves after a minute")
}

// apiLoad asks at a steady rate and returns how long each answer took, in milliseconds, by question.
func apiLoad(ctx context.Context, c *daemon.Client) (took [len(apiQuestions)][]float64, err error) {
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / apiPerSecond)
	defer tick.Stop()
	for i := range apiPerSecond * apiSeconds {
		<-tick.C
		all.Go(func() {
			q := i % len(apiQuestions)
			began := time.Now()
			failed := apiQuestions[q].ask(ctx, c)
			ms := float64(time.Since(began).Microseconds()) / 1000
			mu.Lock()
			defer mu.Unlock()
			took[q] = append(took[q], ms)
			if failed != nil {
				errs = append(errs, fmt.Errorf("%s: %w", apiQuestions[q].name, failed))
			}
		})
	}
	all.Wait()
	return took, errors.Join(errs...)
}

// quantile of a list that is not empty.
func quantile(list []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
