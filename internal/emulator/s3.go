package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	s3Region    = "us-east-1"
	s3AccessKey = "testkey"
	s3SecretKey = "testsecret123"
)

// S3 is a running S3 server: versitygw over a folder. Buckets start without versioning; it can be turned on.
type S3 struct {
	*process
	Endpoint string // http://127.0.0.1:PORT
	program  string
}

// StartS3 starts a server that keeps its data in dir, which is made if it is missing.
func StartS3(ctx context.Context, dir string) (*S3, error) {
	root, versions, iam := filepath.Join(dir, "s3"), filepath.Join(dir, "s3-versions"), filepath.Join(dir, "s3-iam")
	for _, d := range []string{root, versions, iam} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	program, err := Program(ctx, ToolS3)
	if err != nil {
		return nil, err
	}
	posix := []string{"posix", "--versioning-dir", versions}
	if !keepsXattrs(root) {
		sidecar := filepath.Join(dir, "s3-sidecar")
		if err := os.MkdirAll(sidecar, 0o755); err != nil {
			return nil, err
		}
		posix = append(posix, "--sidecar", sidecar)
	}
	posix = append(posix, root)
	p, err := start(ctx, "versitygw", dir, func(port int) *exec.Cmd {
		args := []string{"--port", fmt.Sprintf("127.0.0.1:%d", port), "--region", s3Region, "--keep-alive", "--quiet", "--iam-dir", iam}
		cmd := exec.Command(program, append(args, posix...)...)
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s3AccessKey, "ROOT_SECRET_KEY="+s3SecretKey)
		return cmd
	})
	if err != nil {
		return nil, err
	}
	return &S3{process: p, Endpoint: "http://" + p.Addr(), program: program}, nil
}

// StoreURL is the URL that pkg/store/open takes for a bucket.
func (s *S3) StoreURL(bucket string) string {
	return "s3://" + bucket + "?endpoint=" + url.QueryEscape(s.Endpoint) + "&region=" + s3Region + "&use_path_style=true&assembled_checksums=true"
}

// Env is what the SDK reads its credentials from, as NAME=VALUE.
func (s *S3) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s3AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3SecretKey,
		"AWS_SESSION_TOKEN=", // of the user's own session, if one is set
	}
}

func (s *S3) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint,
		Region:       s3Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(s3AccessKey, s3SecretKey, ""),
	})
}

// CreateBucket makes a bucket; one that exists is no error.
func (s *S3) CreateBucket(ctx context.Context, name string) error {
	_, err := s.client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
	var owned *types.BucketAlreadyOwnedByYou
	if errors.As(err, &owned) {
		return nil
	}
	return err
}

// CreateUser makes somebody who may do nothing but what a bucket's policy allows.
func (s *S3) CreateUser(ctx context.Context, access, secret string) error {
	out, err := exec.CommandContext(ctx, s.program, "admin", "--access", s3AccessKey, "--secret", s3SecretKey, "--region", s3Region,
		"--endpoint-url", s.Endpoint, "create-user", "--access", access, "--secret", secret, "--role", "user").CombinedOutput()
	if err != nil {
		return fmt.Errorf("make user %s: %w: %s", access, err, out)
	}
	return nil
}

// SetPolicy sets a bucket's policy.
func (s *S3) SetPolicy(ctx context.Context, bucket, policy string) error {
	_, err := s.client().PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy})
	return err
}
