package sync

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// A link's limit holds for all that crosses it, whatever the number of streams and the size of the shards, and a change of it
// counts at once for what waits.
func TestLinkLimitHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.source = mem.New(mem.Options{})
		r.src.Store = r.source
		r.put("big.bin", data(1, 20<<20))
		for _, path := range []string{"a", "b", "c"} {
			r.put(path, data(2, 1<<20))
		}
		table := func(lines ...string) *pace.Timetable {
			t.Helper()
			parsed, err := pace.ParseTimetable(lines, "UTC")
			if err != nil {
				t.Fatal(err)
			}
			return parsed
		}
		limit := pace.Limit{Name: "limit", Covers: func(l pace.Link) bool { return l.Dest == "s3-east" }, Table: table("8Mbit/s")}
		links := pace.NewLinks([]pace.Limit{limit}, time.Now)
		r.options.Links = links
		time.AfterFunc(10*time.Second, func() {
			limit.Table = table("80Mbit/s")
			links.Reload([]pace.Limit{limit})
		})
		start := time.Now()
		r.mustSync()
		// 10 s at 1 MB/s, the rest at 10 MB/s; a second's worth may go at once.
		const total = 23 << 20
		want := 10*time.Second + time.Duration(float64(total-10e6)/10e6*float64(time.Second))
		if took := time.Since(start); took < want-2*time.Second || took > want+2*time.Second {
			t.Errorf("it took %v, want about %v", took, want)
		}
		r.equal()
	})
}
