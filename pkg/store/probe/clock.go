package probe

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// MaxClockSkew is how far this machine's clock may be off before it matters: a third of the 15 minutes after which S3
// (RequestTimeTooSkewed) and Azure (AuthenticationFailed) refuse a signature.
const MaxClockSkew = 5 * time.Minute

// ClockSkew compares this machine's clock with the Date header of a service's answer, whatever its status; positive means
// that ours is ahead. It is right to about a second, which is all that the header tells, and half of the round trip.
// endpoint is an HTTP URL; client should be one of meter.NewClient. Judge the result with [CheckClock].
func ClockSkew(ctx context.Context, client *http.Client, endpoint string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, endpoint, nil)
	if err != nil {
		return 0, fmt.Errorf("clock: %w", err)
	}
	sent := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("clock: %w", err)
	}
	_ = resp.Body.Close() // only its header is wanted
	middle := sent.Add(time.Since(sent) / 2)
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("clock: %s gives no usable Date header: %w", endpoint, err)
	}
	// The header cuts fractions off; half a second is the middle of what it can mean.
	return middle.Sub(theirs.Add(time.Second / 2)).Round(100 * time.Millisecond), nil
}

// CheckClock returns an error with advice if a skew is more than [MaxClockSkew].
func CheckClock(skew time.Duration) error {
	if skew.Abs() <= MaxClockSkew {
		return nil
	}
	way := "ahead of"
	if skew < 0 {
		way = "behind"
	}
	return fmt.Errorf("this machine's clock is %v %s the store's: requests signed with a time 15 minutes off are refused; "+
		"turn on time synchronisation (timedatectl set-ntp true)", skew.Abs().Round(time.Second), way)
}
