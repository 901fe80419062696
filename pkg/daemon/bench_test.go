package daemon

import (
	"net/http"
	"testing"
)

// What the first request to a process pays for.
func BenchmarkRoutes(b *testing.B) {
	for b.Loop() {
		(&Server{o: Options{}.filled()}).newAPI(http.NewServeMux())
	}
}
