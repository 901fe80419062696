package azure

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/internal/retryafter"
	"github.com/datagravity/datagravity/pkg/store"
)

// kinds are the service's error codes that their status alone does not explain, with what to do about them. Source:
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and common-rest-api-error-codes.
var kinds = map[bloberror.Code]struct {
	kind error
	hint string
}{
	bloberror.MD5Mismatch:   {store.ErrIntegrity, "the bytes were damaged on the way or in memory"},
	bloberror.CRC64Mismatch: {store.ErrIntegrity, "the bytes were damaged on the way or in memory"},

	bloberror.AuthenticationFailed:        {store.ErrAuth, "look at the key, the SAS token and its expiry"},
	bloberror.NoAuthenticationInformation: {store.ErrAuth, "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or sign in with `az login`"},
	bloberror.InvalidAuthenticationInfo:   {store.ErrAuth, "the token is for another tenant or has expired: sign in again"},
	"KeyBasedAuthenticationNotPermitted":  {store.ErrAuth, "the account refuses keys: unset AZURE_STORAGE_KEY and use Microsoft Entra ID"},
	"PublicAccessNotPermitted":            {store.ErrAuth, "set a credential"},

	bloberror.AuthorizationPermissionMismatch:   {store.ErrPermission, "give the identity Storage Blob Data Reader for a source, Storage Blob Data Contributor for a destination, or the SAS token its letters r, l, w, d"},
	bloberror.AuthorizationFailure:              {store.ErrPermission, "the account's firewall or the SAS token does not allow this"},
	bloberror.AuthorizationSourceIPMismatch:     {store.ErrPermission, "the SAS token is for another IP address"},
	bloberror.AuthorizationProtocolMismatch:     {store.ErrPermission, "the SAS token is for https only"},
	bloberror.AuthorizationResourceTypeMismatch: {store.ErrPermission, "the SAS token lacks a resource type: container and object are needed"},
	bloberror.AuthorizationServiceMismatch:      {store.ErrPermission, "the SAS token is not for the blob service"},
	bloberror.InsufficientAccountPermissions:    {store.ErrPermission, ""},
	bloberror.UnauthorizedBlobOverwrite:         {store.ErrPermission, "the SAS token may create but not overwrite: it needs the letter w"},
	bloberror.AccountIsDisabled:                 {store.ErrPermission, "the account is disabled"},

	bloberror.BlobArchived:                                   {store.ErrPermanent, "rehydrate it first: `az storage blob set-tier --tier Hot`, which takes hours"},
	bloberror.BlobBeingRehydrated:                            {store.ErrPermanent, "it is being rehydrated, which takes up to 15 hours: try again then"},
	bloberror.BlobImmutableDueToPolicy:                       {store.ErrPermanent, "an immutability policy or legal hold protects it"},
	bloberror.LeaseIDMissing:                                 {store.ErrPermanent, "somebody holds a lease on it: `az storage blob lease break` ends that"},
	bloberror.InvalidBlobType:                                {store.ErrPermanent, "a page or append blob stands there: delete it first"},
	bloberror.ContainerDisabled:                              {store.ErrPermanent, ""},
	bloberror.SnapshotsPresent:                               {store.ErrPermanent, "it has snapshots, which the service would delete with it: delete those first if they are not needed"},
	bloberror.InvalidBlobTier:                                {store.ErrPermanent, "the account does not have this access tier"},
	bloberror.BlockCountExceedsLimit:                         {store.ErrPermanent, "a blob takes 50,000 committed and 100,000 uncommitted blocks: choose larger parts"},
	bloberror.BlockListTooLong:                               {store.ErrPermanent, "a blob takes 50,000 blocks: choose larger parts"},
	bloberror.InvalidBlobOrBlock:                             {store.ErrPermanent, "another tool left uncommitted blocks with IDs of another length under this name: let it finish, or wait a week for them to expire"},
	bloberror.CopyAcrossAccountsNotSupported:                 {store.ErrUnsupported, ""},
	"FeatureNotYetSupportedForHierarchicalNamespaceAccounts": {store.ErrUnsupported, ""},
	"APINotImplemented":                                      {store.ErrUnsupported, ""},

	bloberror.InvalidResourceName:     {store.ErrName, ""},
	bloberror.InvalidURI:              {store.ErrName, ""},
	bloberror.RequestURLFailedToParse: {store.ErrName, ""},

	bloberror.AccountBeingCreated:   {store.ErrTransient, "the account is being made"},
	bloberror.ContainerBeingDeleted: {store.ErrTransient, "the container is being deleted"},
	bloberror.PendingCopyOperation:  {store.ErrTransient, "the service is still copying into it"},
	bloberror.OperationTimedOut:     {store.ErrTransient, ""},
	bloberror.InternalError:         {store.ErrTransient, ""},
	bloberror.ServerBusy:            {store.ErrThrottled, ""},
	bloberror.SourceConditionNotMet: {store.ErrChanged, ""},
}

// serviceError is a refusal by the service, in one line and without anything secret. It does not wrap the SDK's error,
// whose text is the whole answer.
type serviceError struct {
	status                         int
	code, message, hint, requestID string
}

func (e *serviceError) Error() string {
	s := strconv.Itoa(e.status) + " " + e.code
	if e.message != "" {
		s += ": " + e.message
	}
	if e.hint != "" {
		s += ": " + e.hint
	}
	if e.requestID != "" {
		s += " (request " + e.requestID + ")"
	}
	return s
}

// failed makes err one of this store, of the kind that tells a caller what to do.
func (s *Store) failed(op, key string, err error) *store.Error {
	var e *store.Error
	if errors.As(err, &e) {
		return e
	}
	e = &store.Error{Op: op, Store: s.URL(), Key: key}
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		e.Kind, e.RetryAfter, e.Err = fromService(op, response)
		return e
	}
	e.Kind, e.NotSent, e.Err = fromTransport(err)
	return e
}

// failedOrNil is failed for an error that may be nil.
func (s *Store) failedOrNil(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return s.failed(op, key, err)
}

// announce asks whoever pays whether the bytes of a request that failed with previous may go out again.
func (s *Store) announce(ctx context.Context, op, key string, previous error) error {
	err := store.AttemptFrom(ctx)(ctx, s.failed(op, key, previous))
	if err == nil {
		return nil
	}
	return &store.Error{Op: op, Store: s.URL(), Key: key, Kind: store.ErrPermanent, Err: err}
}

// fromService sorts an answer of the service by its code, and by its status where the code says no more.
func fromService(op string, r *azcore.ResponseError) (kind error, wait time.Duration, cause error) {
	e := &serviceError{status: r.StatusCode, code: r.ErrorCode}
	var detail string
	if resp := r.RawResponse; resp != nil {
		wait = retryAfter(resp.Header, time.Now())
		e.requestID = resp.Header.Get("x-ms-request-id")
		if body, err := runtime.Payload(resp); err == nil {
			e.message, detail = element(body, "Message"), element(body, "AuthenticationErrorDetail")
		}
		if e.code == "" {
			e.code = http.StatusText(r.StatusCode)
		}
	}
	code := bloberror.Code(r.ErrorCode)
	if code == bloberror.AuthorizationFailure && strings.HasPrefix(e.message, "Server failed to authenticate") {
		code = bloberror.AuthenticationFailed // as Azurite says it
	}
	known, ok := kinds[code]
	kind, e.hint = known.kind, known.hint
	if !ok {
		kind = byStatus(op, r.StatusCode)
	}
	// "Egress is over the account limit" comes as a 503 under more than one code.
	if r.StatusCode == http.StatusServiceUnavailable || r.StatusCode == http.StatusTooManyRequests {
		kind = store.ErrThrottled
	}
	if kind == store.ErrAuth {
		if hint := clockHint(r.RawResponse, detail, time.Now()); hint != "" {
			e.hint = hint
		}
	}
	return kind, wait, e
}

func byStatus(op string, status int) error {
	switch status {
	case http.StatusNotFound:
		return store.ErrNotFound
	case http.StatusUnauthorized:
		return store.ErrAuth
	case http.StatusForbidden:
		return store.ErrPermission
	case http.StatusConflict, http.StatusPreconditionFailed:
		switch op {
		case "read", "head", "list", "list-parts", "list-uploads":
			return store.ErrChanged
		}
		return store.ErrConflict
	case http.StatusNotImplemented:
		return store.ErrUnsupported
	case http.StatusRequestTimeout:
		return store.ErrTransient
	}
	if status >= 500 {
		return store.ErrTransient
	}
	return store.ErrPermanent
}

// clockHint explains a refused signature by time: the service takes requests that are at most 15 minutes old.
func clockHint(resp *http.Response, detail string, now time.Time) string {
	if strings.Contains(detail, "Signature not valid in the specified time frame") ||
		strings.Contains(detail, "Signed expiry") {
		return "the SAS token has expired or is not valid yet: make a new one"
	}
	skew := time.Duration(0)
	if resp != nil {
		there := now
		if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			skew, there = now.Sub(at), at
		}
		if end := sasExpiry(resp.Request); !end.IsZero() && !there.Before(end) {
			return fmt.Sprintf("the SAS token has expired at %s: make a new one", end.Format(time.RFC3339))
		}
	}
	const tolerated = 14 * time.Minute
	if skew > tolerated || skew < -tolerated {
		return fmt.Sprintf("this machine's clock is off by %s against the service: mend the clock", skew.Round(time.Minute))
	}
	if strings.Contains(detail, "date header too old") {
		return "the request was signed too early: mend the clock, or send smaller parts if one takes 15 minutes"
	}
	return ""
}

// sasExpiry is until when the SAS token of a request counts; zero: it has none. The answer to a HEAD has no body that would tell.
func sasExpiry(q *http.Request) time.Time {
	if q == nil || q.URL == nil {
		return time.Time{}
	}
	signed := q.URL.Query()
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
		if at, err := time.Parse(layout, signed.Get("se")); err == nil && signed.Has("sig") {
			return at.UTC()
		}
	}
	return time.Time{}
}

// fromTransport sorts an error that came without an answer.
func fromTransport(err error) (kind error, notSent bool, cause error) {
	cause = withoutURL(err)
	notSent = store.NotSent(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return store.ErrTransient, notSent, cause
	}
	if errors.Is(err, store.ErrPermanent) {
		return store.ErrPermanent, notSent, cause // the HTTP client refused the address
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return store.ErrPermanent, true, fmt.Errorf("%w: a proxy may be in between; its root certificate must be trusted", cause)
	}
	if notSent {
		return store.ErrTransient, true, cause
	}
	var token *tokenError
	if errors.As(err, &token) {
		return store.ErrAuth, true, fmt.Errorf("%w: set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or sign in with `az login`", cause)
	}
	return store.ErrTransient, false, cause
}

// secret finds what may open an account in a text.
var secret = lazyre.New(`(?i)\b(sig|signature|AccountKey|SharedAccessSignature|token)=[^&\s"';]+`)

// withoutURL drops the URL that Go's HTTP client puts in front of its errors: it may carry a SAS token.
func withoutURL(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	if text := err.Error(); secret.MatchString(text) {
		return errors.New(secret.ReplaceAllString(text, "$1=REDACTED"))
	}
	return err
}

// element returns the first line of an XML element's text, at most 300 bytes, without secrets.
func element(body []byte, name string) string {
	_, rest, ok := bytes.Cut(body, []byte("<"+name+">"))
	if !ok {
		return ""
	}
	text, _, _ := bytes.Cut(rest, []byte("</"+name+">"))
	text, _, _ = bytes.Cut(text, []byte("\n"))
	s := secret.ReplaceAllString(strings.TrimSpace(string(text)), "$1=REDACTED")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// retryAfter reads the headers by which Azure services ask for a pause.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, err := strconv.ParseInt(h.Get(name), 10, 32); err == nil && ms > 0 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return retryafter.Of(h, now)
}

// statusOf is the HTTP status of an SDK error, 0 if there was no answer.
func statusOf(err error) int {
	var r *azcore.ResponseError
	if errors.As(err, &r) {
		return r.StatusCode
	}
	return 0
}
