package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/datagravity/datagravity/internal/emulator"
)

// bucketReader reads a place without any of datagravity's code, as somebody who does not trust it would.
type bucketReader interface {
	// list returns the size of every object, in bytes, by its key. What else costs money there is listed as private.
	list(ctx context.Context) (map[string]int64, error)
	// read returns the whole object.
	read(ctx context.Context, key string) ([]byte, error)
}

// environment reads NAME=VALUE as the SDKs would find it.
func environment(env []string) map[string]string {
	out := map[string]string{}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		out[k] = v
	}
	return out
}

// azureReader reads with the Azure SDK.
type azureReader struct{ client *container.Client }

func newAzureReader(a *emulator.Azurite, name string) (azureReader, error) {
	env := environment(a.Env())
	cred, err := container.NewSharedKeyCredential(env["AZURE_STORAGE_ACCOUNT"], env["AZURE_STORAGE_KEY"])
	if err != nil {
		return azureReader{}, err
	}
	client, err := container.NewClientWithSharedKeyCredential(a.Endpoint+"/"+name, cred, nil)
	return azureReader{client}, err
}

func (r azureReader) list(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for pages := r.client.NewListBlobsFlatPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Segment.BlobItems {
			out[*b.Name] = *b.Properties.ContentLength
		}
	}
	return out, nil
}

func (r azureReader) read(ctx context.Context, key string) ([]byte, error) {
	got, err := r.client.NewBlobClient(key).DownloadStream(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	return drain(got.Body, *got.ContentLength)
}

// s3Reader reads with the AWS SDK.
type s3Reader struct {
	client *s3.Client
	bucket string
}

func newS3Reader(s *emulator.S3, bucket string) s3Reader {
	env := environment(s.Env())
	return s3Reader{bucket: bucket, client: s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	})}
}

func (r s3Reader) list(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for pages := s3.NewListObjectsV2Paginator(r.client, &s3.ListObjectsV2Input{Bucket: &r.bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			out[*o.Key] = *o.Size
		}
	}
	// Parts of an unfinished upload are paid for and in no listing.
	for pages := s3.NewListMultipartUploadsPaginator(r.client, &s3.ListMultipartUploadsInput{Bucket: &r.bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Uploads {
			out[private+"unfinished upload of "+*u.Key] = 0
		}
	}
	return out, nil
}

func (r s3Reader) read(ctx context.Context, key string) ([]byte, error) {
	got, err := r.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.bucket, Key: aws.String(key)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	return drain(got.Body, aws.ToInt64(got.ContentLength))
}

// gcsReader reads with plain GETs of the JSON API.
type gcsReader struct{ endpoint, bucket string }

func (r gcsReader) list(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for token := ""; ; {
		body, err := r.get(ctx, "?pageToken="+url.QueryEscape(token))
		if err != nil {
			return nil, err
		}
		var page struct {
			Items []struct {
				Name string
				Size int64 `json:",string"`
			}
			NextPageToken string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, o := range page.Items {
			out[o.Name] = o.Size
		}
		if token = page.NextPageToken; token == "" {
			return out, nil
		}
	}
}

func (r gcsReader) read(ctx context.Context, key string) ([]byte, error) {
	return r.get(ctx, "/"+url.PathEscape(key)+"?alt=media")
}

func (r gcsReader) get(ctx context.Context, what string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.endpoint+"/storage/v1/b/"+r.bucket+"/o"+what, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := drain(resp.Body, resp.ContentLength)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", req.URL, resp.Status, body)
	}
	return body, err
}

// dirReader reads files.
type dirReader string

func (r dirReader) list(context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := filepath.WalkDir(string(r), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		key, err := filepath.Rel(string(r), path)
		out[filepath.ToSlash(key)] = info.Size()
		return err
	})
	return out, err
}

func (r dirReader) read(_ context.Context, key string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(r), filepath.FromSlash(key)))
}

// drain reads a body to its end. A negative size is unknown; a body of another size is an error.
func drain(body io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return io.ReadAll(body)
	}
	p := make([]byte, size)
	if _, err := io.ReadFull(body, p); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(body)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes more than announced", len(rest))
	}
	return p, err
}
