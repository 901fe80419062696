package integration

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
)

// rclone 3456, arrow-rs-object-store 309: "Egress is over the account limit" ends a transfer, or makes a storm of requests. Both
// services refuse three requests in ten, half of them with Retry-After, all the time: the sync ends well, no part is asked for
// more than twice as often as it must be, and every object is right.
func TestServicesThatRefuseAThirdOfTheRequests(t *testing.T) {
	r := newRig(t, "4MiB")
	refuser := func(addr string, o netem.RefuserOptions) *netem.Refuser {
		o.Share = 0.3
		f, err := netem.StartRefuser(addr, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = f.Close(ctx) // idle connections of the program may outlive it
		})
		return f
	}
	azure := refuser(emutest.Azurite(t).Addr(), netem.RefuserOptions{Seed: 1, Part: netem.ReadRange, Answer: netem.AzureBusy})
	aws := refuser(emutest.S3(t).Addr(), netem.RefuserOptions{Seed: 2, Part: netem.UploadedPart})
	r.write("datagravity.yaml", fmt.Sprintf(config, "4MiB", azure.Through(r.urls["azure"]), aws.Through(r.urls["s3"]), r.urls["gcs"],
		filepath.Join(r.dir, "lab")))
	for i := range 3 {
		r.put(fmt.Sprintf("big-%d.tar", i), random(uint64(i), 20<<20+i))
	}
	for i := range 8 {
		r.put(fmt.Sprintf("small-%02d.tar", i), random(uint64(100+i), 50_000))
	}
	if rep := r.sync("s3"); !rep.Ready {
		t.Errorf("%+v", rep)
	}
	r.equal("s3")
	for name, f := range map[string]*netem.Refuser{"azure": azure, "s3": aws} {
		c := f.Counts()
		t.Logf("%s: %+v", name, c)
		if c.Refused*10 < c.Requests*2 || c.Parts < 15 {
			t.Errorf("%s refused too little to prove anything: %+v", name, c)
		}
		if c.Attempts > 2*c.Parts {
			t.Errorf("%s: %d requests for %d parts", name, c.Attempts, c.Parts)
		}
	}
	uploads, err := r.dests["s3"].ListUploads(context.Background(), "")
	if err != nil || len(uploads) != 0 {
		t.Errorf("left open: %v, %v", uploads, err)
	}
}

// A refusal that is meant is not tried again: keys without a right to the bucket end a sync at once, with the exit code that says so.
func TestForbiddenIsNotTriedAgain(t *testing.T) {
	r := newRig(t, "4MiB")
	r.put("a.tar", random(1, 100_000))
	f, err := netem.StartRefuser(emutest.S3(t).Addr(), netem.RefuserOptions{Part: netem.UploadedPart})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close(context.Background()) })
	r.write("datagravity.yaml", fmt.Sprintf(config, "4MiB", r.urls["azure"], f.Through(r.urls["s3"]), r.urls["gcs"], filepath.Join(r.dir, "lab")))
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-the-right-secret")
	code, _, stderr := r.run("sync", "c4", "--to", "s3")
	if code != 77 || !strings.Contains(stderr, "s3") {
		t.Errorf("exit code %d, want 77: %s", code, stderr)
	}
	if c := f.Counts(); c.Requests > 4 {
		t.Errorf("%d requests with wrong credentials", c.Requests)
	}
}
