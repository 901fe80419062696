package sync

import (
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
)

// A receipt whose promise is over goes, and one that still holds stays.
func TestEndedReceiptsAreCollected(t *testing.T) {
	r := newRig(t)
	s := r.open()
	defer r.close()
	now := s.Manifest.Now()
	for id, until := range map[string]time.Time{"over": now.Add(-48 * time.Hour), "lately": now.Add(-time.Hour), "live": now.Add(time.Hour), "for-ever": {}} {
		receipt := jobs.JobReceipt{Job: id, Destination: "s3-east", Dataset: "c4", Snapshot: chunker.Digest{1}, Time: now.Add(-72 * time.Hour), KeepUntil: until}
		if err := jobs.WriteJobReceipt(t.Context(), r.dest, receipt, []jobs.JobShard{{Path: "a.tar", Bytes: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, dryRun := range []bool{true, false} {
		list, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 24*time.Hour, dryRun)
		if err != nil || len(list) != 1 || list[0].Removed == dryRun || list[0].Key != ".datagravity/jobs/over/s3-east/receipt.json" {
			t.Errorf("%+v, %v", list, err)
		}
	}
	left, err := jobs.JobReceipts(t.Context(), r.dest)
	if err != nil || len(left) != 3 {
		t.Errorf("%+v, %v", left, err)
	}
}
