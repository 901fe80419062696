package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// public is the database that govulncheck itself reads.
	public = "https://vuln.go.dev"

	// The module has the database's entries as files. The version is a date; take a newer one now and then: go list -m -versions does not know
	// it, go list -m golang.org/x/vulndb@latest does.
	databaseModule  = "golang.org/x/vulndb"
	databaseVersion = "v0.0.0-20261105234957-e22db6528018"

	// patience with the network: where it is closed, often nothing answers at all.
	patience = 5 * time.Second
)

// database finds the database: what was asked for, else the public one, else the pinned one.
func database(ctx context.Context, asked string) (url, name string, err error) {
	switch {
	case asked != "" && asked != "pinned":
		return asked, asked, nil
	case asked == "" && reachable(ctx, public):
		return public, public, nil
	}
	dir, err := download(ctx)
	if err != nil {
		return "", "", err
	}
	// govulncheck makes the index of a folder of entries itself.
	return "file://" + filepath.ToSlash(filepath.Join(dir, "data", "osv")), databaseModule + "@" + databaseVersion, nil
}

func reachable(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, url+"/index/modules.json.gz", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // a HEAD has none
	return answer.StatusCode == http.StatusOK
}

// download has the go command fetch the module, and tells where it is.
func download(ctx context.Context) (dir string, err error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", databaseModule+"@"+databaseVersion)
	cmd.Dir = os.TempDir() // outside of any module, whose go.sum would get a line
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var m struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out.Bytes(), &m); err == nil {
		err = jsonErr
	}
	if err != nil || m.Error != "" {
		return "", fmt.Errorf("the pinned database cannot be had (%w): %s%s", err, m.Error, errs.String())
	}
	return m.Dir, nil
}
