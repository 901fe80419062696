package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

// Metadata says where the clouds' metadata services are. The zero value is the real ones; tests set their own.
type Metadata struct {
	Azure, AWS, GCP string // base URLs; "": http://169.254.169.254
	// Client asks them; nil: one that may reach link-local addresses and uses no proxy.
	Client *http.Client
}

// InstanceLocation asks the metadata services of Azure, AWS and Google Cloud, all at once and each for at most timeout, where
// this machine runs. how names the service that answered, for the user to judge. The error, when none does, says that
// this is no machine of theirs or that metadata is blocked, and what to write into the configuration instead.
func InstanceLocation(ctx context.Context, timeout time.Duration) (at store.Location, how string, err error) {
	return Metadata{}.InstanceLocation(ctx, timeout)
}

// InstanceLocation is the function of the same name, asked of these services.
func (m Metadata) InstanceLocation(ctx context.Context, timeout time.Duration) (at store.Location, how string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if m.Client == nil {
		m.Client = meter.NewClient(meter.Options{
			AllowLinkLocal: true,
			// A proxy would tell where the proxy is.
			Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
		})
		defer m.Client.CloseIdleConnections()
	}
	type answer struct {
		at  store.Location
		how string
		err error
	}
	services := []struct {
		how, provider string
		ask           func(context.Context) (string, error)
	}{
		{"Azure instance metadata (IMDS)", "azure", m.azure},
		{"AWS instance metadata (IMDSv2)", "aws", m.aws},
		{"Google Cloud metadata server", "gcp", m.gcp},
	}
	answers := make(chan answer, len(services))
	for _, s := range services {
		go func() {
			region, err := s.ask(ctx)
			if err == nil && !regionForm.MatchString(region) {
				err = fmt.Errorf("its answer %.40q is no region", region)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", s.how, err)
			}
			answers <- answer{store.Location{Provider: s.provider, Region: region}, s.how, err}
		}()
	}
	var errs []error
	for range services {
		a := <-answers
		if a.err == nil {
			return a.at, a.how, nil
		}
		errs = append(errs, a.err)
	}
	return store.Location{}, "", fmt.Errorf("no cloud's metadata service knows this machine within %v; "+
		"write its location into the configuration, for example onprem:lab1: %w", timeout, errors.Join(errs...))
}

// regionForm is what regions look like on all three: eastus, us-east-1, europe-west4. Services that imitate one cloud's
// paths (OpenStack does AWS's) answer other things.
var regionForm = lazyre.New(`^[a-z]+[a-z0-9]*(-[a-z0-9]+)*$`)

// https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
func (m Metadata) azure(ctx context.Context) (string, error) {
	body, _, err := m.ask(ctx, "GET", m.Azure, "/metadata/instance/compute/location?api-version=2021-02-01&format=text", "Metadata", "true")
	return body, err
}

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
func (m Metadata) aws(ctx context.Context) (string, error) {
	token, _, err := m.ask(ctx, "PUT", m.AWS, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	if err != nil {
		return "", err
	}
	region, _, err := m.ask(ctx, "GET", m.AWS, "/latest/meta-data/placement/region", "X-aws-ec2-metadata-token", token)
	return region, err
}

// https://cloud.google.com/compute/docs/metadata/querying-metadata
func (m Metadata) gcp(ctx context.Context) (string, error) {
	zone, header, err := m.ask(ctx, "GET", m.GCP, "/computeMetadata/v1/instance/zone", "Metadata-Flavor", "Google")
	if err != nil {
		return "", err
	}
	if header.Get("Metadata-Flavor") != "Google" {
		return "", errors.New("answered without Google's header")
	}
	zone = path.Base(zone) // projects/123/zones/us-central1-a
	i := strings.LastIndex(zone, "-")
	if i < 0 {
		return "", fmt.Errorf("its answer %.40q is no zone", zone)
	}
	return zone[:i], nil
}

func (m Metadata) ask(ctx context.Context, method, base, path, header, value string) (string, http.Header, error) {
	if base == "" {
		base = "http://169.254.169.254"
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, nil)
	if err != nil {
		return "", nil, err
	}
	req.Header.Set(header, value)
	resp, err := m.Client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	switch {
	case err != nil:
		return "", nil, err
	case resp.StatusCode != http.StatusOK:
		return "", nil, fmt.Errorf("answered %s", resp.Status)
	}
	return strings.TrimSpace(string(body)), resp.Header, nil
}
