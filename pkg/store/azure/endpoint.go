package azure

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// publicDomain is the blob service of the public Azure cloud; sovereign clouds name theirs by domain=.
const publicDomain = "blob.core.windows.net"

// endpoint says where a container is.
type endpoint struct {
	container string
	account   string
	domain    string
	protocol  string
	// emulated services have the account in the path, not in the host name.
	emulated bool
}

var containerName = lazyre.New(`^(\$root|\$web|\$blobchangefeed|[a-z0-9](-?[a-z0-9]){2,62})$`)

// parseEndpoint reads azblob://CONTAINER?storage_account=NAME&protocol=&domain=&localemu=. What the URL leaves out comes
// from the environment under gocloud's names. An unknown parameter is named but never shown: it may be a secret.
func parseEndpoint(u *url.URL, account string) (endpoint, error) {
	e := endpoint{
		container: u.Host,
		account:   os.Getenv("AZURE_STORAGE_ACCOUNT"),
		domain:    os.Getenv("AZURE_STORAGE_DOMAIN"),
		protocol:  os.Getenv("AZURE_STORAGE_PROTOCOL"),
	}
	e.emulated, _ = strconv.ParseBool(os.Getenv("AZURE_STORAGE_IS_LOCAL_EMULATOR"))
	switch {
	case u.Scheme != "azblob":
		return e, fmt.Errorf("scheme %q: want azblob://CONTAINER?storage_account=NAME", u.Scheme)
	case u.User != nil:
		return e, errors.New("the URL has a user part: credentials belong in the environment")
	case u.Path != "" && u.Path != "/":
		return e, fmt.Errorf("path %q: the URL names a container only; the prefix belongs in the dataset", u.Path)
	case !containerName.MatchString(e.container):
		return e, fmt.Errorf("container %q: want 3 to 63 lower-case letters, digits and single hyphens", e.container)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return e, errors.New("the URL's parameters cannot be read")
	}
	for name, values := range query {
		v := values[len(values)-1]
		switch name {
		case "storage_account":
			e.account = v
		case "domain":
			e.domain = v
		case "protocol":
			e.protocol = v
		case "localemu":
			if e.emulated, err = strconv.ParseBool(v); err != nil {
				return e, errors.New("localemu: want true or false")
			}
		case "sig", "sv", "se", "sp", "sr", "st":
			return e, errors.New("the URL has a SAS token: put it in AZURE_STORAGE_SAS_TOKEN")
		default:
			return e, fmt.Errorf("unknown parameter %q (known: storage_account, domain, protocol, localemu)", name)
		}
	}
	if account != "" {
		e.account = account
	}
	if e.domain == "" {
		e.domain = publicDomain
	}
	if e.protocol == "" {
		e.protocol = "https"
	}
	if e.loopback() {
		e.emulated = true
	}
	if e.protocol != "https" && e.protocol != "http" {
		return e, fmt.Errorf("protocol %q: want https, or http for an emulator on this machine", e.protocol)
	}
	if strings.ContainsAny(e.domain, "/?#@") {
		return e, fmt.Errorf("domain %q: want a host name, for example %s", e.domain, publicDomain)
	}
	return e, nil
}

// loopback tells whether the service is on this machine, where plain HTTP and any credential are safe.
func (e endpoint) loopback() bool {
	host := e.domain
	if h, _, err := net.SplitHostPort(e.domain); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// trusted tells whether a SAS token of the environment, which is the whole secret, may be sent there: to Azure's own
// domains, to the one that the environment names, and to this machine, never in the clear over a network.
func (e endpoint) trusted() bool {
	if e.loopback() {
		return true
	}
	known := []string{
		publicDomain, "blob.core.usgovcloudapi.net", "blob.core.chinacloudapi.cn", os.Getenv("AZURE_STORAGE_DOMAIN"),
	}
	return e.protocol == "https" && slices.Contains(known, e.domain)
}

// service is the URL of the account's blob service.
func (e endpoint) service() string {
	if e.emulated {
		return e.protocol + "://" + e.domain + "/" + e.account
	}
	return e.protocol + "://" + e.account + "." + e.domain
}

// display is the URL for people: only what finds the container, nothing that opens it.
func (e endpoint) display() string {
	q := url.Values{}
	if e.account != "" {
		q.Set("storage_account", e.account)
	}
	if e.domain != publicDomain {
		q.Set("domain", e.domain)
	}
	if e.protocol != "https" {
		q.Set("protocol", e.protocol)
	}
	if e.emulated {
		q.Set("localemu", "true")
	}
	s := "azblob://" + e.container
	if len(q) > 0 {
		s += "?" + q.Encode()
	}
	return s
}
