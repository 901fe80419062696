package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	certificateFile = "api-certificate.pem"
	keyFile         = "api-key.pem"
	// ownLength is how long a certificate counts that is made here, and renewBefore how long before its end it is made anew: at the next start.
	ownLength   = 825 * 24 * time.Hour
	renewBefore = 30 * 24 * time.Hour
	// lookAgain is how often its files are looked at for new ones.
	lookAgain = time.Second
)

// Certificate is the one that the API shows. When its files change it is read again, so that it can be renewed without a restart.
type Certificate struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   [2]fs.FileInfo
	looked time.Time
}

// OpenCertificate reads one from files.
func OpenCertificate(cert, key string, now func() time.Time, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, now: now, log: log}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// OwnCertificate is one that is made in a state directory, for these names and addresses, if there is none yet that counts. Nobody vouches for it: who
// asks compares its fingerprint.
func OwnCertificate(dir string, hosts []string, now func() time.Time, log *slog.Logger) (*Certificate, error) {
	cert, key := filepath.Join(dir, certificateFile), filepath.Join(dir, keyFile)
	c, err := OpenCertificate(cert, key, now, log)
	if err == nil && c.covers(hosts) {
		return c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; delete both to have a new one made", err)
	}
	if err := makeCertificate(cert, key, hosts, now()); err != nil {
		return nil, fmt.Errorf("make a certificate for the API: %w", err)
	}
	return OpenCertificate(cert, key, now, log)
}

// covers tells whether it counts for a while yet, and for all names.
func (c *Certificate) covers(hosts []string) bool {
	leaf := c.pair.Leaf
	for _, h := range hosts {
		if leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	return c.now().Before(leaf.NotAfter.Add(-renewBefore))
}

// Fingerprint is the SHA-256 of the certificate, in hex.
func (c *Certificate) Fingerprint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fingerprint(c.pair.Leaf)
}

func fingerprint(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// read the files. c.mu is held, or nobody else has c yet.
func (c *Certificate) read() error {
	var seen [2]fs.FileInfo
	for i, path := range []string{c.cert, c.key} {
		var err error
		if seen[i], err = os.Stat(path); err != nil {
			return fmt.Errorf("certificate of the API: %w", err)
		}
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("certificate of the API, %s and %s: %w", c.cert, c.key, err)
	}
	c.pair, c.seen = &pair, seen
	return nil
}

// get is the certificate as the files have it now. While they do not fit together, the one before stays.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked).Abs() < lookAgain {
		return c.pair, nil
	}
	c.looked = now
	if !c.changed() {
		return c.pair, nil
	}
	if err := c.read(); err != nil {
		c.log.Warn("the API's certificate was changed and cannot be read; the one before goes on", "error", err)
		return c.pair, nil
	}
	c.log.Info("the API has a new certificate", "sha256", fingerprint(c.pair.Leaf), "until", c.pair.Leaf.NotAfter)
	return c.pair, nil
}

func (c *Certificate) changed() bool {
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil || !os.SameFile(info, c.seen[i]) || !info.ModTime().Equal(c.seen[i].ModTime()) || info.Size() != c.seen[i].Size() {
			return true
		}
	}
	return false
}

func makeCertificate(cert, key string, hosts []string, now time.Time) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	of := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "datagravity"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownLength),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			of.IPAddresses = append(of.IPAddresses, ip)
		} else {
			of.DNSNames = append(of.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &private.PublicKey, private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := manifest.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return manifest.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}
