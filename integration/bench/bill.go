package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	billRows = 1_000_000
	// billSeconds and billMemoryMiB are what comparing so many rows may take.
	billSeconds   = 60
	billMemoryMiB = 300
	// billShards is how many lines the ledger has for each link.
	billShards = 10_000
)

// newCostBed has the program and no servers: the area measures what is done with money.
func newCostBed(ctx context.Context, out io.Writer, o options) (b *bed, err error) {
	if b, err = emptyBed(out, o); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// reconciled compares a bill of a million rows with a ledger, from a plain file and from a gzipped one. The rows are those of the public
// FOCUS sample over and over, each with a resource of its own. Nobody to compare with.
func reconciled(ctx context.Context, b *bed) ([]row, error) {
	want := b.scaled(billRows)
	plain := filepath.Join(b.dir, "bill.csv")
	b.say("  writing a bill of %d rows", want)
	if err := writeBill(plain, want); err != nil {
		return nil, err
	}
	zipped := plain + ".gz"
	if err := gzipFile(zipped, plain); err != nil {
		return nil, err
	}
	a, err := b.newAgent(
		place{url: "azblob://lake?storage_account=exampleaccount", location: "azure:eastus"},
		place{url: "s3://site?region=us-west-2", location: "aws:us-west-2"},
	)
	if err != nil {
		return nil, err
	}
	if err := writeLedger(filepath.Join(a.dir, "state")); err != nil {
		return nil, err
	}
	var rows []row
	for _, form := range []struct{ name, path string }{{"plain", plain}, {"gzip", zipped}} {
		var seconds, peak float64
		for run := range min(b.runs, fewRuns) + 1 {
			u, err := a.command("cost", "reconcile", "--focus", form.path).run(ctx)
			if err != nil {
				return nil, err
			}
			if err := expectReconciled(u, want); err != nil {
				return nil, err
			}
			if run == 0 {
				continue // warm-up
			}
			seconds, peak = max(seconds, wallSeconds(u)), max(peak, peakMiB(u))
			b.say("  %s run %d: %.1f s, %.0f MiB", form.name, run, u.wall.Seconds(), mib(u.peakAnonBytes))
		}
		name := fmt.Sprintf("bill of %d rows beside the ledger, %s", want, form.name)
		rows = append(rows, alone(name, "s", seconds, billSeconds), alone(name+": memory", "MiB", peak, billMemoryMiB))
	}
	return rows, nil
}

// expectReconciled looks at what a run printed: it must have read every row.
func expectReconciled(u usage, want int64) error {
	var r struct {
		Rows        int64 `json:"rows"`
		Comparisons []struct {
			OursBytes int64 `json:"ours_bytes"`
			Billed    int64 `json:"billed_bytes"`
		} `json:"comparisons"`
	}
	if err := json.Unmarshal(u.stdout, &r); err != nil {
		return fmt.Errorf("cost reconcile --json: %w", err)
	}
	compared := 0
	for _, c := range r.Comparisons {
		if c.OursBytes > 0 && c.Billed > 0 {
			compared++
		}
	}
	if r.Rows != want || compared != 2 {
		return fmt.Errorf("cost reconcile read %d rows, want %d, and compared %d meters, want 2", r.Rows, want, compared)
	}
	return nil
}

// writeBill writes the public sample's rows again and again.
func writeBill(path string, rows int64) (err error) {
	header, sample, err := readSample()
	if err != nil {
		return err
	}
	resource := slices.Index(header, "ResourceId")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := csv.NewWriter(bufio.NewWriterSize(file, 1<<20))
	if err := w.Write(header); err != nil {
		return err
	}
	for n := range rows {
		r := slices.Clone(sample[n%int64(len(sample))])
		r[resource] = fmt.Sprintf("arn:aws:ec2:us-west-2:1:instance/i-%012x", n)
		if err := w.Write(r); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func readSample() (header []string, rows [][]string, err error) {
	file, err := os.Open(filepath.Join("pkg", "cost", "bill", "testdata", "focus_sample_1.0.csv.gz"))
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, nil, err
	}
	all, err := csv.NewReader(z).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	return all[0], all[1:], nil
}

func gzipFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer func() { err = errors.Join(err, in.Close(), out.Close()) }()
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = io.Copy(z, in)
	return errors.Join(err, z.Close())
}

// writeLedger makes a manifest whose ledger has lines of the sample's month over two links that the sample has meters of.
func writeLedger(state string) error {
	m, err := manifest.OpenDir(state, manifest.Options{})
	if err != nil {
		return err
	}
	err = m.Update(func(tx *manifest.Tx) error {
		for _, link := range [][2]string{{"azure:eastus", "aws:us-west-2"}, {"aws:us-west-2", "azure:eastus"}} {
			for n := range billShards {
				err := tx.PutLine(manifest.Line{
					LineKey: manifest.LineKey{
						Month: "2024-09", Dataset: datasetName, Path: fmt.Sprintf("%06d.tar", n), From: link[0], To: link[1], Source: "lake", Dest: "site",
						Activity: "transfer",
					},
					Bytes: 64 << 20, NanoUSD: 5_437_500,
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, m.Close())
}
