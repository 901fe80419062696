package index

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

func TestKept(t *testing.T) {
	const v1, v2, plain, sizes = "tar-v1", "tar-v2", "plain-v1", " 32768/65536/131072"
	type fact struct {
		cut  string
		size int64
	}
	unset := Dataset{Name: "c4", Store: "training", Prefix: "c4/", Params: chunker.ParamsFor(v2, 64<<10), Earlier: []string{v1}}
	for name, tt := range map[string]struct {
		cut   string // of the record
		facts []fact
		moved bool
		want  string
	}{
		"nothing known":                  {want: v2},
		"indexed by an earlier one":      {cut: v1 + sizes, want: v1},
		"indexed by the newest":          {cut: v2 + sizes, want: v2},
		"at another size, with digests":  {cut: v1 + " 8192/16384/32768 md5 sha256", want: v1},
		"elsewhere":                      {cut: v1 + sizes, moved: true, want: v2},
		"no snapshot yet":                {facts: []fact{{v1 + sizes, 10}}, want: v1},
		"an empty shard alone":           {facts: []fact{{v1 + sizes, 0}}, want: v1},
		"before the format was frozen":   {facts: []fact{{"", 10}}, want: v2},
		"most bytes by the earlier one":  {facts: []fact{{v2 + sizes, 9}, {v1 + sizes, 10}, {"", 90}}, want: v1},
		"most bytes by the newest":       {facts: []fact{{v2 + sizes, 11}, {v1 + sizes, 10}}, want: v2},
		"as many by both":                {facts: []fact{{v1 + sizes, 10}, {v2 + sizes, 10}}, want: v2},
		"the snapshot is not cut anew":   {cut: v1 + sizes, facts: []fact{{v2 + sizes, 10}}, want: v1},
		"by one of other formats":        {cut: plain + sizes, facts: []fact{{plain + sizes, 10}}, want: v2},
		"partly by one of other formats": {cut: plain + sizes, facts: []fact{{plain + sizes, 10}, {v1 + sizes, 1}}, want: v1},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := manifest.OpenDir(t.TempDir(), manifest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			named := unset
			named.Earlier = nil
			other := unset
			other.Params.Algorithm, other.Earlier = plain, nil
			var got [3]Dataset
			err = m.Update(func(tx *manifest.Tx) error {
				record := manifest.Dataset{Name: "c4", Store: "training", Prefix: "c4/", Cut: tt.cut}
				if tt.moved {
					record.Store = "lake"
				}
				if tt.cut != "" || tt.facts != nil {
					if err := tx.PutDataset(record); err != nil {
						return err
					}
				}
				for i, f := range tt.facts {
					if err := tx.PutFact("c4", manifest.Fact{Path: fmt.Sprint(i), Size: f.size, Cut: f.cut}); err != nil {
						return err
					}
				}
				for i, d := range []Dataset{unset, named, other} {
					if got[i], err = Kept(tx, d); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []string{tt.want + sizes, v2 + sizes, plain + sizes} {
				if got[i].Cut() != want || got[i].Earlier != nil {
					t.Errorf("%q, want %q", got[i].Cut(), want)
				}
			}
		})
	}
}

func TestCutAs(t *testing.T) {
	d := Dataset{Name: "c4", Params: chunker.DefaultParams(), Earlier: []string{"tar-v1"}, Digests: []string{"md5"}}
	for _, cut := range []string{"tar-v1 32768/65536/131072", "plain-v1 8192/16384/32768 md5 sha256"} {
		if got := d.CutAs(cut); got.Cut() != cut || got.Name != "c4" {
			t.Errorf("%q, want %q", got.Cut(), cut)
		}
	}
	for _, cut := range []string{"", "tar-v1", "tar-v9 32768/65536/131072", "tar-v1 32768/65536", "tar-v1 1/2/3", "tar-v1 a/b/c", "tar-v1 32768/65536/131072 crc32"} {
		if diff := cmp.Diff(d, d.CutAs(cut)); diff != "" {
			t.Errorf("%q is understood:\n%s", cut, diff)
		}
	}
	if !slices.Equal(d.Digests, []string{"md5"}) {
		t.Error("the dataset itself was changed")
	}
}
