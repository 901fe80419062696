package manifest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// ErrCorrupt: a stored value is damaged. The error text names the bucket and the key.
var ErrCorrupt = errors.New("the manifest is damaged")

// Millis is a point in time in milliseconds since 1970 UTC; 0 is never.
type Millis int64

// At converts a time; the zero time is 0.
func At(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time converts back, in UTC; 0 is the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// MarshalJSON writes RFC 3339 in UTC, null for never.
func (m Millis) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return m.Time().MarshalJSON()
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Millis) UnmarshalJSON(b []byte) error {
	var t time.Time // null leaves it zero
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	*m = At(t)
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{MaxArrayElements: 1 << 27, MaxNestedLevels: 16}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options are constants of this package
	}
	return v
}

// sum covers the bucket and the key too, so that a value that ended up under another key is noticed.
func sum(bucket string, key, value []byte) uint32 {
	c := crc32.Update(0, castagnoli, []byte(bucket))
	c = crc32.Update(c, castagnoli, []byte{0})
	c = crc32.Update(c, castagnoli, key)
	c = crc32.Update(c, castagnoli, []byte{0})
	return crc32.Update(c, castagnoli, value)
}

func bigEndian32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

func encode(bucket string, key []byte, v any) ([]byte, error) {
	body, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("manifest: encode %s/%q: %w", bucket, key, err)
	}
	out := make([]byte, 4+len(body))
	copy(out[4:], body)
	binary.BigEndian.PutUint32(out, sum(bucket, key, body))
	return out, nil
}

func decode(bucket string, key, stored []byte, v any) error {
	if len(stored) < 4 || bigEndian32(stored) != sum(bucket, key, stored[4:]) {
		return fmt.Errorf("%w: %s/%q has a wrong checksum; %s", ErrCorrupt, bucket, key, restoreHint)
	}
	if err := decMode.Unmarshal(stored[4:], v); err != nil {
		return fmt.Errorf("%w: %s/%q: %w; %s", ErrCorrupt, bucket, key, err, restoreHint)
	}
	return nil
}
