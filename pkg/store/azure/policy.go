package azure

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// identityPolicy says that bodies are wanted as they are stored. Without it Go's transport asks for gzip by itself (the
// SDK moves Range to x-ms-range, so the transport's own guard does not see it) and would unpack a blob whose
// Content-Encoding property is gzip.
type identityPolicy struct{}

func (identityPolicy) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("Accept-Encoding", "identity")
	return req.Next()
}

type listingKey struct{}

// withListing has the listing that is asked for under the returned context parsed into p.
func withListing(ctx context.Context, p *listing) context.Context {
	return context.WithValue(ctx, listingKey{}, p)
}

// listingPolicy parses List Blobs answers with [parseListing] and hands the SDK an empty one. The SDK's own parser goes
// through encoding/xml with reflection: BenchmarkList took 0.50 s of CPU for 20,000 blobs with it (0.45 s of that in
// encoding/xml, 4.1 million allocations) and takes 0.07 s with ours (81,000).
type listingPolicy struct{}

var emptyListing = []byte(`<?xml version="1.0"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>`)

func (listingPolicy) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	into, ok := req.Raw().Context().Value(listingKey{}).(*listing)
	if err != nil || !ok || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return resp, err
	}
	if err := parseListing(body, into); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(emptyListing))
	return resp, nil
}
