package emulator

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// The account that every Azurite has; the key is public, see
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Azurite is a running Azure Blob server.
type Azurite struct {
	*process
	// Endpoint ends in the account: http://127.0.0.1:PORT/devstoreaccount1.
	Endpoint string
}

// StartAzurite starts a server that keeps its data in dir, which is made if it is missing.
func StartAzurite(ctx context.Context, dir string) (*Azurite, error) {
	data := filepath.Join(dir, "azurite")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	program, err := Program(ctx, ToolAzurite)
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, "azurite", dir, func(port int) *exec.Cmd {
		// Without --skipApiVersionCheck azurite 3.37.0 answers 400 InvalidHeaderValue to every call of azblob v1.8.3,
		// which sends API version 2026-12-06.
		return exec.Command("node", program, "--silent", "--disableTelemetry", "--skipApiVersionCheck",
			"--blobHost", "127.0.0.1", "--blobPort", strconv.Itoa(port), "--location", data)
	})
	if err != nil {
		return nil, err
	}
	return &Azurite{process: p, Endpoint: "http://" + p.Addr() + "/" + azuriteAccount}, nil
}

// StoreURL is the URL that pkg/store/open takes for a container.
func (a *Azurite) StoreURL(container string) string {
	return "azblob://" + container + "?protocol=http&domain=" + url.QueryEscape(a.Addr()) + "&localemu=true"
}

// Env is what the SDK reads its credentials from, as NAME=VALUE.
func (a *Azurite) Env() []string {
	return []string{
		"AZURE_STORAGE_ACCOUNT=" + azuriteAccount, "AZURE_STORAGE_KEY=" + azuriteKey,
		// Both would win over the key if the user has them set.
		"AZURE_STORAGE_SAS_TOKEN=", "AZURE_STORAGE_CONNECTION_STRING=",
	}
}

// CreateBucket makes a container; one that exists is no error.
func (a *Azurite) CreateBucket(ctx context.Context, name string) error {
	cred, err := container.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		return err
	}
	c, err := container.NewClientWithSharedKeyCredential(a.Endpoint+"/"+name, cred, nil)
	if err != nil {
		return err
	}
	if _, err = c.Create(ctx, nil); bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return nil
	}
	return err
}
