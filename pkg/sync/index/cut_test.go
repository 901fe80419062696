package index

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// What a recipe says of how it cuts, beside what datasets want.
func TestAccepted(t *testing.T) {
	at64 := func(algorithm string) chunker.Params { return chunker.ParamsFor(algorithm, 64<<10) }
	unset := Dataset{Params: at64("tar-v2"), Accepted: []string{"tar-v1"}}
	unsetSum := Dataset{Params: at64("tar-v2"), Accepted: []string{"tar-v1"}, Digests: []string{"sha256", "md5"}}
	v2, v1, plain := Dataset{Params: at64("tar-v2")}, Dataset{Params: at64("tar-v1")}, Dataset{Params: at64("plain-v1")}
	large := Dataset{Params: chunker.ParamsFor("tar-v2", 128<<10), Accepted: []string{"tar-v1"}}
	for _, tt := range []struct {
		cut string
		by  []Dataset // all others do not accept it
	}{
		{"tar-v1 32768/65536/131072", []Dataset{unset, v1}},
		{"tar-v2 32768/65536/131072", []Dataset{unset, v2}},
		{"plain-v1 32768/65536/131072", []Dataset{plain}},
		{"tar-v2|tar-v1 32768/65536/131072", []Dataset{unset}},
		{"tar-v3|tar-v2|tar-v1 32768/65536/131072", nil}, // of a later version
		{"tar-v2 65536/131072/262144", []Dataset{large}},
		{"tar-v2|tar-v1 65536/131072/262144", []Dataset{large}},
		{"tar-v1 32768/65536/131072 md5 sha256", []Dataset{unsetSum}},
		{"tar-v2|tar-v1 32768/65536/131072 md5 sha256", []Dataset{unsetSum}},
		{"tar-v1 32768/65536/131072 md5", nil},
		{"tar-v1", nil},
		{"", nil},
		{"|", nil},
	} {
		for _, d := range []Dataset{unset, unsetSum, v2, v1, plain, large} {
			want := false
			for _, by := range tt.by {
				want = want || by.Cut() == d.Cut()
			}
			if d.accepts(tt.cut) != want {
				t.Errorf("who wants %q accepts %q: %t, want %t", d.Cut(), tt.cut, !want, want)
			}
		}
	}
	for _, d := range []Dataset{unset, unsetSum, v2, v1, plain, large} {
		if !d.accepts(d.Cut()) || !d.accepts(CutOf(d.Params, d.Digests)) {
			t.Errorf("who wants %q does not accept it", d.Cut())
		}
	}
}
