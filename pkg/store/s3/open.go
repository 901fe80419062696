package s3

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob/s3blob"

	"github.com/datagravity/datagravity/pkg/store"
)

// Options of [Open]. The zero value is usable.
type Options struct {
	// HTTPClient sends every request to the bucket; nil means one of our own. Credentials are fetched without it.
	HTTPClient *http.Client
}

// Open opens a bucket by a URL in gocloud.dev's form,
//
//	s3://BUCKET?region=us-east-1&profile=training
//	s3://BUCKET?endpoint=https://s3.lab1.example&use_path_style=true
//
// with the parameters of gocloud.dev/aws (region, profile, role, endpoint, anonymous, dualstack, fips) and of its s3blob
// (use_path_style, accelerate, ssetype, kmskeyid, disable_https). Credentials come from the AWS default chain. A region
// that is not given is asked of the service. Open makes a handful of small requests and writes nothing.
//
// It fails with [store.ErrNotFound] for a bucket that does not exist, [store.ErrAuth] for credentials that are missing or
// wrong, and [store.ErrPermanent] for a URL that it cannot use. Credentials that may not list the bucket are no error:
// Capabilities().Warnings tells, because a policy may allow what lies below a prefix alone.
func Open(ctx context.Context, u *url.URL, o Options) (*Store, error) {
	t, err := parse(u)
	if err != nil {
		return nil, &store.Error{Op: "open", Store: "s3://" + u.Host, Kind: store.ErrPermanent, NotSent: true, Err: err}
	}
	s := &Store{url: "s3://" + t.bucket, bucket: t.bucket, encryption: t.encryption}
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, t.config)
	if err != nil {
		return nil, s.refuse("open", "", store.ErrPermanent, "%w (parameters of the store's URL, or ~/.aws/config)", err)
	}
	if s.http = o.HTTPClient; s.http == nil {
		s.http, s.ownHTTP = newHTTPClient(), true
	}
	// A redirect would be followed with a signature for the wrong host: it is answered as the error that it is.
	sender := *s.http
	sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	cfg.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	cfg.Logger = logging.Nop{}
	cfg.ClientLogMode = 0
	s.credentials = &credentials{inner: cfg.Credentials}
	if cfg.Credentials != nil && !aws.IsCredentialsProvider(cfg.Credentials, (*aws.AnonymousCredentials)(nil)) {
		cfg.Credentials = s.credentials
	}
	discover := cfg.Region == ""
	if discover {
		cfg.Region = "us-east-1" // answers for every region, if only to name it
	}
	client := func() *awss3.Client {
		return awss3.NewFromConfig(cfg, func(o *awss3.Options) {
			t.apply(o)
			o.HTTPClient = &sender
			// One round trip a part; conditional puts turn it on again (see conditional in put.go).
			o.ContinueHeaderThresholdBytes = -1
			o.DisableLogOutputChecksumValidationSkipped = true
		})
	}
	s.client = client()
	endpoint := aws.ToString(s.client.Options().BaseEndpoint) // of the URL, the environment or the profile
	if s.amazon, err = isAmazon(endpoint); err != nil {
		return nil, s.refuse("open", "", store.ErrPermanent, "%w", err)
	}
	if !s.amazon {
		s.url += "?endpoint=" + endpoint
	}
	region, err := s.region(ctx)
	if err != nil {
		return nil, s.fail("open", "", err)
	}
	if region != "" && region != cfg.Region && (discover || s.amazon) {
		cfg.Region = region
		s.client = client()
	}
	s.blob, err = s3blob.OpenBucketV2(ctx, s.client, s.bucket, &s3blob.Options{
		RequestChecksumCalculation: cfg.RequestChecksumCalculation,
		EncryptionType:             t.encryption.kind,
		KMSEncryptionID:            t.encryption.key,
	})
	if err != nil {
		return nil, s.refuse("open", "", store.ErrPermanent, "%w", err)
	}
	if !s.blob.As(&s.client) {
		return nil, s.refuse("open", "", store.ErrUnsupported, "gocloud.dev/blob gave out no S3 client")
	}
	if err := s.learn(ctx, region); err != nil {
		_ = s.Close()
		return nil, s.fail("open", "", err)
	}
	s.capabilities.AssembledChecksums = s.amazon || t.assembledChecksums
	return s, nil
}

// newHTTPClient keeps enough idle connections for parallel parts. Reads and writes larger than the buffers bypass them.
func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 128
	t.DisableCompression = true // a body is exactly the bytes that are stored
	t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	return &http.Client{Transport: t}
}

// target is a store's URL taken apart.
type target struct {
	bucket     string
	config     url.Values // what gocloud.dev/aws reads
	encryption encryption
	endpoint   string

	pathStyle, accelerate, disableHTTPS bool
	// assembledChecksums is the operator's word that the server keeps full checksums of objects with copied parts. Nothing is
	// believed for it: an object without one is read back, which a plan then did not count with.
	assembledChecksums bool
}

func (t *target) apply(o *awss3.Options) {
	o.UsePathStyle, o.UseAccelerate = t.pathStyle, t.accelerate
	o.EndpointOptions.DisableHTTPS = t.disableHTTPS
	if t.endpoint != "" {
		o.BaseEndpoint = &t.endpoint
	}
}

// parse never puts a value of the URL into an error: someone may have written a secret there.
func parse(u *url.URL) (*target, error) {
	switch {
	case u.Scheme != "s3" || u.Host == "":
		return nil, fmt.Errorf("want s3://BUCKET, with ?region= or ?endpoint= where they are needed")
	case u.User != nil:
		return nil, fmt.Errorf("credentials do not belong in a store's URL: put them in a profile and give profile=, or in the environment")
	case strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("a store is a whole bucket: give the prefix to the dataset or the destination")
	case strings.HasSuffix(u.Host, "--x-s3"):
		return nil, fmt.Errorf("directory buckets (S3 Express) do not list in key order and cannot be a store: use a general purpose bucket")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the URL's parameters cannot be read: escape them")
	}
	t := &target{bucket: u.Host, config: q}
	take := func(name string) string {
		v := q.Get(name)
		q.Del(name)
		return v
	}
	for _, flag := range []struct {
		name string
		to   *bool
	}{
		{"use_path_style", &t.pathStyle},
		{"s3ForcePathStyle", &t.pathStyle},
		{"hostname_immutable", &t.pathStyle}, // the bucket stays out of the host name
		{"accelerate", &t.accelerate},
		{"disable_https", &t.disableHTTPS},
		{"assembled_checksums", &t.assembledChecksums},
	} {
		v := take(flag.name)
		if v == "" {
			continue
		}
		b, err := strconv.ParseBool(v)
		if err != nil {
			return nil, fmt.Errorf("%s: want true or false", flag.name)
		}
		*flag.to = *flag.to || b
	}
	if v := take("ssetype"); v != "" {
		t.encryption.kind = types.ServerSideEncryption(v)
	}
	if t.encryption.key = take("kmskeyid"); t.encryption.key != "" && t.encryption.kind == "" {
		t.encryption.kind = types.ServerSideEncryptionAwsKms
	}
	t.endpoint = strings.TrimSuffix(take("endpoint"), "/")
	return t, nil
}

// isAmazon tells whether requests go to AWS itself: no endpoint is set, or one below amazonaws.com (also of VPC endpoints
// and the China partition).
func isAmazon(endpoint string) (bool, error) {
	if endpoint == "" {
		return true, nil
	}
	e, err := url.Parse(endpoint)
	switch {
	case err != nil || e.Host == "" || (e.Scheme != "http" && e.Scheme != "https"):
		return false, fmt.Errorf("endpoint: want http://HOST or https://HOST")
	case e.User != nil:
		return false, fmt.Errorf("credentials do not belong in an endpoint: put them in a profile or in the environment")
	}
	host := strings.ToLower(e.Hostname())
	for _, domain := range []string{"amazonaws.com", "amazonaws.com.cn"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true, nil
		}
	}
	return false, nil
}
