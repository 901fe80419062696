package daemon

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ForeignError is an answer that datagravity did not make: a proxy stands before the daemon, or something else at its address.
type ForeignError struct {
	// Where was asked: host and port, or the path of a socket.
	Where string
	// Status of the answer; Media, Server and Location are its headers Content-Type, Server and Location, "" where it has none.
	Status                  int
	Media, Server, Location string
	// After is how long to wait before the next request, where the answer says so (Retry-After); 0: it does not.
	After time.Duration
}

func (e *ForeignError) Error() string {
	from := e.Where
	if e.Server != "" {
		from += " (" + short(e.Server) + ")"
	}
	media := e.Media
	if media == "" {
		media = "no type"
	}
	return fmt.Sprintf("%s was answered by something that is not the daemon: status %s, %s. %s",
		from, strings.TrimSpace(strconv.Itoa(e.Status)+" "+http.StatusText(e.Status)), short(media), e.hint())
}

// hint is what to do about it.
func (e *ForeignError) hint() string {
	const direct = ", or ask at the daemon's own address"
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusProxyAuthRequired:
		return "A proxy that wants to know who asks: have it pass the API on with its header Authorization as it is" + direct
	case e.Status == http.StatusForbidden:
		return "A proxy that does not let this client through: allow it the paths below /v1/" + direct
	case e.Status == http.StatusTooManyRequests:
		return "A proxy that is asked too often: have it allow this client more requests" + direct
	case e.Status == http.StatusBadGateway, e.Status == http.StatusServiceUnavailable, e.Status == http.StatusGatewayTimeout:
		return "A proxy that does not reach the daemon behind it: look whether the daemon runs, and whether the proxy has its address" + direct
	case e.Status/100 == 3 && e.Location != "":
		return "It sends to " + short(e.Location) + ", where nobody follows: give the daemon's own address"
	}
	return "Give the daemon's own address; a datagravity of another version may answer so, too"
}

// longestHeader is how much of a stranger's header is repeated.
const longestHeader = 100

func short(s string) string {
	if len(s) > longestHeader {
		s = s[:longestHeader] + "…"
	}
	return strconv.Quote(s)
}
