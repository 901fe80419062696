package s3

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob"

	"github.com/datagravity/datagravity/pkg/store"
)

var _ store.Store = (*Store)(nil)

// Store is one S3 bucket. It is made by [Open].
type Store struct {
	url    string
	bucket string
	blob   *blob.Bucket
	client *awss3.Client
	http   *http.Client
	// ownHTTP: the HTTP client is ours, so Close closes its idle connections.
	ownHTTP     bool
	credentials *credentials

	// amazon: the service is AWS itself, whose behaviour is documented; any other may ignore a condition.
	amazon       bool
	encryption   encryption
	capabilities store.Capabilities // but for what depends on integrity
	integrity    negotiated

	// copyMaxBytes is the most that CopyObject takes; copyPartBytes is the size of the parts in which larger ones go.
	copyMaxBytes, copyPartBytes int64
}

// encryption of what we write, where the URL asks for one.
type encryption struct {
	kind types.ServerSideEncryption
	key  string
}

// apply returns the encryption for an object with these properties: its own key before the bucket URL's.
func (e encryption) apply(p store.Properties) (types.ServerSideEncryption, *string) {
	switch {
	case p.KMSKey != "":
		if e.kind == types.ServerSideEncryptionAwsKmsDsse {
			return e.kind, &p.KMSKey
		}
		return types.ServerSideEncryptionAwsKms, &p.KMSKey
	case e.key != "":
		return e.kind, &e.key
	default:
		return e.kind, nil
	}
}

// negotiated is the integrity mode in use, and whether a write has confirmed it.
type negotiated struct {
	mode      atomic.Int32
	confirmed atomic.Bool
}

// URL names the bucket, with its endpoint where that is not AWS's.
func (s *Store) URL() string { return s.url }

// Close closes idle connections if Open made the HTTP client; a client that was given to Open is its giver's.
func (s *Store) Close() error {
	if s.ownHTTP {
		s.http.CloseIdleConnections()
	}
	return s.blob.Close()
}

// ETags are kept without the quotes of the wire, so that a listing (where some servers leave them out) and a header agree.
func fromETag(p *string) string { return strings.Trim(aws.ToString(p), `"`) }

func toETag(s string) *string { return aws.String(`"` + strings.Trim(s, `"`) + `"`) }

// fromVersion: "null" is the version id of objects written while versioning was off or suspended.
func fromVersion(p *string) string {
	if v := aws.ToString(p); v != "null" {
		return v
	}
	return ""
}

// conditions are the headers of a conditional write.
func conditions(c store.Condition) (ifMatch, ifNoneMatch *string) {
	switch {
	case c.IsAbsent():
		return nil, aws.String("*")
	case c.ETag() != "":
		return toETag(c.ETag()), nil
	default:
		return nil, nil
	}
}

// isConditional tells whether a write may be refused for what stands at its key.
func isConditional(c store.Condition) bool { return c.IsAbsent() || c.ETag() != "" }

// optional is nil for the empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
