package reuse

import "testing"

// The filter passes all that was added, and of the rest as few as it says, also when there are fewer bits than it likes.
func TestFilter(t *testing.T) {
	const n = 100_000
	for bits, oneIn := range map[int64]int{16: 180, 12: 80} {
		f := newFilter(n * bits / 8)
		s := stream{}
		chunks := s.recipe(n)
		for i := range chunks {
			f.add(prefix(&chunks[i].Digest))
		}
		for i := range chunks {
			if !f.mayHave(prefix(&chunks[i].Digest)) {
				t.Fatal("a digest that was added does not pass")
			}
		}
		passed := 0
		for _, c := range s.recipe(n) {
			if f.mayHave(prefix(&c.Digest)) {
				passed++
			}
		}
		t.Logf("%d bits: 1 in %d passes", bits, n/max(1, passed))
		if passed > n/oneIn {
			t.Errorf("%d bits: %d of %d pass", bits, passed, n)
		}
	}
}
