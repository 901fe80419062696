package azure

import (
	"errors"
	"testing"
)

// azidentity separates what each credential said by lines of dashes, which make no sense in one line; a dash within a word stays.
func TestTokenErrorIsOneLine(t *testing.T) {
	err := &tokenError{errors.New("ManagedIdentityCredential failed\n-----\nRESPONSE 403: 403 Forbidden\n-----\nvisit https://aka.ms/a-b#-c")}
	if got, want := err.Error(), "ManagedIdentityCredential failed RESPONSE 403: 403 Forbidden visit https://aka.ms/a-b#-c"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
