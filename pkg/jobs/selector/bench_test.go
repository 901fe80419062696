package selector

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkResolve resolves selections of a dataset of a million shards.
func BenchmarkResolve(b *testing.B) {
	m := many(1_000_000)
	var index strings.Builder
	index.WriteString(`{"wids_version":1,"shardlist":[`)
	for i := range 100_000 {
		if i > 0 {
			index.WriteByte(',')
		}
		fmt.Fprintf(&index, `{"url":"train/shard-%06d.tar","nsamples":1000,"filesize":%d}`, i*9, int64(i*9%7+1)<<20)
	}
	index.WriteString("]}")
	m.bytes = map[string][]byte{"z.json": []byte(index.String())}
	m.paths, m.sizes["z.json"] = append(m.paths, "z.json"), int64(index.Len())
	l := &listing{memory: m}
	for _, p := range m.paths {
		l.bytes = append(l.bytes, m.sizes[p])
	}
	for name, terms := range map[string][]string{
		"everything": nil,
		"glob":       {"train/shard-?0*.tar"},
		"braces":     {"train/shard-{000000..099999}.tar"},
		"reversed":   {"train/shard-{099999..000000}.tar"},
		"range":      {"range:0-99999"},
		"first":      {"bytes:400GB"},
		"seed":       {"bytes:400GB seed=7"},
		"index":      {"wids:z.json"},
		"many terms": {"range:0-999", "train/shard-{500000..500999}.tar", "train/shard-0001*", "bytes:1GB seed=1", "list:train/shard-000000.tar"},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := Parse(terms, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Resolve(b.Context(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// listing yields sizes without looking them up, as a listing does.
type listing struct {
	*memory
	bytes []int64
}

func (l *listing) Shards(yield func(string, int64) bool) error {
	for i, p := range l.paths {
		if !yield(p, l.bytes[i]) {
			return nil
		}
	}
	return nil
}
