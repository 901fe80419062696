package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
)

const (
	// stageMilliseconds is what a hook may be held up.
	stageMilliseconds = 100
	// stagesOfARun are declared one after the other: each new job has the daemon plan anew while the next one comes.
	stagesOfARun = 10
)

// staged declares jobs where there are 10,000 already, alone on the manifest and beside a daemon. All links are paused, so that the daemon plans and
// moves nothing. Nobody to compare with.
func staged(ctx context.Context, b *bed) (rows []row, err error) {
	src, err := serve(newLister(azurePage))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	dst, err := serve(&emptyBucket{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dst.close()) }()
	a, err := b.newAgent(listedPlace(src.addr), place{
		url:      "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape("http://"+dst.addr),
		location: "aws:us-east-1",
	})
	if err != nil {
		return nil, err
	}
	shards, jobs := int(b.scaled(upcomingShards)), int(b.scaled(upcomingJobs))
	b.say("  writing a manifest of %d jobs over %d shards", jobs, shards)
	if err := upcoming(filepath.Join(a.dir, "state"), shards, jobs); err != nil {
		return nil, err
	}
	if _, err := a.command("pause").run(ctx); err != nil {
		return nil, err
	}
	s := stages{agent: a, jobs: jobs}
	if err := s.several(ctx, "alone"); err != nil {
		return nil, err
	}
	d, err := a.daemon(ctx)
	if err != nil {
		return nil, err
	}
	defer d.ending(b, &err)
	if err := s.several(ctx, "beside a daemon"); err != nil {
		return nil, err
	}
	if err := s.expectAll(ctx); err != nil {
		return nil, err
	}
	return append(s.rows, noted(fmt.Sprintf("a daemon with %d jobs over %d shards, none of which move: peak RssAnon", jobs, shards), "MiB",
		float64(d.peak())/(1<<20))), nil
}

// listedPlace is a container of a lister.
func listedPlace(addr string) place {
	return place{
		url:      "azblob://listed?protocol=http&localemu=true&storage_account=devstoreaccount1&domain=" + url.QueryEscape(addr),
		location: "azure:eastus",
	}
}

// stages are jobs that are declared.
type stages struct {
	*agent
	jobs int // that there are
	rows []row
}

// several declares new jobs, one after the other, and each once more.
func (s *stages) several(ctx context.Context, how string) error {
	var first, again, cpu []float64
	for i := range stagesOfARun {
		id := fmt.Sprintf("job-%05d", s.jobs)
		s.jobs++
		for n, took := range []*[]float64{&first, &again} {
			u, err := s.command("stage", datasetName, "--to", "site", "--job", id, "--shards", "0001/*.tar", "--need-by", "+4h").run(ctx)
			if err != nil {
				return err
			}
			var list []struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(u.stdout, &list); err != nil || len(list) != 1 || list[0].ID != id {
				return errors.Join(fmt.Errorf("stage printed %s, want job %s", lastLines(string(u.stdout)), id), err)
			}
			s.bed.say("  stage %s, %d of %d, time %d: %s", how, i+1, stagesOfARun, n+1, u)
			*took, cpu = append(*took, milliseconds(u)), append(cpu, cpuMilliseconds(u))
		}
	}
	name := fmt.Sprintf("stage %s, %d jobs in the manifest: ", how, s.jobs)
	tell := func(what string, took []float64) {
		s.rows = append(s.rows, alone(fmt.Sprintf("%s%s, median of %d", name, what, len(took)), "ms", median(took), stageMilliseconds),
			noted(name+what+", worst", "ms", slices.Max(took)))
	}
	tell("a new job", first)
	tell("the same job again", again)
	s.rows = append(s.rows, noted(name+"CPU of the process, median", "ms", median(cpu)))
	return nil
}

// expectAll wants every job to be listed.
func (s *stages) expectAll(ctx context.Context) error {
	u, err := s.command("jobs", "list").run(ctx)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(u.stdout, &list); err != nil {
		return fmt.Errorf("jobs list: %w", err)
	}
	if len(list) != s.jobs {
		return fmt.Errorf("jobs list has %d jobs, want %d", len(list), s.jobs)
	}
	s.rows = append(s.rows, noted(fmt.Sprintf("jobs list beside a daemon, %d jobs", s.jobs), "ms", milliseconds(u)))
	return nil
}
