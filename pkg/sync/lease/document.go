package lease

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// Prefix is where a store keeps the leases on it.
const Prefix = store.Private + "leases/"

const (
	version     = 1
	kind        = "lease"
	contentType = "application/json"
	// maxDocumentBytes bounds what is read of what claims to be a lease.
	maxDocumentBytes = 8 << 10
	// Whatever a document says, a lease is no shorter and no longer.
	leastLength, mostLength = time.Second, 24 * time.Hour
)

// document is a lease as it lies in a store.
type document struct {
	Datagravity int    `json:"datagravity"` // format version
	Kind        string `json:"kind"`
	Prefix      string `json:"prefix"` // of the keys that it is for; "": all
	// LengthSeconds without a renewal, and it is over.
	LengthSeconds float64 `json:"length_seconds"`
	Holder
	// Process is chosen anew by each.
	Process string    `json:"process"`
	Since   time.Time `json:"since"`
	// Renewal counts them, so that no two have the same bytes: an ETag may be a hash of them.
	Renewal uint64 `json:"renewal"`
}

// keyOf is where the lease for a prefix lies. A prefix may be as long as a key, and have anything in it; hence a hash.
func keyOf(prefix string) string { return Prefix + chunker.Sum([]byte(prefix)).Hex()[:32] + ".json" }

func (d document) encode() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	return append(b, '\n'), err
}

var errNoLease = errors.New("it is no lease")

// decode reads what lies under a key. What is no lease, or not of the prefix that its key says, keeps nobody from anything.
func decode(key string, b []byte) (d document, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, err
	}
	if d.Kind != kind || d.Datagravity < 1 || keyOf(d.Prefix) != key {
		return d, errNoLease
	}
	return d, nil
}

// length without a renewal after which it is over.
func (d document) length() time.Duration {
	if !(d.LengthSeconds > 0) { // nor NaN, which JSON cannot have
		return leastLength
	}
	if d.LengthSeconds >= mostLength.Seconds() {
		return mostLength
	}
	return max(leastLength, time.Duration(d.LengthSeconds*float64(time.Second)))
}

// overlap tells whether some key could be under both prefixes.
func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
