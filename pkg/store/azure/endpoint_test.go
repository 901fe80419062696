package azure

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestEndpoint(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "environment")
	for in, want := range map[string]struct{ service, display string }{
		"azblob://shards?storage_account=acme": {"https://acme.blob.core.windows.net", "azblob://shards?storage_account=acme"},
		"azblob://$blobchangefeed?storage_account=acme": {
			"https://acme.blob.core.windows.net", "azblob://$blobchangefeed?storage_account=acme"},
		"azblob://shards": {"https://environment.blob.core.windows.net", "azblob://shards?storage_account=environment"},
		"azblob://shards/?storage_account=acme&domain=blob.core.usgovcloudapi.net": {
			"https://acme.blob.core.usgovcloudapi.net", "azblob://shards?domain=blob.core.usgovcloudapi.net&storage_account=acme"},
		"azblob://shards?storage_account=acme&protocol=http&domain=localhost:10000": {
			"http://localhost:10000/acme", "azblob://shards?domain=localhost%3A10000&localemu=true&protocol=http&storage_account=acme"},
		"azblob://shards?storage_account=acme&protocol=http&domain=azurite:10000&localemu=true": {
			"http://azurite:10000/acme", "azblob://shards?domain=azurite%3A10000&localemu=true&protocol=http&storage_account=acme"},
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseEndpoint(u, "")
		if err != nil || e.service() != want.service || e.display() != want.display {
			t.Errorf("%s: got %s, %s, %v", in, e.service(), e.display(), err)
		}
		// What is shown opens the same container again.
		if u, err = url.Parse(e.display()); err != nil {
			t.Fatal(err)
		}
		if again, err := parseEndpoint(u, ""); err != nil || again != e {
			t.Errorf("%s: shown as %s, which is %+v, not %+v (%v)", in, e.display(), again, e, err)
		}
	}
}

func TestCredentialOrder(t *testing.T) {
	type env map[string]string
	for name, c := range map[string]struct {
		env  env
		o    Options
		want string
	}{
		"option before environment": {env{"AZURE_STORAGE_KEY": "env"}, Options{SASToken: "?sig=option"}, "sas sig=option"},
		"key first":                 {env{"AZURE_STORAGE_KEY": "env", "AZURE_STORAGE_SAS_TOKEN": "sig=env"}, Options{}, "key env"},
		"then SAS":                  {env{"AZURE_STORAGE_SAS_TOKEN": "?sig=env", "AZURE_STORAGE_CONNECTION_STRING": "x"}, Options{}, "sas sig=env"},
		"then connection string":    {env{"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acme;AccountKey=k==;EndpointSuffix=core.windows.net"}, Options{}, "key k=="},
		"then Entra ID":             {env{}, Options{}, "token"},
		"another account's key":     {env{"AZURE_STORAGE_ACCOUNT": "other", "AZURE_STORAGE_KEY": "env"}, Options{}, "token"},
		"this account's key":        {env{"AZURE_STORAGE_ACCOUNT": "acme", "AZURE_STORAGE_KEY": "env"}, Options{}, "key env"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING"} {
				t.Setenv(v, c.env[v])
			}
			got, e, err := findCredential(endpoint{container: "c", account: "acme", domain: publicDomain, protocol: "https"}, c.o, clientOptions(nil))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.TrimSpace("key " + got.key)
			switch {
			case got.sas != "":
				text = "sas " + got.sas
			case got.token != nil:
				text = "token"
			}
			if text != c.want || e.service() != "https://acme.blob.core.windows.net" {
				t.Errorf("got %s for %s, want %s", text, e.service(), c.want)
			}
		})
	}
}

type noToken struct{}

func (noToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tAzureCLI: not found")
}

func TestNoToken(t *testing.T) {
	e := endpoint{container: "c", account: "acme", domain: publicDomain, protocol: "https"}
	cc, _, err := credential{token: markedToken{noToken{}}}.clients(e, clientOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{at: e, container: cc, caps: capabilities(facts{})}
	_, err = s.Head(t.Context(), "k")
	var got *store.Error
	if !errors.As(err, &got) || got.Kind != store.ErrAuth || !got.NotSent || !strings.Contains(err.Error(), "az login") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %+v", err)
	}
}
