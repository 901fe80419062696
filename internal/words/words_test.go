package words

import "testing"

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 1<<20 - 1: "1.0 MiB", 1<<20 - 52: "1023.9 KiB", 1<<30 - 1: "1.0 GiB", 3 << 29: "1.5 GiB",
		1<<50 - 1: "1.0 PiB", 1 << 60: "1024.0 PiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
