package azure

import (
	"testing"

	"github.com/minio/crc64nvme"
	"pgregory.net/rapid"
)

func TestCombineCRC64(t *testing.T) {
	const check = 0xae8b14860a799888 // of "123456789", see store.Checksums
	if got := combineCRC64(crc64nvme.Checksum([]byte("1234")), crc64nvme.Checksum([]byte("56789")), 5); got != check {
		t.Errorf("got %x, want %x", got, uint64(check))
	}
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "body")
		cut := rapid.IntRange(0, len(body)).Draw(t, "cut")
		a, b := body[:cut], body[cut:]
		if got, want := combineCRC64(crc64nvme.Checksum(a), crc64nvme.Checksum(b), int64(len(b))), crc64nvme.Checksum(body); got != want {
			t.Fatalf("%d + %d bytes: got %x, want %x", len(a), len(b), got, want)
		}
	})
}
