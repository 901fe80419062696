//go:build crashpoints

package crashpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// AtEnv has a program that was built with the tag crashpoints kill itself: POINT, or POINT:N for the N-th time that it comes there. No program that is
// given to anybody has the tag.
const AtEnv = "DATAGRAVITY_CRASH_AT"

func init() {
	name, times, counted := strings.Cut(os.Getenv(AtEnv), ":")
	if name == "" {
		return
	}
	last := int64(1)
	if counted {
		n, err := strconv.ParseInt(times, 10, 64)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", AtEnv, err)
			os.Exit(1)
		}
		last = n
	}
	var hits atomic.Int64
	Set(func(p Point) {
		if p == Point(name) && hits.Add(1) == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it is over
		}
	})
}
