package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// credentials mark the failures of the provider, so that they are told apart from the service's, and can be made to
// forget what they cached.
type credentials struct{ inner aws.CredentialsProvider }

// credentialsError says that no request was sent, because there was nothing to sign it with.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "no credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// Retrieve is aws.CredentialsProvider.
func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	v, err := c.inner.Retrieve(ctx)
	if err != nil {
		return v, &credentialsError{err}
	}
	return v, nil
}

func (c *credentials) invalidate() {
	if cache, ok := c.inner.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}
