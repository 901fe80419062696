package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// sizes are the averages that rates are measured at, with what our search is to reach there in GB/s on one core.
var sizes = []struct {
	name      string
	avgBytes  int64
	leastRate float64
}{{"64 KiB", 64 << 10, 7}, {"1 MiB", 1 << 20, 10}}

// dataBytes is how much random data rates are measured over, far beyond every cache.
const dataBytes = 512 << 20

// boundaries compares the search for boundaries alone: nothing is hashed but to find them.
func boundaries(s *session) (rows []row, err error) {
	data := corpus.Random(1, s.scaled(dataBytes))
	generic, err := s.genericRates()
	if err != nil {
		return nil, err
	}
	for i, size := range sizes {
		list := []contestant{ownSearch(data, size.name, size.avgBytes)}
		for _, p := range peers {
			chunks, err := p.whole(data, size.avgBytes)
			if err != nil {
				return nil, err
			}
			s.say("%-52s its mean chunk is %.2f of %s", p.name, float64(len(data))/float64(chunks)/float64(size.avgBytes), size.name)
			list = append(list, contestant{p.name, 1, func() error {
				return p.cut(data, size.avgBytes, func([]byte) {})
			}})
		}
		rates, err := s.race(int64(len(data)), list)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("boundaries, %s, 1 core", size.name)
		rows = append(rows, told(name, "GB/s", rates[0]).atLeast(size.leastRate))
		rows = append(rows, told(name+": generic form", "GB/s", generic.Rates[i]).atLeast(1.5))
		for j, p := range peers {
			r := told(name+": to "+p.name, "GB/s", rates[0]).beside(p.name, rates[j+1])
			if p.name == fastCDC.name {
				r = r.ratioAtLeast(4)
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func ownSearch(data []byte, name string, avgBytes int64) contestant {
	return contestant{"ours, " + chunker.Kernel() + ", " + name, 1, func() error {
		return chunker.Boundaries(data, chunker.ParamsFor(chunker.AlgorithmPlain, avgBytes), func(int64) {})
	}}
}

// ownRates are of our boundary search in this process, in the order of sizes.
type ownRates struct {
	Kernel string    `json:"kernel"`
	Rates  []float64 `json:"rates"` // GB/s
}

func (s *session) ownRates() (ownRates, error) {
	data := corpus.Random(1, s.scaled(dataBytes))
	var list []contestant
	for _, size := range sizes {
		list = append(list, ownSearch(data, size.name, size.avgBytes))
	}
	rates, err := s.race(int64(len(data)), list)
	return ownRates{chunker.Kernel(), rates}, err
}

// genericRates asks a child: a process chooses its form of the search once, when it starts.
func (s *session) genericRates() (got ownRates, err error) {
	self, err := os.Executable()
	if err != nil {
		return got, err
	}
	child := exec.Command(self, "-own", "-runs", fmt.Sprint(s.runs), "-scale", fmt.Sprint(s.scale))
	child.Env = append(os.Environ(), "DATAGRAVITY_CHUNKER=generic")
	child.Stderr = os.Stderr
	said, err := child.Output()
	if err != nil {
		return got, fmt.Errorf("the child with the generic form: %w", err)
	}
	if err := json.Unmarshal(said, &got); err != nil {
		return got, fmt.Errorf("the child with the generic form said %q: %w", said, err)
	}
	if got.Kernel != "generic" || len(got.Rates) != len(sizes) {
		return got, fmt.Errorf("the child was to use the generic form for %d sizes, and did %+v", len(sizes), got)
	}
	return got, nil
}
