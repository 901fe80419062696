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

// source is a dataset of random objects in a container.
type source struct {
	container string
	objects   int64
	sizeBytes int64 // of each
	// sha256 of an object by its key, hex.
	sha256 map[string]string
}

func (s source) totalBytes() int64 { return s.objects * s.sizeBytes }

func (s source) String() string {
	return fmt.Sprintf("%d objects of %d bytes", s.objects, s.sizeBytes)
}

// key names the i-th object, in an order that is also that of the listing.
func (s source) key(i int64) string {
	return fmt.Sprintf("%s/%02d/shard-%06d.bin", datasetName, i/1000, i)
}

// seed fills a container. Objects are committed from blocks, as azcopy and parallel uploads leave them: without a stored
// Content-MD5, which would spare rclone its own hashing.
func (b *bed) seed(ctx context.Context, name string, objects, sizeBytes int64) (source, error) {
	s := source{container: name, objects: objects, sizeBytes: sizeBytes, sha256: map[string]string{}}
	b.say("  writing %s to Azurite", s)
	if err := b.azure.CreateBucket(ctx, name); err != nil {
		return s, err
	}
	credentials := map[string]string{}
	for _, kv := range b.azure.Env() {
		k, v, _ := strings.Cut(kv, "=")
		credentials[k] = v
	}
	cred, err := container.NewSharedKeyCredential(credentials["AZURE_STORAGE_ACCOUNT"], credentials["AZURE_STORAGE_KEY"])
	if err != nil {
		return s, err
	}
	client, err := container.NewClientWithSharedKeyCredential(b.azure.Endpoint+"/"+name, cred, nil)
	if err != nil {
		return s, err
	}
	sums := make([]string, objects)
	g, shared := errgroup.WithContext(ctx)
	g.SetLimit(writersAtOnce)
	for i := range objects {
		g.Go(func() (err error) {
			sums[i], err = writeBlob(shared, client, s.key(i), uint64(i), sizeBytes)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return s, err
	}
	for i, sum := range sums {
		s.sha256[s.key(int64(i))] = sum
	}
	return s, expectNoMD5(ctx, client, s.key(0))
}

// writeBlob writes random bytes that depend on seed alone and returns their SHA-256.
func writeBlob(ctx context.Context, c *container.Client, key string, seed uint64, sizeBytes int64) (string, error) {
	var start [32]byte
	binary.LittleEndian.PutUint64(start[:], seed)
	random, sum := rand.NewChaCha8(start), sha256.New()
	client := c.NewBlockBlobClient(key)
	block := make([]byte, min(blockBytes, sizeBytes))
	var ids []string
	for left := sizeBytes; left > 0; {
		block = block[:min(int64(len(block)), left)]
		left -= int64(len(block))
		if _, err := io.ReadFull(io.TeeReader(random, sum), block); err != nil {
			return "", err
		}
		id := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(len(ids))))
		if _, err := client.StageBlock(ctx, id, streaming.NopCloser(bytes.NewReader(block)), nil); err != nil {
			return "", fmt.Errorf("write %s: %w", key, err)
		}
		ids = append(ids, id)
	}
	if _, err := client.CommitBlockList(ctx, ids, nil); err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
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
