package lease

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzDocument reads what others wrote where leases lie: it is no lease, or is the one of its key, is no longer and no shorter than any, names its holder in one line, and is written
// again as what says the same.
func FuzzDocument(f *testing.F) {
	d := document{
		Datagravity: version, Kind: kind, Prefix: "c4/", LengthSeconds: 30, Holder: Holder{Agent: "lab", Host: "h"}, Process: "p",
		Since: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Renewal: 7,
	}
	b, err := d.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("c4/", b)
	f.Add("another/", b)
	f.Add("", []byte(`{"datagravity":1,"kind":"lease","length_seconds":1e300,"agent":"a\nb"}`))
	f.Fuzz(func(t *testing.T, prefix string, b []byte) {
		d, err := decode(keyOf(prefix), b)
		if err != nil {
			return
		}
		if keyOf(d.Prefix) != keyOf(prefix) {
			t.Errorf("the lease of %q is believed to be that of %q", d.Prefix, prefix)
		}
		if n := d.length(); n < leastLength || n > mostLength {
			t.Errorf("it is %v long", n)
		}
		if said := d.Holder.String(); strings.ContainsAny(said, "\r\n\x1b") {
			t.Errorf("its holder is %q", said)
		}
		again, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		same, err := decode(keyOf(d.Prefix), again)
		if err != nil || !cmp.Equal(d, same) {
			t.Errorf("%v\n%s", err, cmp.Diff(d, same))
		}
	})
}
