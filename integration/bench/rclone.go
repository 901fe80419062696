package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// peerName is what the rows compare with; internal/emulator pins its version.
const peerName = "rclone"

// remote is a place as rclone's environment describes it, under the name src or dst.
func (b *bed) remote(name string, p place) []string {
	settings := map[string]string{}
	switch scheme, _, _ := strings.Cut(p.url, "://"); scheme {
	case "azblob":
		settings = map[string]string{"TYPE": "azureblob", "ENDPOINT": p.endpoint}
	case "s3":
		settings = map[string]string{
			"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": p.endpoint, "REGION": "us-east-1", "FORCE_PATH_STYLE": "true", "ENV_AUTH": "true",
		}
	case "gs":
		settings = map[string]string{"TYPE": "googlecloudstorage", "ENDPOINT": p.endpoint + "/storage/v1/", "ANONYMOUS": "true"}
	}
	for _, kv := range b.azure.Env() {
		k, v, _ := strings.Cut(kv, "=")
		switch {
		case settings["TYPE"] != "azureblob":
		case k == "AZURE_STORAGE_ACCOUNT":
			settings["ACCOUNT"] = v
		case k == "AZURE_STORAGE_KEY":
			settings["KEY"] = v
		}
	}
	var env []string
	for k, v := range settings {
		env = append(env, "RCLONE_CONFIG_"+strings.ToUpper(name)+"_"+k+"="+v)
	}
	return env
}

// rcloneCommand runs rclone with its defaults and no configuration file.
func (b *bed) rcloneCommand(env []string, args ...string) command {
	// An empty RCLONE_CONFIG is "in memory only"; the user's own file stays out of it.
	return command{path: b.rclone, args: args, env: append(append([]string{"RCLONE_CONFIG="}, b.env...), env...)}
}

// copyDataset is rclone's way to do what sync does: it deletes nothing either.
func (b *bed) copyDataset(from, to place) command {
	return b.rcloneCommand(append(b.remote("src", from), b.remote("dst", to)...), "copy",
		"src:"+from.bucket+"/"+datasetName, "dst:"+to.bucket+"/"+datasetName)
}

// expectAt counts what a run left at a destination, with rclone, which knows nothing of datagravity.
func (b *bed) expectAt(ctx context.Context, at place, s source) error {
	u, err := b.rcloneCommand(b.remote("dst", at), "size", "--json", "dst:"+at.bucket+"/"+datasetName).run(ctx)
	if err != nil {
		return err
	}
	var found struct{ Count, Bytes int64 }
	if err := json.Unmarshal(u.stdout, &found); err != nil {
		return fmt.Errorf("rclone size printed %q: %w", u.stdout, err)
	}
	if found.Count != s.objects || found.Bytes != s.totalBytes() {
		return fmt.Errorf("%d objects of %d bytes together are in %s, the source has %s", found.Count, found.Bytes, at.bucket, s)
	}
	return nil
}

// expectSame reads every object at a destination, with rclone, and compares its SHA-256 with that of what was written to the
// source.
func (b *bed) expectSame(ctx context.Context, at place, s source) error {
	u, err := b.rcloneCommand(b.remote("dst", at), "hashsum", "sha256", "--download", "dst:"+at.bucket+"/"+datasetName).run(ctx)
	if err != nil {
		return err
	}
	same := int64(0)
	for line := range strings.Lines(string(u.stdout)) {
		sum, path, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if want, ok := s.sha256[datasetName+"/"+path]; !ok || want != sum {
			return fmt.Errorf("%s in %s has SHA-256 %s, want %s", path, at.bucket, sum, want)
		}
		same++
	}
	if same != s.objects {
		return fmt.Errorf("%d objects are in %s, the source has %d", same, at.bucket, s.objects)
	}
	return nil
}

// drop removes a bucket with all that is in it, so that runs do not fill the disk.
func (b *bed) drop(ctx context.Context, at place) error {
	_, err := b.rcloneCommand(b.remote("dst", at), "purge", "dst:"+at.bucket).run(ctx)
	return err
}
