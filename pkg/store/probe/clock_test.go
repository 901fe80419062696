package probe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

func TestClockSkew(t *testing.T) {
	for _, off := range []time.Duration{0, 20 * time.Minute, -20 * time.Minute, 4 * time.Minute} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(-off).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusForbidden) // as stores answer anonymous requests
		}))
		skew, err := probe.ClockSkew(t.Context(), meter.NewClient(meter.Options{}), s.URL)
		s.Close()
		if err != nil || (skew-off).Abs() > 5*time.Second {
			t.Errorf("off by %v: measured %v, %v", off, skew, err)
		}
		advice := probe.CheckClock(skew)
		if (advice != nil) != (off.Abs() > probe.MaxClockSkew) {
			t.Errorf("off by %v: %v", off, advice)
		}
		if off > probe.MaxClockSkew && !strings.Contains(advice.Error(), "ahead of") || off < -probe.MaxClockSkew && !strings.Contains(advice.Error(), "behind") {
			t.Errorf("off by %v: %v", off, advice)
		}
	}
}

func TestClockSkewWithoutADate(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header()["Date"] = nil }))
	defer s.Close()
	if _, err := probe.ClockSkew(t.Context(), s.Client(), s.URL); err == nil || !strings.Contains(err.Error(), "no usable Date") {
		t.Errorf("got %v", err)
	}
	if _, err := probe.ClockSkew(t.Context(), s.Client(), "http://127.0.0.1:1"); err == nil {
		t.Error("no server, no error")
	}
}
