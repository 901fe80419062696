package spec

import (
	"fmt"
	"strings"
	"testing"
)

// tenThousand jobs as somebody's script would write them: 190 bytes each.
func tenThousand(file string) string {
	var b strings.Builder
	if file == "jobs.json" {
		b.WriteString(`{"jobs": [`)
	}
	for i := range 10_000 {
		if file == "jobs.json" && i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id": "sweep/%05d", "dataset": "c4@1a2b3c4d", "shards": ["train-000%02d-*.tar", "val-*.tar"], "to": ["aws", "lab1"], `+
			`"need_by": "2026-12-01T08:00:00Z", "priority": %d, "value": 1000, "team": "language", "keep": "30d"}`, i, i%100, i%7)
		if file == "jobs.jsonl" {
			b.WriteByte('\n')
		}
	}
	if file == "jobs.json" {
		b.WriteString(`]}`)
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	for _, file := range []string{"jobs.jsonl", "jobs.json"} {
		b.Run(file, func(b *testing.B) {
			text := tenThousand(file)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				jobs, err := Parse(file, strings.NewReader(text))
				if err != nil || len(jobs) != 10_000 {
					b.Fatal(len(jobs), err)
				}
			}
		})
	}
}
