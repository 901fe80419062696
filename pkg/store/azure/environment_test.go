package azure

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// canary is in no error, whatever is wrong with the file that has it.
const canary = "canary-4b1d"

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

func withoutCredentials(t *testing.T) {
	t.Helper()
	for _, v := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING",
		"AZURE_STORAGEBLOB_CONNECTIONSTRING", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"} {
		t.Setenv(v, "")
		t.Setenv(v+"_FILE", "")
	}
}

func TestCredentialsFromFiles(t *testing.T) {
	e := endpoint{container: "c", account: "acme", domain: publicDomain, protocol: "https"}
	for name, c := range map[string]struct {
		variable, text string
		want           credential
	}{
		"key":                       {"AZURE_STORAGE_KEY", "a2V5\n", credential{key: "a2V5"}},
		"key by another editor":     {"AZURE_STORAGE_KEY", "a2V5\r\n", credential{key: "a2V5"}},
		"SAS":                       {"AZURE_STORAGE_SAS_TOKEN", "?sig=x", credential{sas: "sig=x"}},
		"connection string":         {"AZURE_STORAGE_CONNECTION_STRING", "AccountName=acme;AccountKey=k==;EndpointSuffix=core.windows.net\n", credential{key: "k=="}},
		"connection string, by SDK": {"AZURE_STORAGEBLOB_CONNECTIONSTRING", "AccountName=acme;AccountKey=k==;EndpointSuffix=core.windows.net\n", credential{key: "k=="}},
	} {
		t.Run(name, func(t *testing.T) {
			withoutCredentials(t)
			t.Setenv(c.variable+"_FILE", secretFile(t, c.text))
			if got, _, err := findCredential(e, Options{}, clientOptions(nil)); err != nil || got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
			t.Setenv(c.variable, canary)
			_, _, err := findCredential(e, Options{}, clientOptions(nil))
			if err == nil || !strings.Contains(err.Error(), c.variable+" and "+c.variable+"_FILE are both set") || strings.Contains(err.Error(), canary) {
				t.Errorf("both: %v", err)
			}
		})
	}
}

func TestCredentialFileThatIsWrong(t *testing.T) {
	e := endpoint{container: "c", account: "acme", domain: publicDomain, protocol: "https"}
	for name, c := range map[string]struct{ path, want string }{
		"not there":   {filepath.Join(t.TempDir(), "none"), "no such file"},
		"a directory": {t.TempDir(), "is a directory"},
		"empty":       {secretFile(t, "\n"), "must hold the credential alone"},
		"two lines":   {secretFile(t, canary+"\n"+canary+"\n"), "must hold the credential alone"},
		"too large":   {secretFile(t, strings.Repeat(canary, mostSecretBytes/len(canary)+1)), "larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			withoutCredentials(t)
			t.Setenv("AZURE_STORAGE_KEY_FILE", c.path)
			_, _, err := findCredential(e, Options{}, clientOptions(nil))
			if err == nil || !strings.Contains(err.Error(), "AZURE_STORAGE_KEY_FILE: ") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("%v shows the secret", err)
			}
		})
	}
}

// entraServer answers as login.microsoftonline.com does, and keeps what it was sent.
type entraServer struct{ sent []string }

func (s *entraServer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := `{"token_endpoint":"https://login.microsoftonline.com/t/oauth2/v2.0/token","authorization_endpoint":"https://login.microsoftonline.com/t/a",
		"issuer":"https://login.microsoftonline.com/t/v2.0","tenant_discovery_endpoint":"https://login.microsoftonline.com/t/v2.0/.well-known/openid-configuration",
		"metadata":[{"preferred_network":"login.microsoftonline.com","preferred_cache":"login.microsoftonline.com","aliases":["login.microsoftonline.com"]}]}`
	if strings.HasSuffix(r.URL.Path, "/token") {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.sent = append(s.sent, string(b))
		answer = `{"token_type":"Bearer","expires_in":3600,"access_token":"t"}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(bytes.NewBufferString(answer))}, nil
}

func TestServicePrincipalFromAFile(t *testing.T) {
	e := endpoint{container: "c", account: "acme", domain: publicDomain, protocol: "https"}
	withoutCredentials(t)
	t.Setenv("AZURE_CLIENT_SECRET_FILE", secretFile(t, canary+"\n"))
	server := &entraServer{}
	client := clientOptions(&http.Client{Transport: server})
	if _, _, err := findCredential(e, Options{}, client); err == nil || !strings.Contains(err.Error(), "AZURE_TENANT_ID") {
		t.Errorf("without a tenant: %v", err)
	}
	t.Setenv("AZURE_TENANT_ID", "t")
	t.Setenv("AZURE_CLIENT_ID", "app")
	got, _, err := findCredential(e, Options{}, client)
	if err != nil {
		t.Fatal(err)
	}
	token, err := got.token.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
	if err != nil || token.Token != "t" {
		t.Fatalf("got %q, %v", token.Token, err)
	}
	if len(server.sent) != 1 || !strings.Contains(server.sent[0], "client_secret="+canary) || !strings.Contains(server.sent[0], "client_id=app") {
		t.Errorf("sent %q", server.sent)
	}
}
