package yamldoc

import (
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// secretPattern recognises what people paste: an Azure connection string or SAS, an AWS key id, a private key. It looks
// at every key and value of the file, known fields or not.
var secretPattern = lazyre.New(
	`(?i:AccountKey=|SharedAccessSignature|(^|[?&;])sig=)|\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----`)

// secretHint never shows the value: this message goes to logs.
const secretHint = "looks like a secret, and %s holds none; take it out, revoke it if others could read the file, and " +
	"give credentials in the environment (AZURE_STORAGE_SAS_TOKEN, AWS_PROFILE, GOOGLE_APPLICATION_CREDENTIALS) or by a role of this machine"

// looksSecret asks the pattern only where it can match: without an = that takes 20 bytes. Most texts of a large file are shorter.
func looksSecret(s string) bool {
	return (len(s) >= 20 || strings.Contains(s, "=")) && secretPattern.MatchString(s)
}
