package gcs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/storage"

	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// maxComposed is the most sources of one compose (Cloud Storage, Quotas and limits).
	maxComposed = 32
	// maxParts is our own limit, the same as S3's. The service limits only the sources of one compose; 10,000 parts are a
	// tree of three levels and 324 composes.
	maxParts = 10_000
	// maxObject is the largest object of the service, however it is written (Cloud Storage, Quotas and limits).
	maxObject = 5 * store.TiB
)

// freeToDelete are the storage classes without a charge for early deletion: STANDARD and the two older names of it.
var freeToDelete = []string{"STANDARD", "REGIONAL", "MULTI_REGIONAL"}

// readSettings fills the capabilities from the bucket's settings. The right to read them (storage.buckets.get) is not part
// of the usual object roles, so being refused is no failure.
func (s *Store) readSettings(ctx context.Context) error {
	s.caps = store.Capabilities{
		Provider:      "gcp",
		RequestPrices: "gcp",
		Names: store.NameRules{
			MaxBytes: 1024, CRLF: true, InvalidUTF8: true,
			Reserved: []string{".well-known/acme-challenge/"},
		},
		Parts:             store.PartLimits{MinBytes: 1, MaxBytes: maxObject, MaxParts: maxParts, MaxObjectBytes: maxObject},
		PutMaxBytes:       maxObject,
		CopyMaxBytes:      maxObject,
		ServerChecks:      []string{"crc32c", "md5"},
		ObjectChecksums:   []string{"crc32c"},
		Proof:             "the service checks each part and the finished object against a CRC32C that we send, and reports the object's own",
		ListsParts:        true,
		PreservesEncoding: true,
	}
	attrs, err := s.client.Bucket(s.bucket).Attrs(ctx)
	if err != nil {
		failed := s.fail("open", "", err)
		if store.KindOf(failed) != store.ErrPermission {
			return failed
		}
		s.caps.Warnings = []string{"the bucket's settings cannot be read (grant storage.buckets.get): its region, and whether it keeps versions or deleted objects, are unknown"}
		return nil
	}
	s.caps.Region = strings.ToLower(attrs.Location)
	s.class, s.versions = attrs.StorageClass, attrs.VersioningEnabled
	s.caps.Versions = attrs.VersioningEnabled
	s.caps.Warnings = warnings(attrs)
	return nil
}

// warnings are the settings that make temporary objects cost money or impossible to remove.
func warnings(attrs *storage.BucketAttrs) []string {
	var w []string
	if p := attrs.SoftDeletePolicy; p != nil && p.RetentionDuration > 0 {
		w = append(w, fmt.Sprintf("soft delete keeps deleted objects for %s: the parts of every upload are stored, and billed, that long after they are assembled", days(p.RetentionDuration)))
	}
	if attrs.VersioningEnabled {
		w = append(w, "object versioning keeps replaced and deleted shards, and bills them, until a lifecycle rule removes them; parts of uploads are deleted for good")
	}
	if p := attrs.RetentionPolicy; p != nil && p.RetentionPeriod > 0 {
		w = append(w, fmt.Sprintf("a retention policy forbids deleting any object for %s: parts of uploads stay that long, and a part cannot be sent twice", days(p.RetentionPeriod)))
	}
	if attrs.DefaultEventBasedHold {
		w = append(w, "new objects are held until the hold is released: parts of uploads cannot be removed")
	}
	if attrs.RequesterPays {
		w = append(w, "the bucket is requester pays, which needs a project to bill on every request: requests are refused")
	}
	if c := attrs.StorageClass; c != "" && !slices.Contains(freeToDelete, c) {
		w = append(w, fmt.Sprintf("the default storage class is %s: an upload in parts ends with a rewrite into it, and replacing or deleting a shard early is charged", c))
	}
	return w
}

func days(d time.Duration) string {
	if d < 24*time.Hour {
		return d.String()
	}
	return fmt.Sprintf("%.4g days", d.Hours()/24)
}

// checkName refuses a key that the service cannot hold, before any request.
func (s *Store) checkName(op, key string) error {
	err := s.caps.Names.Check(key)
	if err == nil && (key == "." || key == "..") {
		err = fmt.Errorf("%w: %q is not an object name here", store.ErrName, key)
	}
	if err != nil {
		return &store.Error{Op: op, Store: s.url, Key: key, Kind: store.ErrName, NotSent: true, Err: err}
	}
	return nil
}
