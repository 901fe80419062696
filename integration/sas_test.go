package integration

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// s3fs #1042 and its like: credentials that expire in the middle of a job end it with what to do, and with new ones it goes on from the finished parts.
func TestCredentialsExpireWhileItRuns(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("big.tar", random(24, 40<<20))
	r.more("links: [{to: lab, bandwidth: [24Mbit/s]}]\n")
	with := func(token string) (code int, out, errs string) {
		c := r.command("sync", "c4", "--to", "lab", "--json")
		c.Env = append(os.Environ(), "AZURE_STORAGE_KEY=", "AZURE_STORAGE_SAS_TOKEN="+token)
		var err strings.Builder
		c.Stderr = &err
		b, ran := c.Output()
		r.secretless("sync", string(b)+err.String())
		if sig, _ := url.ParseQuery(token); strings.Contains(string(b)+err.String(), sig.Get("sig")) || strings.Contains(err.String(), url.QueryEscape(sig.Get("sig"))) {
			t.Error("a signature is printed")
		}
		var exit *exec.ExitError
		if errors.As(ran, &exit) {
			return exit.ExitCode(), string(b), err.String()
		}
		if ran != nil {
			t.Fatal(ran)
		}
		return 0, string(b), err.String()
	}
	var rep report
	for lasts := 3 * time.Second; ; lasts *= 2 { // a slow machine has not begun by then
		code, out, errs := with(r.signed(time.Now().Add(lasts)))
		if code == 0 {
			t.Fatalf("a token of %v was enough for all of it: %s", lasts, out)
		}
		if code != 77 || !strings.Contains(errs, "the SAS token has expired") {
			t.Fatalf("exit code %d, want 77 and what to do: %s", code, errs)
		}
		if _ = json.Unmarshal([]byte(out), &rep); rep.Read > 4<<20 { // more than is in one part
			break
		}
	}
	r.write("datagravity.yaml", strings.Replace(r.config(), "24Mbit/s", "8Gbit/s", 1))
	code, out, errs := with(r.signed(time.Now().Add(time.Hour)))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var again report
	if err := json.Unmarshal([]byte(out), &again); err != nil {
		t.Fatal(err)
	}
	if again.Resume == 0 || again.Resume+again.Moved != 40<<20 || !again.Ready {
		t.Errorf("%d bytes were read before the token expired; then %+v", rep.Read, again)
	}
	r.equal("lab")
}
