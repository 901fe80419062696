package azure

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// credential is how requests are authorised: exactly one field is set.
type credential struct {
	key   string // of the account, base64
	sas   string // without a leading question mark
	token azcore.TokenCredential
}

// findCredential chooses a credential for e, and completes e from a connection string.
func findCredential(e endpoint, o Options, client azcore.ClientOptions) (credential, endpoint, error) {
	switch {
	case o.AccountKey != "":
		return credential{key: o.AccountKey}, e, nil
	case o.SASToken != "":
		return credential{sas: strings.TrimPrefix(o.SASToken, "?")}, e, nil
	case o.ConnectionString != "":
		return fromConnectionString(o.ConnectionString, e)
	}
	// A key of the environment belongs to the account that the environment names; another account's URL goes without.
	named := os.Getenv("AZURE_STORAGE_ACCOUNT")
	mine := named == "" || named == e.account
	key, err := fromEnvironment("AZURE_STORAGE_KEY")
	if err != nil {
		return credential{}, e, err
	}
	if key != "" && mine {
		return credential{key: key}, e, nil
	}
	sas, err := fromEnvironment("AZURE_STORAGE_SAS_TOKEN")
	if err != nil {
		return credential{}, e, err
	}
	if sas != "" && mine {
		if !e.trusted() {
			return credential{}, e, fmt.Errorf("AZURE_STORAGE_SAS_TOKEN is not sent to %s://%s: set AZURE_STORAGE_DOMAIN to allow it, and use https",
				e.protocol, e.domain)
		}
		return credential{sas: strings.TrimPrefix(sas, "?")}, e, nil
	}
	for _, name := range []string{"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING"} {
		s, err := fromEnvironment(name)
		if err != nil {
			return credential{}, e, err
		}
		if s == "" {
			continue
		}
		c, at, err := fromConnectionString(s, e)
		if err != nil {
			return c, e, fmt.Errorf("%s: %w", name, err)
		}
		return c, at, nil
	}
	if e.protocol != "https" {
		return credential{}, e, errors.New("no key: Microsoft Entra ID needs https; set AZURE_STORAGE_KEY for an emulator")
	}
	token, err := entra(client)
	if err != nil {
		return credential{}, e, err
	}
	return credential{token: markedToken{token}}, e, nil
}

// entra is a credential of Microsoft Entra ID: a service principal whose secret is in a file, else what the SDK's own chain finds.
func entra(client azcore.ClientOptions) (azcore.TokenCredential, error) {
	// Tokens keep the SDK's own retries: the machine's metadata service needs them, and no budget pays for them.
	o := azcore.ClientOptions{Transport: client.Transport, Telemetry: client.Telemetry}
	if os.Getenv("AZURE_CLIENT_SECRET_FILE") == "" {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: o})
	}
	value, err := fromEnvironment("AZURE_CLIENT_SECRET")
	if err != nil {
		return nil, err
	}
	tenant, id := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	if tenant == "" || id == "" {
		return nil, errors.New("AZURE_CLIENT_SECRET_FILE needs AZURE_TENANT_ID and AZURE_CLIENT_ID beside it: set all three")
	}
	return azidentity.NewClientSecretCredential(tenant, id, value, &azidentity.ClientSecretCredentialOptions{ClientOptions: o})
}

// markedToken marks the errors of getting a token, so that they are told from those of the request that needs it.
type markedToken struct{ azcore.TokenCredential }

func (t markedToken) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, &tokenError{err}
	}
	return token, nil
}

// tokenError puts azidentity's many lines into one, without the rules of dashes between them.
type tokenError struct{ err error }

func (e *tokenError) Error() string {
	words := slices.DeleteFunc(strings.Fields(e.err.Error()), func(w string) bool { return strings.Trim(w, "-") == "" })
	return strings.Join(words, " ")
}
func (e *tokenError) Unwrap() error { return e.err }

// fromConnectionString reads a connection string of the portal. Its errors never show it.
func fromConnectionString(s string, e endpoint) (credential, endpoint, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimSpace(s), ";") {
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return credential{}, e, errors.New("the connection string is malformed: want NAME=VALUE;NAME=VALUE")
		}
		fields[name] = value
	}
	account := fields["AccountName"]
	if account != "" && e.account != "" && account != e.account {
		return credential{}, e, fmt.Errorf("the connection string is for the account %q, the URL for %q", account, e.account)
	}
	if e.account == "" {
		e.account = account
	}
	if raw := fields["BlobEndpoint"]; raw != "" {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			return credential{}, e, errors.New("the connection string's BlobEndpoint is not a URL")
		}
		e.protocol = u.Scheme
		if path := strings.Trim(u.Path, "/"); path != "" {
			e.account, e.domain, e.emulated = path, u.Host, true
		} else if name, domain, ok := strings.Cut(u.Host, "."); ok {
			e.account, e.domain = name, domain
		}
	} else {
		if p := fields["DefaultEndpointsProtocol"]; p != "" {
			e.protocol = p
		}
		if suffix := fields["EndpointSuffix"]; suffix != "" {
			e.domain = "blob." + suffix
		}
	}
	switch {
	case fields["AccountKey"] != "":
		return credential{key: fields["AccountKey"]}, e, nil
	case fields["SharedAccessSignature"] != "":
		return credential{sas: strings.TrimPrefix(fields["SharedAccessSignature"], "?")}, e, nil
	}
	return credential{}, e, errors.New("the connection string has neither AccountKey nor SharedAccessSignature")
}

// clients opens the container and the account's service with the credential.
func (c credential) clients(e endpoint, o azcore.ClientOptions) (*container.Client, *service.Client, error) {
	at, root := e.service()+"/"+e.container, e.service()+"/"
	co, so := &container.ClientOptions{ClientOptions: o}, &service.ClientOptions{ClientOptions: o}
	switch {
	case c.key != "":
		key, err := container.NewSharedKeyCredential(e.account, c.key)
		if err != nil {
			return nil, nil, errors.New("the account key is not base64: copy it again from the portal")
		}
		cc, err := container.NewClientWithSharedKeyCredential(at, key, co)
		if err != nil {
			return nil, nil, err
		}
		sc, err := service.NewClientWithSharedKeyCredential(root, key, so)
		return cc, sc, err
	case c.sas != "":
		cc, err := container.NewClientWithNoCredential(at+"?"+c.sas, co)
		if err != nil {
			return nil, nil, errors.New("the SAS token cannot be part of a URL: copy it again")
		}
		sc, err := service.NewClientWithNoCredential(root+"?"+c.sas, so)
		if err != nil {
			return nil, nil, errors.New("the SAS token cannot be part of a URL: copy it again")
		}
		return cc, sc, nil
	default:
		cc, err := container.NewClient(at, c.token, co)
		if err != nil {
			return nil, nil, err
		}
		sc, err := service.NewClient(root, c.token, so)
		return cc, sc, err
	}
}
