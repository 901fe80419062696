package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"
)

// requestsAtOnce are about as many as a sync of small objects has under way.
const requestsAtOnce = 16

// requestSeconds is the CPU time of the two requests that bring a small object from Azure to S3, one to read it and one to write it, for each object
// of a source: by the SDKs alone, in this process, with the least that they can be told. There is no listing, no proof, no price and no record.
func (b *bed) requestSeconds(ctx context.Context, s source, to place) (float64, error) {
	from, err := b.container(s.container)
	if err != nil {
		return 0, err
	}
	credentials := b.credentials()
	dest := awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: &to.endpoint, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: credentials["AWS_ACCESS_KEY_ID"], SecretAccessKey: credentials["AWS_SECRET_ACCESS_KEY"]}, nil
		}),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	before, err := cpuTime()
	if err != nil {
		return 0, err
	}
	g, shared := errgroup.WithContext(ctx)
	g.SetLimit(requestsAtOnce)
	for key := range s.sha256 {
		g.Go(func() error { return copyObject(shared, from, dest, to.bucket, key) })
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	after, err := cpuTime()
	return after - before, err
}

// copyObject reads an object and writes it.
func copyObject(ctx context.Context, from *container.Client, dest *awss3.Client, bucket, key string) error {
	resp, err := from.NewBlobClient(key).DownloadStream(ctx, &blob.DownloadStreamOptions{})
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	// No hash of the body for the signature either: datagravity sends it a CRC.
	_, err = dest.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)},
		awss3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}
