package soak

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The series, by the names of their limits.
const (
	rss        = "memory"
	openFiles  = "open files"
	goroutines = "goroutines"
	database   = "database"
	file       = "database file"
	all        = "state folder"
)

// limits that are judged. An hour of churn may add so much, which is what a bound of a day and more can be made of; the noise is what an idle
// daemon's series do by themselves: garbage collection, connections that come and go, snapshots until nothing has needed them for a while. Of the database
// what holds something is judged: its file doubles when there is no room left, and half of it then is room.
var limits = []Limit{
	{rss, "MiB", 4, 6},
	{openFiles, "", 6, 6},
	{goroutines, "", 10, 12},
	{database, "MiB", 1, 1},
}

// sampler looks at a process from outside.
type sampler struct {
	pid    int
	dir    string
	client *http.Client
	api    *http.Client
	start  time.Time
	series map[string][]Sample
}

func newSampler(pid int, dir string) *sampler {
	return &sampler{
		pid: pid, dir: dir, start: time.Now(), series: map[string][]Sample{},
		client: over(filepath.Join(dir, "pprof.sock")), api: over(filepath.Join(dir, "state", "api.sock")),
	}
}

// over a Unix socket, with a connection for each request: else it would be one of those that are counted.
func over(socket string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}

// ask for an answer's body, which is to be closed.
func ask(c *http.Client, url string) (io.ReadCloser, error) {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(q)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// look adds a sample to every series.
func (s *sampler) look() error {
	at := time.Since(s.start).Seconds()
	for name, read := range map[string]func() (float64, error){
		rss: s.memory, openFiles: s.files, goroutines: s.goroutines, database: s.database, file: s.file, all: s.state,
	} {
		v, err := read()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.series[name] = append(s.series[name], Sample{at, v})
	}
	return nil
}

// memory that is resident, in MiB: files that are mapped too, which is the database.
func (s *sampler) memory() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kib float64
			_, err := fmt.Sscanf(text, "%f kB", &kib)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in %s", b)
}

func (s *sampler) files() (float64, error) {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	return float64(len(list)), err
}

// goroutines as the profile's first line counts them, with the two that answer us.
func (s *sampler) goroutines() (n float64, err error) {
	body, err := ask(s.client, "http://pprof/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	line, err := bufio.NewReader(body).ReadString('\n')
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(line, "goroutine profile: total %f", &n)
	return n, err
}

// database is what holds something in its file, in MiB, as the daemon's metrics say.
func (s *sampler) database() (float64, error) {
	body, err := ask(s.api, "http://datagravity/metrics")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	sizes := map[string]float64{}
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name == "datagravity_manifest_size_bytes" || name == "datagravity_manifest_free_bytes" {
			if sizes[name], err = strconv.ParseFloat(value, 64); err != nil {
				return 0, err
			}
		}
	}
	if len(sizes) != 2 || lines.Err() != nil {
		return 0, fmt.Errorf("the metrics say %v of the database: %w", sizes, lines.Err())
	}
	return (sizes["datagravity_manifest_size_bytes"] - sizes["datagravity_manifest_free_bytes"]) / (1 << 20), nil
}

func (s *sampler) file() (float64, error) {
	i, err := os.Stat(filepath.Join(s.dir, "state", "manifest.db"))
	if err != nil {
		return 0, err
	}
	return float64(i.Size()) / (1 << 20), nil
}

// state is all that is in the folder, in MiB: also the journal, which only ever grows, and recipes.
func (s *sampler) state() (mib float64, err error) {
	err = filepath.WalkDir(filepath.Join(s.dir, "state"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		i, err := d.Info()
		if err == nil {
			mib += float64(i.Size()) / (1 << 20)
		}
		return ignoreGone(err)
	})
	return mib, err
}

// ignoreGone: files come and go while somebody looks.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
