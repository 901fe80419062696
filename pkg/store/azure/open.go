package azure

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	gcblob "gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/datagravity/datagravity/pkg/store"
)

// Options of [Open]. The zero value reads everything from the URL and the environment.
type Options struct {
	// HTTPClient makes every request, those for tokens included; nil is [http.DefaultClient].
	HTTPClient *http.Client
	// Account is the storage account's name; "" takes the URL's, and then AZURE_STORAGE_ACCOUNT.
	Account string
	// AccountKey, SASToken and ConnectionString are credentials that win over those of the environment. At most one is
	// needed; the first that is set, in this order, is used.
	AccountKey       string
	SASToken         string
	ConnectionString string
}

// Store is a container. It is safe for concurrent use.
type Store struct {
	at        endpoint
	bucket    *gcblob.Bucket
	container *container.Client
	caps      store.Capabilities
	cred      credential

	// clearing is held while another tool's leftover blocks are removed.
	clearing sync.Mutex
}

var _ store.Store = (*Store)(nil)

// Open opens the container that u names: azblob://CONTAINER?storage_account=NAME, with gocloud's further parameters
// protocol (https), domain (blob.core.windows.net) and localemu. It makes a few small requests: one to see that the
// container is there and that the credential may list it, and some about the account that may fail without harm.
//
// Every error is a [*store.Error]: ErrPermanent for a URL that cannot be used as written, ErrAuth for such a credential, ErrNotFound for
// a missing container, ErrAuth and ErrPermission from the service, ErrTransient when it cannot be reached.
func Open(ctx context.Context, u *url.URL, o Options) (*Store, error) {
	e, err := parseEndpoint(u, o.Account)
	if err != nil {
		return nil, &store.Error{Op: "open", Store: "azblob://" + u.Host, Kind: store.ErrPermanent, NotSent: true, Err: err}
	}
	refused := func(kind, err error) (*Store, error) {
		return nil, &store.Error{Op: "open", Store: e.display(), Kind: kind, NotSent: true, Err: err}
	}
	refuse := func(err error) (*Store, error) { return refused(store.ErrPermanent, err) }
	client := clientOptions(o.HTTPClient)
	cred, e, err := findCredential(e, o, client)
	if err != nil {
		return refused(store.ErrAuth, err)
	}
	if e.account == "" {
		return refuse(errors.New("no storage account: add ?storage_account=NAME to the URL"))
	}
	cc, sc, err := cred.clients(e, client)
	if err != nil {
		return refused(store.ErrAuth, err)
	}
	s := &Store{at: e, cred: cred}
	if s.bucket, err = azureblob.OpenBucket(ctx, cc, nil); err != nil {
		return refuse(err)
	}
	if !s.bucket.As(&s.container) {
		return refuse(errors.New("gocloud's bucket does not give its container client"))
	}
	// The policy's parser stands in here as well: gocloud panics on a blob without properties.
	there, err := s.bucket.IsAccessible(withListing(ctx, &listing{}))
	if err == nil && !there {
		err = &store.Error{Op: "open", Store: e.display(), Kind: store.ErrNotFound,
			Err: errors.New("no such container or account: look for a misspelt name, or make it with `az storage container create`")}
	}
	if err != nil {
		_ = s.bucket.Close()
		return nil, s.failed("open", "", err)
	}
	s.caps = capabilities(probe(ctx, cc, sc))
	return s, nil
}

// clientOptions: one try a request, our transport, and nothing that changes bodies on the way.
func clientOptions(c *http.Client) azcore.ClientOptions {
	if c == nil {
		c = http.DefaultClient
	}
	return azcore.ClientOptions{
		Transport:       c,
		Retry:           policy.RetryOptions{MaxRetries: -1},
		Telemetry:       policy.TelemetryOptions{ApplicationID: "datagravity"},
		PerCallPolicies: []policy.Policy{identityPolicy{}, listingPolicy{}},
	}
}

// URL names the container and its account.
func (s *Store) URL() string { return s.at.display() }

// Capabilities as they were found when the store was opened.
func (s *Store) Capabilities() store.Capabilities { return s.caps }

// Close releases the bucket; connections belong to the HTTP client.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return s.failed("close", "", err)
	}
	return nil
}

func (s *Store) blob(key string) *blob.Client       { return s.container.NewBlobClient(key) }
func (s *Store) block(key string) *blockblob.Client { return s.container.NewBlockBlobClient(key) }

// pinned is the client of one version of a blob, or of the blob itself.
func (s *Store) pinned(ref store.Ref) (*blob.Client, error) {
	c := s.blob(ref.Key)
	if ref.Version == "" {
		return c, nil
	}
	return c.WithVersionID(ref.Version)
}

// check refuses a key that the container cannot hold, before any request.
func (s *Store) check(op, key string) error {
	if err := s.caps.Names.Check(key); err != nil {
		return &store.Error{Op: op, Store: s.URL(), Key: key, Kind: store.ErrName, NotSent: true, Err: err}
	}
	return nil
}
