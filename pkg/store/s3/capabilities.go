package s3

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/pkg/store"
)

// Limits of Amazon S3 ("Amazon S3 multipart upload limits", "Uploading objects", read in 2026): parts of 5 MiB to 5 GiB,
// 10,000 of them, which is 48.8 TiB (50 TB) an object; one PUT or CopyObject up to 5 GiB. Other servers are taken at the
// limit of 5 TiB that S3 had before.
const (
	partMinBytes     = 5 * store.MiB
	partMaxBytes     = 5 * store.GiB
	partsMax         = 10_000
	objectMaxBytes   = partsMax * partMaxBytes
	objectMaxElse    = 5 * store.TiB
	putMaxBytes      = 5 * store.GiB
	copyMaxBytes     = 5 * store.GiB
	copyPartMinBytes = 512 * store.MiB
	// "greater than 5 MB", says the API reference of UploadPartCopy, and not which megabyte it means.
	rangeSourceMoreThan = 5 * store.MiB
)

// Capabilities are what the bucket can do; the checksums among them can change once, at the first write to a server that
// is not AWS.
func (s *Store) Capabilities() store.Capabilities {
	c := s.capabilities
	c.Warnings = slices.Clone(c.Warnings)
	m := s.mode()
	c.ServerChecks = []string{m.String()}
	c.Proof = m.proof()
	if m == byCRC64NVME {
		c.ObjectChecksums = []string{m.String()}
	}
	return c
}

// region asks where the bucket is. The answer to HeadBucket names it in a header even when it refuses the request; "" is
// a server that does not tell.
func (s *Store) region(ctx context.Context) (string, error) {
	out, err := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &s.bucket})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		// Whether the refusal matters is for learn to find out, with a request whose answer has a body.
		return response.Response.Header.Get("X-Amz-Bucket-Region"), nil
	}
	return "", err
}

// learn asks the bucket what it is. Only the question whether it can be used at all may fail.
func (s *Store) learn(ctx context.Context, region string) error {
	c := &s.capabilities
	s.copyMaxBytes, s.copyPartBytes = copyMaxBytes, copyPartMinBytes
	*c = store.Capabilities{
		Provider:                 "aws",
		RequestPrices:            "aws",
		Names:                    store.NameRules{MaxBytes: 1024, InvalidUTF8: true},
		Parts:                    store.PartLimits{MinBytes: partMinBytes, MaxBytes: partMaxBytes, MaxParts: partsMax, MaxObjectBytes: objectMaxBytes},
		PutMaxBytes:              putMaxBytes,
		CopyMaxBytes:             objectMaxBytes,
		CopiesParts:              true,
		RangeSourceMoreThanBytes: rangeSourceMoreThan,
		ListsParts:               true,
		PreservesEncoding:        true,
		Region:                   region,
	}
	if !s.amazon {
		c.Provider, c.RequestPrices = "onprem", ""
		c.Parts.MaxObjectBytes, c.CopyMaxBytes = objectMaxElse, objectMaxElse
		c.Names = elsewhereNames
	}
	ok, err := s.blob.IsAccessible(ctx)
	switch {
	case err == nil && !ok:
		return &store.Error{Kind: store.ErrNotFound, Err: errors.New("the bucket does not exist: check its name and the endpoint")}
	case err != nil && classify("open", err).Kind == store.ErrPermission:
		c.Warnings = append(c.Warnings, "the credentials may not list the bucket's root (s3:ListBucket): listings work only where the policy allows them")
	case err != nil:
		return err
	}
	s.learnVersioning(ctx)
	return ctx.Err()
}

// elsewhereNames are the keys that servers over a file system hold exactly. Seen with versitygw 1.8.0: "a//b", "./a" and
// "a/../b" are stored under the cleaned name, so that two keys alias; a key cannot be another's folder; "a/" cannot have
// bytes; a path segment has at most 255 bytes; control characters do not come back in a listing as they were sent.
var elsewhereNames = store.NameRules{
	MaxBytes: 1024, MaxSegmentBytes: 255, InvalidUTF8: true, DotSegments: true, EmptySegments: true,
	TrailingSlash: true, Control: true, FileOrFolder: true,
}

// learnVersioning is best effort: the rights for it are rarely given, and many servers do not know the question.
func (s *Store) learnVersioning(ctx context.Context) {
	c := &s.capabilities
	// At the same time: a round trip is all that they cost.
	lock := make(chan string, 1)
	go func() { lock <- s.locked(ctx) }()
	v, err := s.client.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &s.bucket})
	switch {
	case err != nil:
		if classify("open", err).Kind == store.ErrPermission {
			c.Warnings = append(c.Warnings, "the credentials may not ask whether the bucket keeps versions (s3:GetBucketVersioning): if it does, replaced and deleted objects go on costing money")
		}
	case v.Status == types.BucketVersioningStatusEnabled:
		c.Versions = true
		c.Warnings = append(c.Warnings, "versioning is on: replaced and deleted objects, temporary ones too, cost money until a lifecycle rule removes noncurrent versions")
	case v.Status == types.BucketVersioningStatusSuspended:
		c.Warnings = append(c.Warnings, "versioning is suspended: versions from before go on costing money until a lifecycle rule removes them")
	}
	if w := <-lock; w != "" {
		c.Warnings = append(c.Warnings, w)
	}
}

// locked says what it means for us if the bucket keeps objects from being removed; "": it does not, or does not tell.
func (s *Store) locked(ctx context.Context) string {
	lock, err := s.client.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: &s.bucket})
	if err != nil || lock.ObjectLockConfiguration == nil ||
		lock.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return ""
	}
	if r := lock.ObjectLockConfiguration.Rule; r != nil && r.DefaultRetention != nil {
		return "object lock is on with a default retention: no object, temporary ones too, can be removed before it ends"
	}
	return "object lock is on"
}
