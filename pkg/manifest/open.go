package manifest

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// ErrLocked: another process holds the manifest; the text names it.
var ErrLocked = errors.New("the manifest is in use")

// ErrNewer: a newer datagravity wrote the manifest.
var ErrNewer = errors.New("the manifest was written by a newer datagravity")

// Options of Open. The zero value works.
type Options struct {
	// Timeout is how long to wait for another process to let go; 0 means 2 seconds.
	Timeout time.Duration
	// Holder is what to tell others who must wait ("sync c4 --to lab"); "" means the command line.
	Holder string
	// JournalDir holds the ledger's journal; "" means journal/ in the state directory. It must not be shared with another
	// state directory: what the other spends would count here too.
	JournalDir string
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// LeavesLater has the pages that hold a large bucket's records looked at when the bucket is first used, not on opening: for who holds the manifest
	// for a moment and uses little of it. What the damage of such a page makes fail then has the error that OpenDir would have.
	LeavesLater bool

	// Program is the version of the program that opens it, for one that is older and must say why it does not; "": it is not recorded.
	Program string
	// Log is told of a migration; nil: no log.
	Log *slog.Logger

	// readOnly opens a file that is not changed any more.
	readOnly bool
	// maxBytes limits the size of manifest.db, as a full disk does; 0 means no limit.
	maxBytes int
}

func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// Manifest is an open state directory. It is safe for concurrent use.
type Manifest struct {
	dir      string
	db       *bolt.DB
	file     *os.File // of db
	unread   *unread
	now      func() time.Time
	journal  *Journal
	recipes  *recipeStore
	queue    queue
	poisoned atomic.Pointer[error]
	// accounted: this session has taken the journal into account.
	accounted atomic.Bool
	traces    traces
	// backing is held while a backup is made.
	backing sync.Mutex
	// free tells how much room there is in a folder; nil: the system does.
	free func(dir string) (n int64, known bool, err error)
	// keeping is held while snapshots are written beside the manifest.
	keeping sync.Mutex
	// trimming is held while something is forgotten; heldSnapshots are not, nor are heldNeeds.
	trimming      sync.Mutex
	heldSnapshots holds[chunker.Digest]
	heldNeeds     holds[string]
}

// OpenDir opens the manifest in a state directory, making it if it does not exist. Errors: [ErrLocked], [ErrNewer],
// [ErrCorrupt], or what the file system says.
func OpenDir(dir string, o Options) (*Manifest, error) {
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the injected clock
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory %s: %w; set agent.state to a directory that you may write", dir, err)
	}
	path := filepath.Join(dir, "manifest.db")
	if err := createIfMissing(path); err != nil {
		return nil, onFull(filepath.Dir(path), fmt.Errorf("make %s: %w", path, err))
	}
	db, file, rest, err := openBolt(path, o)
	if errors.Is(err, errMoved) {
		db, file, rest, err = openBolt(path, o)
	}
	if errors.Is(err, errTimeout) {
		return nil, fmt.Errorf("%w: %s is held by %s; wait for it to end. A daemon goes on until it is stopped: datagravity stage has it bring what is wanted", ErrLocked, path, describeHolder(dir))
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{dir: dir, db: db, file: file, unread: rest, now: o.Now}
	if err := m.setUp(o); err != nil {
		return nil, errors.Join(err, m.closeFile())
	}
	return m, nil
}

func (m *Manifest) setUp(o Options) (err error) {
	if err := writeHolder(m.dir, o.Holder, m.now()); err != nil {
		return err
	}
	if err := clearCreating(m.dir); err != nil {
		return err
	}
	if err := m.migrate(o); err != nil {
		return err
	}
	if err := m.sign(o.Program); err != nil {
		return err
	}
	account, err := m.checkAccount()
	if err != nil {
		return err
	}
	if err := m.openRecipes(); err != nil {
		return err
	}
	if o.JournalDir == "" {
		o.JournalDir = filepath.Join(m.dir, "journal")
	}
	m.journal, err = openJournal(o.JournalDir, account.ID, openJournalFile)
	return err
}

// Close lets go of the lock. Transactions must have ended.
func (m *Manifest) Close() error {
	return errors.Join(m.markJournal(), m.traces.failure(), m.journal.Close(), m.closeFile())
}

func (m *Manifest) closeFile() error {
	err := removeHolder(m.dir)
	if m.poisoned.Load() != nil {
		letGo(m.file) // bbolt may hold its own locks for ever, so that its Close would wait
		return err
	}
	return errors.Join(err, closeBolt(m.db))
}

// Now is the manifest's clock.
func (m *Manifest) Now() time.Time { return m.now() }

// Dir is the state directory.
func (m *Manifest) Dir() string { return m.dir }

// Journal is the ledger's journal.
func (m *Manifest) Journal() *Journal { return m.journal }
