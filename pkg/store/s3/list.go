package s3

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/pkg/store"
)

// listMax is S3's own limit of a page.
const listMax = 1000

// List returns a page of at most 1000 objects. A listing carries no checksum values: Head tells them.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	in := &awss3.ListObjectsV2Input{
		Bucket:            &s.bucket,
		Prefix:            optional(o.Prefix),
		ContinuationToken: optional(o.Token),
		// Keys may hold characters that XML cannot.
		EncodingType: types.EncodingTypeUrl,
	}
	if o.Max > 0 {
		in.MaxKeys = aws.Int32(int32(min(o.Max, listMax)))
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return store.Page{}, s.fail("list", o.Prefix, err)
	}
	p := store.Page{Objects: make([]store.Object, 0, len(out.Contents))}
	for _, c := range out.Contents {
		key, err := decode(out.EncodingType, aws.ToString(c.Key))
		if err != nil {
			return store.Page{}, s.refuse("list", o.Prefix, store.ErrPermanent, "%w", err)
		}
		p.Objects = append(p.Objects, store.Object{
			Key:          key,
			Size:         aws.ToInt64(c.Size),
			ETag:         fromETag(c.ETag),
			Modified:     aws.ToTime(c.LastModified),
			StorageClass: storageClass(string(c.StorageClass)),
		})
	}
	if aws.ToBool(out.IsTruncated) {
		if p.Next = aws.ToString(out.NextContinuationToken); p.Next == "" {
			return store.Page{}, s.refuse("list", o.Prefix, store.ErrPermanent,
				"the server says that the listing goes on, but gives no token to go on with")
		}
	}
	return p, nil
}

// decode undoes encoding-type=url, for servers that say they did it. It is the form encoding, where "+" is a space.
func decode(encoding types.EncodingType, key string) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return key, nil
	}
	v, err := url.QueryUnescape(key)
	if err != nil {
		return "", fmt.Errorf("the server's encoding of the key %q cannot be undone", key)
	}
	return v, nil
}

// storageClass is "" for the default, as HEAD answers it.
func storageClass(v string) string {
	if v == string(types.StorageClassStandard) {
		return ""
	}
	return v
}
