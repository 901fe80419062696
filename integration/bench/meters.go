package main

import (
	"errors"

	"github.com/datagravity/datagravity/internal/netem"
)

// meters count what passes at both ends of a sync.
type meters struct{ source, dest *netem.Meter }

func (b *bed) openMeters() (meters, error) {
	src, err := netem.StartMeter(b.azure.Addr())
	if err != nil {
		return meters{}, err
	}
	dst, err := netem.StartMeter(b.s3.Addr())
	if err != nil {
		return meters{}, errors.Join(err, src.Close())
	}
	return meters{src, dst}, nil
}

// passed is what went through both meters.
type passed struct{ source, dest netem.Counts }

func (m meters) counts() passed { return passed{m.source.Counts(), m.dest.Counts()} }

func (p passed) sub(earlier passed) passed {
	return passed{p.source.Sub(earlier.source), p.dest.Sub(earlier.dest)}
}

func (m meters) close() error { return errors.Join(m.source.Close(), m.dest.Close()) }
