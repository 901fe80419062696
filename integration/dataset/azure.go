package dataset

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/internal/emulator"
)

// blockBytes is the size of a staged block. What is committed from blocks keeps no Content-MD5 unless the client sends one,
// which is how azcopy, the SDKs' parallel uploads and most training sets' writers leave large blobs.
const blockBytes = 4 << 20

// writersAtOnce is how many objects are written at the same time: Azurite has one thread for all of them.
const writersAtOnce = 2

// WriteAzure writes every object to a container, which is made if it is missing, under a prefix ("" or ending in a slash),
// in blocks and without a stored Content-MD5, the index last.
func (d *Dataset) WriteAzure(ctx context.Context, a *emulator.Azurite, containerName, prefix string) error {
	w, err := newAzureWriter(ctx, a, containerName, prefix)
	if err != nil {
		return err
	}
	return w.publish(ctx, d.Objects())
}

// UpdateAzure makes of the version before what the receiver is: it writes what the changes name, the index after the shards,
// then deletes what they leave behind. The changes are those that [Dataset.Mutate] or [Dataset.Reshuffle] returned with the receiver.
func (d *Dataset) UpdateAzure(ctx context.Context, a *emulator.Azurite, containerName, prefix string, changes []Change) error {
	w, err := newAzureWriter(ctx, a, containerName, prefix)
	if err != nil {
		return err
	}
	changed := map[string]bool{}
	var gone []string
	for _, c := range changes {
		switch c.Kind {
		case Deleted:
			gone = append(gone, c.Path)
		case Renamed:
			gone = append(gone, c.From)
			changed[c.Path] = true
		case Replaced, Inserted, Added, Dealt, Indexed:
			changed[c.Path] = true
		}
	}
	var objects []Object
	for _, o := range d.Objects() {
		if changed[o.Path] {
			objects = append(objects, o)
		}
	}
	if err := w.publish(ctx, objects); err != nil {
		return err
	}
	for _, path := range gone {
		if _, err := w.client.NewBlobClient(prefix+path).Delete(ctx, nil); err != nil && !bloberror.HasCode(err, bloberror.BlobNotFound) {
			return fmt.Errorf("delete %s: %w", path, err)
		}
	}
	return nil
}

// azureWriter writes objects of a dataset with the plain SDK.
type azureWriter struct {
	client *container.Client
	prefix string
}

func newAzureWriter(ctx context.Context, a *emulator.Azurite, name, prefix string) (*azureWriter, error) {
	if err := a.CreateBucket(ctx, name); err != nil {
		return nil, fmt.Errorf("create container %s: %w", name, err)
	}
	env := map[string]string{}
	for _, kv := range a.Env() {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	cred, err := container.NewSharedKeyCredential(env["AZURE_STORAGE_ACCOUNT"], env["AZURE_STORAGE_KEY"])
	if err != nil {
		return nil, err
	}
	client, err := container.NewClientWithSharedKeyCredential(a.Endpoint+"/"+name, cred, nil)
	return &azureWriter{client: client, prefix: prefix}, err
}

// publish writes the objects, the last one after all others.
func (w *azureWriter) publish(ctx context.Context, objects []Object) error {
	if len(objects) == 0 {
		return nil
	}
	g, shared := errgroup.WithContext(ctx)
	g.SetLimit(writersAtOnce)
	last := len(objects) - 1
	for _, o := range objects[:last] {
		g.Go(func() error { return w.write(shared, o) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return w.write(ctx, objects[last])
}

func (w *azureWriter) write(ctx context.Context, o Object) error {
	b := &blockWriter{ctx: ctx, client: w.client.NewBlockBlobClient(w.prefix + o.Path)}
	if _, err := o.WriteTo(b); err != nil {
		return fmt.Errorf("write %s: %w", o.Path, err)
	}
	if err := b.commit(); err != nil {
		return fmt.Errorf("write %s: %w", o.Path, err)
	}
	return nil
}

// blockWriter stages what is written to it, block by block. It lives for one object's writing, as its context does.
type blockWriter struct {
	ctx    context.Context
	client *blockblob.Client
	buffer bytes.Buffer
	ids    []string
}

func (b *blockWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), blockBytes-b.buffer.Len())
		b.buffer.Write(p[:n])
		p = p[n:]
		written += n
		if b.buffer.Len() == blockBytes {
			if err := b.stage(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

func (b *blockWriter) stage() error {
	id := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(len(b.ids))))
	body := streaming.NopCloser(bytes.NewReader(b.buffer.Bytes()))
	if _, err := b.client.StageBlock(b.ctx, id, body, nil); err != nil {
		return err
	}
	b.ids = append(b.ids, id)
	b.buffer.Reset()
	return nil
}

func (b *blockWriter) commit() error {
	if b.buffer.Len() > 0 {
		if err := b.stage(); err != nil {
			return err
		}
	}
	_, err := b.client.CommitBlockList(b.ctx, b.ids, nil)
	return err
}

var _ io.Writer = (*blockWriter)(nil)
