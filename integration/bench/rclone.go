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
		credentials := b.credentials()
		settings = map[string]string{
			"TYPE": "azureblob", "ENDPOINT": p.endpoint,
			"ACCOUNT": credentials["AZURE_STORAGE_ACCOUNT"], "KEY": credentials["AZURE_STORAGE_KEY"],
		}
	case "s3":
		settings = map[string]string{
			"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": p.endpoint, "REGION": "us-east-1", "FORCE_PATH_STYLE": "true", "ENV_AUTH": "true",
		}
	case "file":
		settings = map[string]string{"TYPE": "local"}
	case "gs":
		settings = map[string]string{"TYPE": "googlecloudstorage", "ENDPOINT": p.endpoint + "/storage/v1/", "ANONYMOUS": "true"}
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
func (b *bed) copyDataset(from, to place, flags ...string) command {
	return b.rcloneCommand(append(b.remote("src", from), b.remote("dst", to)...),
		append([]string{"copy", "src:" + from.bucket + "/" + datasetName, "dst:" + to.bucket + "/" + datasetName}, flags...)...)
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
	if found.Count != s.objects || found.Bytes != s.totalBytes {
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

// expectTidy wants nothing of ours to be left at a destination but receipts, which are written last and stay, and a file store's
// empty lock.
func (b *bed) expectTidy(ctx context.Context, at place) error {
	u, err := b.rcloneCommand(b.remote("dst", at), "lsf", "--recursive", "--files-only", "--exclude", "/"+datasetName+"/**",
		"--exclude", "/.datagravity/ready/**", "--exclude", "/.datagravity/uploads/lock", "dst:"+at.bucket).run(ctx)
	if err != nil {
		return err
	}
	if len(u.stdout) > 0 {
		return fmt.Errorf("left behind in %s:\n%s", at.bucket, u.stdout)
	}
	if !strings.HasPrefix(at.url, "s3://") {
		return nil
	}
	n, err := b.openUploads(ctx, at)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d uploads were left open in %s", n, at.bucket)
	}
	return err
}

// openUploads counts the unfinished multipart uploads in a bucket of the S3 server, with rclone.
func (b *bed) openUploads(ctx context.Context, at place) (int64, error) {
	u, err := b.rcloneCommand(b.remote("dst", at), "backend", "list-multipart-uploads", "dst:"+at.bucket).run(ctx)
	if err != nil {
		return 0, err
	}
	var found map[string][]json.RawMessage
	if err := json.Unmarshal(u.stdout, &found); err != nil {
		return 0, fmt.Errorf("rclone backend list-multipart-uploads printed %q: %w", u.stdout, err)
	}
	list, ok := found[at.bucket]
	if !ok {
		return 0, fmt.Errorf("rclone backend list-multipart-uploads told nothing of bucket %s: %q", at.bucket, u.stdout)
	}
	return int64(len(list)), nil
}
