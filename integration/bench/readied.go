package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

const (
	readyShards = 100_000
	// readyMilliseconds is what an answer from the manifest may take.
	readyMilliseconds = 300
	// s3Page is the most keys that a page of an S3 listing has.
	s3Page = 1000
)

// readied asks whether a job of 100,000 shards is ready, beside the daemon that brought it: while what was seen at the destination is young enough, and
// when it is not, so that the bucket is listed. The objects are there, in a real S3 server. Nobody to compare with.
func readied(ctx context.Context, b *bed) (rows []row, err error) {
	shards := int(b.scaled(readyShards))
	src, err := serve(newLister(shards))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	bucket, err := b.bucket(ctx, "ready")
	if err != nil {
		return nil, err
	}
	b.say("  writing %d objects to S3", shards)
	if err := b.putListed(ctx, bucket, shards); err != nil {
		return nil, err
	}
	dst, err := startCounter(b.s3.Addr())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dst.Close(ctx)) }()
	from, to := listedPlace(src.addr), b.s3Place(bucket).behind(dst.Through)
	a, err := b.newAgent(from, to)
	if err != nil {
		return nil, err
	}
	b.say("  writing the manifest of %d shards", shards)
	if err := b.finish(ctx, filepath.Join(a.dir, "state"), from); err != nil {
		return nil, err
	}
	d, err := a.daemon(ctx)
	if err != nil {
		return nil, err
	}
	defer d.ending(b, &err)
	if _, err := a.command("stage", datasetName, "--to", "site", "--job", "large").run(ctx); err != nil {
		return nil, err
	}
	if _, err := a.command("wait", "--job", "large", "--timeout", "2m").run(ctx); err != nil {
		return nil, err
	}
	return b.askReady(ctx, a, dst, shards)
}

// askReady asks often with what was seen young enough, and then with nothing young enough.
func (b *bed) askReady(ctx context.Context, a *agent, dst *counter, shards int) ([]row, error) {
	var wall, cpu float64
	asked := dst.requests.Load()
	for run := range b.runs + 1 {
		u, err := a.command("ready", "--job", "large").run(ctx)
		if err == nil {
			err = expectJobReady(u, shards)
		}
		if err != nil {
			return nil, err
		}
		b.say("  ready, run %d of %d: %s", run, b.runs, u)
		if run > 0 { // the first is a warm-up
			wall, cpu = max(wall, milliseconds(u)), max(cpu, cpuMilliseconds(u))
		}
	}
	asked = dst.requests.Load() - asked
	listings, all := dst.listings.Load(), dst.requests.Load()
	u, err := a.command("ready", "--job", "large", "--max-age", "1ms").run(ctx)
	if err == nil {
		err = expectJobReady(u, shards)
	}
	if err != nil {
		return nil, err
	}
	listings, all = dst.listings.Load()-listings, dst.requests.Load()-all
	b.say("  ready with a listing: %s, %d list requests, %d in all", u, listings, all)
	if listings == 0 {
		return nil, errors.New("no listing of the destination was counted: the daemon does not go through the counter")
	}
	name := fmt.Sprintf("ready of a job of %d shards beside the daemon", shards)
	return []row{
		alone(fmt.Sprintf("%s, worst of %d runs", name, b.runs), "ms", wall, readyMilliseconds),
		noted(name+": CPU of the process that asks", "ms", cpu),
		alone(name+": requests to the destination", "requests", float64(asked), 0),
		alone(name+", seen too long ago: list requests to the destination", "requests", float64(listings), float64(shards/s3Page+1)),
		noted(name+", seen too long ago: all requests to the destination", "requests", float64(all)),
		noted(name+", seen too long ago: wall, most of it the server's", "s", wallSeconds(u)),
	}, nil
}

// expectJobReady wants an answer that all of a job is there.
func expectJobReady(u usage, shards int) error {
	var r struct {
		Ready  bool `json:"ready"`
		Places []struct {
			Shards int `json:"shards"`
		} `json:"destinations"`
	}
	if err := json.Unmarshal(u.stdout, &r); err != nil {
		return fmt.Errorf("what ready printed: %w", err)
	}
	if !r.Ready || len(r.Places) != 1 || r.Places[0].Shards != shards {
		return fmt.Errorf("ready printed %s, want %d shards that are ready", lastLines(string(u.stdout)), shards)
	}
	return nil
}

// madeUp is the content of the i-th blob of a lister, which has none.
func madeUp(i uint64, sizeBytes int64) []byte {
	b := make([]byte, sizeBytes)
	binary.LittleEndian.PutUint64(b, i)
	return b
}

// putListed writes what a lister lists into a bucket, as a sync would have.
func (b *bed) putListed(ctx context.Context, bucket string, blobs int) error {
	keys := b.credentials()
	client := s3.New(s3.Options{
		BaseEndpoint: &b.s3.Endpoint, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], ""),
	})
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writersAtOnce)
	for i := range blobs {
		g.Go(func() error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &bucket, Key: aws.String(listedKey(i)), Body: bytes.NewReader(madeUp(uint64(i), listedBytes)),
			})
			return err
		})
	}
	return g.Wait()
}
