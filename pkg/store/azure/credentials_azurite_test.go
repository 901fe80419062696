package azure_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
)

func TestKeyFromAFile(t *testing.T) {
	u, err := url.Parse(emutest.Bucket(t, emutest.Azurite(t)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(os.Getenv("AZURE_STORAGE_KEY")+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_STORAGE_KEY", "")
	t.Setenv("AZURE_STORAGE_KEY_FILE", path)
	s, err := azure.Open(t.Context(), u, azure.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Error(err)
	}
}

func TestSASAndConnectionString(t *testing.T) {
	server := emutest.Azurite(t)
	c, _ := raw(t, azure.Options{})
	account, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
	full, err := c.GetSASURL(sas.ContainerPermissions{Read: true, List: true, Write: true, Create: true, Delete: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := url.Parse(full)
	if err != nil {
		t.Fatal(err)
	}
	name := signed.Path[strings.LastIndexByte(signed.Path, '/')+1:]
	sig := signed.Query().Get("sig")
	at, err := url.Parse(server.StoreURL(name))
	if err != nil {
		t.Fatal(err)
	}
	bare := &url.URL{Scheme: "azblob", Host: name}
	for what, open := range map[string]struct {
		u *url.URL
		o azure.Options
	}{
		"SAS token":             {at, azure.Options{SASToken: "?" + signed.RawQuery}},
		"connection string":     {bare, azure.Options{ConnectionString: "AccountName=" + account + ";AccountKey=" + key + ";BlobEndpoint=" + server.Endpoint + ";"}},
		"connection string SAS": {bare, azure.Options{ConnectionString: "SharedAccessSignature=" + signed.RawQuery + ";BlobEndpoint=" + server.Endpoint}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv("AZURE_STORAGE_KEY", "")
			if open.u == bare {
				t.Setenv("AZURE_STORAGE_ACCOUNT", "")
			}
			s, err := azure.Open(t.Context(), open.u, open.o)
			if err != nil {
				t.Fatal(err)
			}
			o, err := s.Put(t.Context(), "a b", []byte("x"), store.WriteOptions{Condition: store.Always()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Copy(t.Context(), "copy of "+what, o.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
				t.Error(err)
			}
			up, err := s.CreateUpload(t.Context(), "assembled by "+what, store.UploadOptions{Size: 1, CopiesParts: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.CopyPart(t.Context(), up, store.PartCopy{Number: 1, Size: 1, Source: o.Ref()}); err != nil {
				t.Error(err)
			}
			if err := s.Delete(t.Context(), o.Ref()); err != nil {
				t.Error(err)
			}
			err = s.ReadRange(t.Context(), store.Ref{Key: o.Key}, 0, make([]byte, 1))
			if store.KindOf(err) != store.ErrNotFound {
				t.Errorf("got %v", err)
			}
			for _, text := range []string{err.Error(), s.URL(), fmt.Sprintf("%+v", errors.Unwrap(err))} {
				if strings.Contains(text, sig) || strings.Contains(text, url.QueryEscape(sig)) || strings.Contains(text, key) {
					t.Errorf("shows a secret: %s", text)
				}
			}
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		_, err := azure.Open(t.Context(), at, azure.Options{AccountKey: "d3Jvbmc="})
		if store.KindOf(err) != store.ErrAuth {
			t.Errorf("got %v", err)
		}
	})
	t.Run("missing container", func(t *testing.T) {
		u := *at
		u.Host = "no-such-container"
		_, err := azure.Open(t.Context(), &u, azure.Options{})
		if store.KindOf(err) != store.ErrNotFound || !strings.Contains(err.Error(), "az storage container create") {
			t.Errorf("got %v", err)
		}
	})
}
