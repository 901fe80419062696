package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

const partBytes = 8 << 20

// slowly is a configuration of one shard and two parts at a time, over a link to S3 of a rate. sent counts what the server was sent in bodies of
// requests, finished or not.
func slowly(t *testing.T, rate string) (r *rig, sent *atomic.Int64) {
	t.Helper()
	r, sent = newRig(t, "8MiB, shards: 1, parts: 2"), new(atomic.Int64)
	proxy := r.before(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			netem.CountBody(q, sent)
			next.ServeHTTP(w, q)
		})
	})
	r.write("datagravity.yaml", strings.Replace(r.config(), r.urls["s3"], proxy.Through(r.urls["s3"]), 1))
	r.more("links: [{to: s3, bandwidth: [" + rate + "]}]\n")
	return r, sent
}

// before puts a handler in front of the S3 server.
func (r *rig) before(see func(next http.Handler) http.Handler) *netem.HTTPProxy {
	r.t.Helper()
	proxy, err := netem.StartHTTP(strings.TrimPrefix(emutest.S3(r.t).Endpoint, "http://"), see)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = proxy.Close(context.Background()) }) // what was killed may have left a connection
	return proxy
}

// wire is how much the ledger has of a job between the source and S3, in bytes.
func (r *rig) wire(job string) (size int64) {
	r.t.Helper()
	var rows []struct {
		Key   string `json:"key"`
		Bytes int64  `json:"bytes"`
	}
	out := r.want(0, "cost", "ledger", "--by", "link", "--job", job, "--json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		r.t.Fatalf("%v in %s", err, out)
	}
	for _, row := range rows {
		if strings.HasSuffix(row.Key, "-> aws:us-east-1") {
			size += row.Bytes
		}
	}
	return size
}

// untilParts waits until so many parts of a job are sent and recorded.
func (r *rig) untilParts(job string, n int64) {
	r.t.Helper()
	r.until(fmt.Sprintf("%s: %d parts", job, n), func() bool { return r.wire(job) >= n*partBytes })
}

// notRepeated checks that no more was sent than a size and the parts in flight: two, and a third that is read ahead. Framing and receipts are some
// hundred bytes for each part.
func (r *rig) notRepeated(what string, sent, size int64) {
	r.t.Helper()
	r.t.Logf("%s: %d bytes for %d", what, sent, size)
	if sent < size || sent > size+3*partBytes+size/100 {
		r.t.Errorf("%s: %d bytes for %d: finished parts were sent again", what, sent, size)
	}
}

// A daemon that is killed in the middle of a job goes on when it is started again: what is repeated are the parts that were in flight.
func TestDaemonGoesOnAfterAKill(t *testing.T) {
	r, sent := slowly(t, "160Mbit/s")
	const size = 10*partBytes + 12345
	r.put("big.tar", random(1, size))
	d := r.hold(nil, "daemon")
	r.want(0, "stage", "c4", "--to", "s3", "--job", "train")
	r.untilParts("train", 5)
	if code := d.signal(syscall.SIGKILL); code != -1 {
		t.Fatalf("it ended with %d before it was killed", code)
	}
	if n := len(r.atS3("data/c4/")); n != 0 {
		t.Fatalf("%d shards are there: the trial tries nothing", n)
	}
	r.hold(nil, "daemon")
	r.untilReady("train")
	r.onlyAtS3("big.tar")
	r.want(0, "ready", "--job", "train", "--from", "s3", "--check")
	r.notRepeated("in the ledger", r.wire("train"), size) // all again would be five parts more
	r.notRepeated("at the server", sent.Load(), size)
}

// A more urgent job goes first. The one that it passes goes on where it was.
func TestUrgentJobPassesAnother(t *testing.T) {
	r, sent := slowly(t, "80Mbit/s")
	// Of 7 s and 2 s; the second would be late behind the first.
	const slow, quick = 8*partBytes + 1, 2*partBytes + 1
	r.put("slow.tar", random(1, slow))
	r.put("quick.tar", random(2, quick))
	d := r.hold(nil, "daemon")
	r.want(0, "stage", "c4", "--to", "s3", "--job", "slow", "--shards", "slow.tar")
	r.untilParts("slow", 2)
	r.want(0, "stage", "c4", "--to", "s3", "--job", "quick", "--shards", "quick.tar", "--priority", "5", "--need-by", "+5s")
	r.untilReady("quick")
	if s := r.state("slow"); s == dispatch.Ready {
		t.Error("the slow job was ready first")
	}
	if !strings.Contains(r.log(), "a more urgent job goes first") {
		t.Error("the slow job was not stopped: the trial tries nothing")
	}
	r.untilReady("slow")
	r.onlyAtS3("slow.tar", "quick.tar")
	r.notRepeated("slow", r.wire("slow"), slow)
	r.notRepeated("quick", r.wire("quick"), quick)
	r.notRepeated("at the server", sent.Load(), slow+quick)
	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// What moves for a job that is taken back is spent for nothing: it stops, and nothing is left that wants it.
func TestRemovedJobStops(t *testing.T) {
	r, sent := slowly(t, "160Mbit/s")
	r.put("big.tar", random(1, 20*partBytes))
	d := r.hold(nil, "daemon")
	r.want(0, "stage", "c4", "--to", "s3", "--job", "train")
	r.untilParts("train", 1)
	r.want(0, "jobs", "remove", "train")
	r.want(2, "ready", "--job", "train")
	r.until("its end", func() bool { return strings.Contains(r.log(), "it was taken back") })
	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := sent.Load(); n > 10*partBytes {
		t.Errorf("%d bytes were sent for a job that nobody wants", n)
	}
	if n := len(r.atS3("data/c4/")); n != 0 {
		t.Errorf("%d shards are there", n)
	}
	if out := r.want(0, "need", "list", "--json"); strings.Contains(out, "train") {
		t.Errorf("it is still wanted: %s", out)
	}
}

// A link that is paused before anything ran has the daemon wait; when it is resumed, the daemon finds out by itself.
func TestDaemonGoesOnAfterAPause(t *testing.T) {
	r := newRig(t, "8MiB")
	r.put("a.tar", random(1, 100_000))
	r.want(0, "pause")
	r.hold(nil, "daemon")
	r.want(0, "stage", "c4", "--to", "lab", "--job", "train")
	r.until("the job says that it is paused", func() bool { d, _ := r.job("train"); return strings.Contains(d.Why, "paused") })
	r.want(75, "ready", "--job", "train")
	r.want(0, "resume")
	r.untilReady("train")
}

// A sync that runs for hours answers about jobs meanwhile, and takes them in. The next sync of all brings them.
func TestJobsBesideASync(t *testing.T) {
	r := newRig(t, "8MiB")
	fast := r.config()
	r.more("links: [{to: s3, bandwidth: [400Kbit/s]}]\n")
	for i := range 4 {
		r.put(fmt.Sprintf("train-%d.tar", i), random(uint64(i), 4<<20))
	}
	r.put("val.tar", random(9, 6<<20))
	s := r.hold(nil, "sync", "c4", "--to", "s3", "--shards", "train-*.tar")
	// It answers before it has recorded what it is for, which is what the sync of all takes up below.
	r.until("the sync's need is recorded", func() bool { return strings.Contains(r.want(0, "need", "list"), "c4") })
	r.want(0, "stage", "c4", "--to", "s3", "--job", "later", "--shards", "val.tar")
	r.want(75, "ready", "--job", "later")
	if out := r.want(0, "jobs", "list"); !strings.Contains(out, "later") {
		t.Errorf("jobs list: %s", out)
	}
	if d, known := r.job("later"); !known || d.State != dispatch.Unresolved || d.Places[0].Destination != "s3" {
		t.Errorf("jobs show: %+v", d)
	}
	if code := s.signal(syscall.SIGINT); code != 130 {
		t.Fatalf("exit code %d: the sync was not slow, and who answered was not it", code)
	}
	r.write("datagravity.yaml", fast)
	r.want(75, "ready", "--job", "later")
	r.want(0, "sync", "--all")
	r.want(0, "ready", "--job", "later")
	r.want(0, "ready", "--job", "later", "--from", "s3")
	r.onlyAtS3("train-0.tar", "train-1.tar", "train-2.tar", "train-3.tar", "val.tar") // what was interrupted is wanted, too
}

// A compute node has the destination and the right to read it, and nothing else. When the job is taken back, it gets nothing any more.
func TestComputeNode(t *testing.T) {
	r := newRig(t, "8MiB")
	for i := range 3 {
		r.put(fmt.Sprintf("train-%d.tar", i), random(uint64(i), 100_000+i))
	}
	r.put("val.tar", random(7, 1000))
	r.want(0, "stage", "c4", "--to", "s3", "--job", "train", "--shards", "train-*.tar")

	var mu sync.Mutex
	var refused []string
	proxy := r.before(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodGet || q.Method == http.MethodHead {
				next.ServeHTTP(w, q)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			refused = append(refused, q.Method+" "+q.URL.String())
			http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
		})
	})
	node := &rig{t: t, dir: t.TempDir(), bin: r.bin}
	node.write("datagravity.yaml", fmt.Sprintf(`agent: {location: "aws:us-east-1", state: state, allow_insecure: true}
stores: {aws: {url: "%s", location: "aws:us-east-1"}}
datasets: {}
destinations: {s3: {store: aws, prefix: data/c4}}
`, proxy.Through(r.urls["s3"])))
	run := func(timeout string) []string {
		const script = `cat "$DATAGRAVITY_SHARDS_FILE"; echo "$DATAGRAVITY_JOB $DATAGRAVITY_URL"`
		return []string{"exec", "--job", "train", "--from", "s3", "--timeout", timeout, "--poll", "100ms", "--", "sh", "-c", script}
	}

	node.want(75, "ready", "--job", "train", "--from", "s3")
	if out := node.want(75, run("1s")...); out != "" {
		t.Errorf("it ran before its data was there: %s", out)
	}
	r.want(0, "sync", "--all")
	node.want(0, "ready", "--job", "train", "--from", "s3", "--check")
	_, bucket := r.s3Client()
	var want bytes.Buffer
	for i := range 3 {
		fmt.Fprintf(&want, "s3://%s/data/c4/train-%d.tar\n", bucket, i)
	}
	fmt.Fprintf(&want, "train s3://%s/data/c4/\n", bucket)
	if out := node.want(0, run("1m")...); out != want.String() {
		t.Errorf("the run sees\n%s, want\n%s", out, want.String())
	}
	r.onlyAtS3("train-0.tar", "train-1.tar", "train-2.tar")

	r.want(0, "jobs", "remove", "train")
	for _, args := range [][]string{{"ready", "--job", "train", "--from", "s3"}, {"resolve", "--job", "train", "--from", "s3", "--format", "urls"}, run("1s")} {
		if out := node.want(75, args...); strings.Contains(out, "s3://") {
			t.Errorf("%s: %s", args[0], out)
		}
	}
	r.onlyAtS3("train-0.tar", "train-1.tar", "train-2.tar") // taken back is the promise, not the data
	mu.Lock()
	defer mu.Unlock()
	if len(refused) != 0 {
		t.Errorf("a reader wrote: %q", refused)
	}
	if _, err := os.Stat(filepath.Join(node.dir, "state")); !os.IsNotExist(err) {
		t.Errorf("a reader has a state directory: %v", err)
	}
}
