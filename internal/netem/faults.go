package netem

import "fmt"

// The kinds of [Fault], with toxiproxy's names, and their values.
const (
	Latency   = "latency"    // latency and jitter in ms
	Bandwidth = "bandwidth"  // rate in KB/s
	Reset     = "reset_peer" // timeout in ms, after the first bytes, and then a RST
	Cut       = "limit_data" // bytes, and then an end
	Silence   = "timeout"    // timeout in ms, in which nothing passes, and then an end
	Slices    = "slicer"     // average_size and size_variation in bytes, delay in µs
)

// Fault is something that a network does to the bytes of one direction.
type Fault struct {
	Kind string
	// Up is the way from clients to the server.
	Up bool
	// Share of the connections that meet it, 0 to 1. Which ones is drawn for each connection.
	Share float64
	// Values by name, in the units of the kind.
	Values map[string]int64
}

// toxics of faults, in their order.
func toxicsOf(faults []Fault) (ts []toxic, err error) {
	for i, f := range faults {
		if f.Share <= 0 || f.Share > 1 {
			return nil, fmt.Errorf("%s for a share of %g: want more than 0, and 1 at most", f.Kind, f.Share)
		}
		stream := "downstream"
		if f.Up {
			stream = "upstream"
		}
		ts = append(ts, toxic{fmt.Sprintf("fault-%d", i), f.Kind, stream, f.Share, f.Values})
	}
	return ts, nil
}
