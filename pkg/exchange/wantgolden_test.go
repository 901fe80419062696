package exchange

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The golden want and answer pin the formats. What compression makes of the want's text may change with its library.
func TestGoldenWantAndAnswer(t *testing.T) {
	ctx, now := context.Background(), noon
	const wantFile, answerFile = "testdata/want-v1.dgw", "testdata/answer-v1.json"
	made := storeAt(&now)
	c := someWant().corner()
	ask(t, made, someWant())
	if err := Reply(ctx, made, someAnswer()); err != nil {
		t.Fatal(err)
	}
	if c.wantKey() != ".datagravity/v1/wants/edge%201%2F2/00112233445566778899aabbccddeeff.dgw" ||
		c.answerKey() != ".datagravity/v1/answers/edge%201%2F2/00112233445566778899aabbccddeeff.json" ||
		c.packFolder() != ".datagravity/v1/packs/edge%201%2F2/00112233445566778899aabbccddeeff/" {
		t.Errorf("%s, %s, %s", c.wantKey(), c.answerKey(), c.packFolder())
	}
	golden := storeAt(&now)
	for name, key := range map[string]string{wantFile: c.wantKey(), answerFile: c.answerKey()} {
		if *update {
			if err := os.WriteFile(filepath.FromSlash(name), content(t, made, key), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, golden, key, b)
	}
	if w, g := unpacked(t, content(t, golden, c.wantKey())), unpacked(t, content(t, made, c.wantKey())); !bytes.Equal(w, g) {
		t.Errorf("the want reads\n%s\nwant\n%s", g, w)
	}
	if w, g := content(t, golden, c.answerKey()), content(t, made, c.answerKey()); !bytes.Equal(w, g) {
		t.Errorf("the answer reads\n%s\nwant\n%s", g, w)
	}
	was, _, err := readWant(ctx, golden, c, noon)
	if want, _ := sealedWant(t); err != nil || !cmp.Equal(was, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, was))
	}
	if a, found, err := Answered(ctx, golden, c.edge, c.id); err != nil || !found || !cmp.Equal(a.Packs, someAnswer().Packs) {
		t.Errorf("%+v, %v, %v", a, found, err)
	}
}
