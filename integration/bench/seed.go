package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"
)

const (
	// datasetName is the dataset, its prefix at the source and at every destination.
	datasetName = "data"
	// blockBytes of a staged block; 8 MiB is what Azurite takes fastest.
	blockBytes = 8 << 20
	// writersAtOnce keeps Azurite's one thread busy.
	writersAtOnce = 8
)

// source is a dataset in a container.
type source struct {
	container           string
	objects, totalBytes int64
	// sha256 of an object by its key, hex.
	sha256 map[string]string
}

func (s source) String() string {
	return fmt.Sprintf("%d objects of %d bytes together", s.objects, s.totalBytes)
}

// numbered names the i-th object, in an order that is also that of the listing.
func numbered(i int64) string {
	return fmt.Sprintf("%s/%02d/shard-%06d.bin", datasetName, i/1000, i)
}

// object is one to be written.
type object struct {
	key       string
	sizeBytes int64
	content   io.Reader
}

// seed fills a container with objects of random bytes, of one size each.
func (b *bed) seed(ctx context.Context, name string, objects, sizeBytes int64) (source, error) {
	return b.write(ctx, name, objects, func(i int64) object {
		var start [32]byte
		binary.LittleEndian.PutUint64(start[:], uint64(i))
		return object{numbered(i), sizeBytes, io.LimitReader(rand.NewChaCha8(start), sizeBytes)}
	})
}

// write fills a container. Objects are committed from blocks, as azcopy and parallel uploads leave them: without a stored
// Content-MD5, which would spare rclone its own hashing. made is called from several goroutines.
func (b *bed) write(ctx context.Context, name string, objects int64, made func(i int64) object) (source, error) {
	s := source{container: name, objects: objects, sha256: map[string]string{}}
	b.say("  writing %d objects to Azurite", objects)
	if err := b.azure.CreateBucket(ctx, name); err != nil {
		return s, err
	}
	client, err := b.container(name)
	if err != nil {
		return s, err
	}
	var mu sync.Mutex
	g, shared := errgroup.WithContext(ctx)
	g.SetLimit(writersAtOnce)
	for i := range objects {
		g.Go(func() error {
			o := made(i)
			sum, err := writeBlob(shared, client, o)
			mu.Lock()
			defer mu.Unlock()
			s.sha256[o.key] = sum
			s.totalBytes += o.sizeBytes
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return s, err
	}
	if int64(len(s.sha256)) != objects {
		return s, fmt.Errorf("%d objects were written under %d keys", objects, len(s.sha256))
	}
	for key := range s.sha256 {
		return s, expectNoMD5(ctx, client, key)
	}
	return s, nil
}

// container is the service's own client of a container.
func (b *bed) container(name string) (*container.Client, error) {
	credentials := b.credentials()
	cred, err := container.NewSharedKeyCredential(credentials["AZURE_STORAGE_ACCOUNT"], credentials["AZURE_STORAGE_KEY"])
	if err != nil {
		return nil, err
	}
	return container.NewClientWithSharedKeyCredential(b.azure.Endpoint+"/"+name, cred, nil)
}

// credentials are what the servers' clients read from the environment.
func (b *bed) credentials() map[string]string {
	out := map[string]string{}
	for _, kv := range b.env {
		k, v, _ := strings.Cut(kv, "=")
		out[k] = v
	}
	return out
}

// dropSource removes a container. Azurite frees the disk some minutes later.
func (b *bed) dropSource(ctx context.Context, s source) error {
	client, err := b.container(s.container)
	if err != nil {
		return err
	}
	_, err = client.Delete(ctx, nil)
	return err
}

// writeBlob writes an object and returns its SHA-256.
func writeBlob(ctx context.Context, c *container.Client, o object) (string, error) {
	sum := sha256.New()
	content := io.TeeReader(o.content, sum)
	client := c.NewBlockBlobClient(o.key)
	block := make([]byte, min(blockBytes, o.sizeBytes))
	var ids []string
	for left := o.sizeBytes; left > 0; {
		block = block[:min(int64(len(block)), left)]
		left -= int64(len(block))
		if _, err := io.ReadFull(content, block); err != nil {
			return "", err
		}
		id := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(len(ids))))
		if _, err := client.StageBlock(ctx, id, streaming.NopCloser(bytes.NewReader(block)), nil); err != nil {
			return "", fmt.Errorf("write %s: %w", o.key, err)
		}
		ids = append(ids, id)
	}
	if _, err := client.CommitBlockList(ctx, ids, nil); err != nil {
		return "", fmt.Errorf("write %s: %w", o.key, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// expectNoMD5 looks at one of the objects.
func expectNoMD5(ctx context.Context, c *container.Client, key string) error {
	properties, err := c.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return fmt.Errorf("look at %s: %w", key, err)
	}
	if len(properties.ContentMD5) > 0 {
		return fmt.Errorf("%s has a Content-MD5: the comparison would not be one of equals", key)
	}
	return nil
}
