package azure

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/datagravity/datagravity/pkg/store"
)

type fixedToken struct{ scopes []string }

func (f *fixedToken) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.scopes = o.Scopes
	return azcore.AccessToken{Token: "entra", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestSourceIsReadableByTheService: each credential opens the source, and gives away no more than that.
func TestSourceIsReadableByTheService(t *testing.T) {
	const at = "https://account.blob.core.windows.net/box"
	ref := store.Ref{Key: "a b/é", ETag: `"0x1"`}
	for name, c := range map[string]struct {
		cred          credential
		version       string
		want          map[string]string // parameters of the URL; those with "" are absent
		authorization string
	}{
		"key":           {credential{key: "c2VjcmV0"}, "", map[string]string{"sp": "r", "sr": "b", "st": ""}, ""},
		"key, version":  {credential{key: "c2VjcmV0"}, "2026-11-25T12:34:56.7890123Z", map[string]string{"sp": "r", "sr": "bv", "versionid": "2026-11-25T12:34:56.7890123Z"}, ""},
		"SAS":           {credential{sas: "sp=rl&sig=given"}, "", map[string]string{"sp": "rl", "sig": "given"}, ""},
		"token":         {credential{token: &fixedToken{}}, "", map[string]string{"sig": "", "sp": ""}, "Bearer entra"},
		"token,version": {credential{token: &fixedToken{}}, "2026-11-25T12:34:56.7890123Z", map[string]string{"sig": "", "versionid": "2026-11-25T12:34:56.7890123Z"}, "Bearer entra"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Store{cred: c.cred}
			var err error
			e := endpoint{container: "box", account: "account", domain: publicDomain, protocol: "https"}
			if s.container, _, err = c.cred.clients(e, azcore.ClientOptions{}); err != nil {
				t.Fatal(err)
			}
			ref := ref
			ref.Version = c.version
			got, authorization, err := s.readable(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(got)
			if err != nil || !strings.HasPrefix(got, at+"/") || u.Path != "/box/"+ref.Key {
				t.Fatalf("the source is %s, %v", got, err)
			}
			for name, want := range c.want {
				if u.Query().Get(name) != want {
					t.Errorf("%s is %q, want %q, in %s", name, u.Query().Get(name), want, got)
				}
			}
			if value(authorization) != c.authorization {
				t.Errorf("authorization %q, want %q", value(authorization), c.authorization)
			}
			if token, ok := c.cred.token.(*fixedToken); ok && (len(token.scopes) != 1 || token.scopes[0] != "https://storage.azure.com/.default") {
				t.Errorf("the token is for %v", token.scopes)
			}
		})
	}
}

// TestCopiedBlockNames: the same copy has one name, any other has another.
func TestCopiedBlockNames(t *testing.T) {
	p := store.PartCopy{Number: 1, Offset: 5, Size: 7, Source: store.Ref{Key: "k", ETag: "e", Version: "v"}, SourceOffset: 3}
	again := p
	if nameOf(p) != nameOf(again) {
		t.Error("one copy has two names")
	}
	for what, change := range map[string]func(*store.PartCopy){
		"key": func(p *store.PartCopy) { p.Source.Key = "l" }, "ETag": func(p *store.PartCopy) { p.Source.ETag = "f" },
		"version": func(p *store.PartCopy) { p.Source.Version = "" }, "place": func(p *store.PartCopy) { p.SourceOffset++ },
		"size": func(p *store.PartCopy) { p.Size++ },
	} {
		other := p
		if change(&other); nameOf(other) == nameOf(p) {
			t.Errorf("another %s has the same name", what)
		}
	}
}

// TestCopiedBlocksAreCompared where the service told a checksum of each, before anything is committed.
func TestCopiedBlocksAreCompared(t *testing.T) {
	u := store.Upload{Key: "k", ID: newNonce(time.Now()), CopiesParts: true}
	sent := blockID{nonce: u.ID, number: 1, crc64: 0xae8b14860a799888}.part(9) // "123456789"
	copied := blockID{nonce: u.ID, number: 2, offset: 9, crc64: 1, copied: true}.part(9)
	if copied.CRC64NVME != "" {
		t.Fatalf("a copied block's name is taken for its checksum %s", copied.CRC64NVME)
	}
	told := copied
	told.CRC64NVME = sent.CRC64NVME
	whole := store.Hex64(combineCRC64(0xae8b14860a799888, 0xae8b14860a799888, 9))
	for name, c := range map[string]struct {
		last store.Part
		want string
		ok   bool
	}{
		"told and right": {told, whole, true}, "told and wrong": {told, store.Hex64(1), false}, "not told": {copied, whole, true},
	} {
		o := store.CompleteOptions{Size: 18, Checksums: store.Checksums{CRC64NVME: c.want}}
		if _, err := blockList(u, []store.Part{sent, c.last}, o); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
