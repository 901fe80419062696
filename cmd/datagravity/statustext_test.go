package main

import (
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

func TestStatusText(t *testing.T) {
	began := time.Unix(1000, 0)
	one := dispatch.Move{Job: "4242", Source: "training", Destination: "lab", Began: began}
	link := observe.Link{Source: "training", Destination: "lab", Shards: 512, DoneShards: 37, Last: began.Add(time.Second)}
	older, reading := link, link
	older.Last = began.Add(-time.Second)
	reading.Destination, reading.Shards, reading.DoneShards = "", 9, 2
	for _, c := range []struct {
		moves []dispatch.Move
		links []observe.Link
		uses  []cost.Use
		want  string
	}{
		{[]dispatch.Move{one}, []observe.Link{link}, []cost.Use{
			{Budget: cost.Budget{Name: "small", LimitNanoUSD: 500 * cost.USD}, Settled: 12 * cost.USD, Reserved: 400_000_000},
		}, "37 of 512 shards for job 4242, $12.40 of $500"},
		{[]dispatch.Move{one, one}, []observe.Link{reading, link}, nil, "37 of 512 shards for job 4242 and 1 more job"},
		{[]dispatch.Move{one, one, one}, []observe.Link{reading}, nil, "2 of 9 shards for job 4242 and 2 more jobs"},
		{[]dispatch.Move{one}, []observe.Link{older}, []cost.Use{
			{Budget: cost.Budget{Name: "small", LimitNanoUSD: 500 * cost.USD}, Settled: 12 * cost.USD},
			{Budget: cost.Budget{Name: "bytes", LimitBytes: 4 << 30}, SettledBytes: 3 << 30},
		}, "looking what job 4242 lacks at lab, 3.0 GiB of 4.0 GiB (bytes)"},
	} {
		if got := movesText(c.moves, c.links) + budgetText(c.uses); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
