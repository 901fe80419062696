package integration

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
)

// signed is a SAS token for the rig's source, good until a time.
func (r *rig) signed(until time.Time) string {
	r.t.Helper()
	u, err := url.Parse(r.urls["azure"])
	if err != nil {
		r.t.Fatal(err)
	}
	cred, err := container.NewSharedKeyCredential(os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY"))
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := container.NewClientWithSharedKeyCredential(emutest.Azurite(r.t).Endpoint+"/"+u.Host, cred, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	begin := until.Add(-2 * time.Hour)
	full, err := c.GetSASURL(sas.ContainerPermissions{Read: true, List: true}, until, &container.GetSASURLOptions{StartTime: &begin})
	if err != nil {
		r.t.Fatal(err)
	}
	_, token, _ := strings.Cut(full, "?")
	return token
}

// Nothing that a command says has a key, a token or a signature in it, however it is asked to talk and whatever goes wrong. What is printed is searched by
// the rig, after every command of every test here.
func TestSecretsStayOut(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("a.tar", random(1, 3<<20))
	good, over := r.signed(time.Now().Add(time.Hour)), r.signed(time.Now().Add(-time.Hour))
	forged := strings.Replace(good, "sig=", "sig=AAAA", 1)
	account, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
	azure := func(values ...string) map[string]string {
		env := map[string]string{"AZURE_STORAGE_KEY": "", "AZURE_STORAGE_SAS_TOKEN": "", "AZURE_STORAGE_CONNECTION_STRING": ""}
		for i := 0; i < len(values); i += 2 {
			env[values[i]] = values[i+1]
		}
		return env
	}
	for name, c := range map[string]struct {
		env  map[string]string
		exit int // of a sync to S3
	}{
		"a SAS token":               {azure("AZURE_STORAGE_SAS_TOKEN", good), 0},
		"one that is over":          {azure("AZURE_STORAGE_SAS_TOKEN", over), 77},
		"one that is forged":        {azure("AZURE_STORAGE_SAS_TOKEN", "?"+forged), 77},
		"a key":                     {azure("AZURE_STORAGE_KEY", key), 0},
		"another account's key":     {azure("AZURE_STORAGE_KEY", "Y2FuYXJ5LW9mLXRoZS1rZXktb2YtYW5vdGhlci1hY2NvdW50"), 77},
		"a key that is none":        {azure("AZURE_STORAGE_KEY", "canary-of-a-key!"), 77},
		"a connection string":       {azure("AZURE_STORAGE_CONNECTION_STRING", "AccountName="+account+";AccountKey="+key+";BlobEndpoint="+emutest.Azurite(t).Endpoint), 0},
		"one that is none":          {azure("AZURE_STORAGE_CONNECTION_STRING", "AccountKey="+key+";nonsense"), 77},
		"another secret of S3":      {map[string]string{"AWS_SECRET_ACCESS_KEY": "canary-of-the-secret-key"}, 77},
		"a session that is no more": {map[string]string{"AWS_SESSION_TOKEN": "canary-of-the-session"}, 77},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{t: t, dir: t.TempDir(), bin: r.bin, urls: r.urls}
			r.write("datagravity.yaml", fmt.Sprintf(config, "1MiB", r.urls["azure"], r.urls["s3"], r.urls["gcs"], filepath.Join(r.dir, "lab")))
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			exit, _, errs := r.run("--log-level", "debug", "--log-format", "json", "sync", "c4", "--to", "s3")
			if exit != c.exit {
				t.Errorf("sync: exit code %d, want %d: %s", exit, c.exit, errs)
			}
			for _, args := range [][]string{
				{"plan", "c4", "--to", "s3", "--json"}, {"sync", "c4", "--to", "lab", "--json"}, {"doctor"}, {"doctor", "--json"}, {"verify", "c4", "--from", "s3", "--read"},
				{"gc", "--older-than", "0s"}, {"status"}, {"manifest", "check"},
			} {
				r.run(append([]string{"--log-level", "debug"}, args...)...)
			}
		})
	}
}
