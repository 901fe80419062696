package s3

import (
	"net/http"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// kindOfCode maps the error codes of the S3 API reference ("Error responses", list of error codes) and those that
// S3-compatible servers add. It returns nil for a code that says less than its HTTP status does.
func kindOfCode(op, code string) (kind error, hint string) {
	switch code {
	case "NoSuchBucket":
		return store.ErrNotFound, "the bucket does not exist: check its name and, for a server of your own, the endpoint"
	case "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "NotFound":
		return store.ErrNotFound, ""

	case "PreconditionFailed":
		return conditionKind(op), ""
	case "ConditionalRequestConflict":
		return store.ErrConflict, ""
	case "OperationAborted":
		return store.ErrTransient, ""

	case "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestThrottled", "RequestLimitExceeded",
		"BandwidthLimitExceeded", "TooManyRequests", "TooManyRequestsException", "SlowDownRead", "SlowDownWrite", "Busy":
		return store.ErrThrottled, ""
	case "InternalError", "RequestTimeout", "RequestTimeoutException", "IncompleteBody", "BadGateway", "GatewayTimeout":
		return store.ErrTransient, ""

	case "RequestTimeTooSkewed":
		return store.ErrAuth, clockHint
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestExpired":
		return store.ErrAuth, "the session has expired: sign in again (`aws sso login`) or renew the token"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "MissingSecurityHeader", "NotSignedUp",
		"MissingAuthenticationToken", "UnrecognizedClientException", "InvalidClientTokenId":
		return store.ErrAuth, "check the access key and its secret (AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
	case "AuthorizationHeaderMalformed":
		return store.ErrAuth, "the signature names another region than the bucket's: give region= in the store's URL"
	case "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "Forbidden":
		return store.ErrPermission, ""

	case "BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidPart":
		return store.ErrIntegrity, ""

	case "KeyTooLongError", "XMinioInvalidObjectName", "InvalidURI":
		return store.ErrName, ""
	case "ObjectParentIsFile", "ExistingObjectIsDirectory", "XMinioParentIsObject", "XMinioObjectExistsAsDirectory":
		return store.ErrName, "the server keeps keys as files, so one cannot also be the folder of another"

	case "InvalidObjectState":
		return store.ErrPermanent, "the object is archived: restore it first (`aws s3api restore-object`)"
	case "PermanentRedirect", "TemporaryRedirect", "Redirect", "IllegalLocationConstraintException":
		return store.ErrPermanent, "the bucket is in another region: give region= in the store's URL"
	case "EntityTooSmall", "EntityTooLarge", "InvalidPartOrder", "InvalidRange", "InvalidRequest", "InvalidArgument",
		"InvalidStorageClass", "InvalidBucketName", "MalformedXML", "MissingContentLength", "QuotaExceeded", "XMinioStorageFull":
		return store.ErrPermanent, ""
	case "NotImplemented", "MethodNotAllowed", "NotSupported", "UnsupportedOperation":
		return store.ErrUnsupported, ""
	}
	if strings.HasPrefix(code, "KMS.") {
		return store.ErrPermanent, "the object's KMS key cannot be used: check that it is enabled"
	}
	return nil, ""
}

// kindOfStatus is for answers without a code that we know: HEAD, proxies, and servers with codes of their own.
func kindOfStatus(op string, status int) (kind error, hint string) {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return store.ErrPermanent, "the bucket is in another region or behind another endpoint: give region= in the store's URL"
	case http.StatusUnauthorized:
		return store.ErrAuth, ""
	case http.StatusForbidden:
		return store.ErrPermission, ""
	case http.StatusNotFound, http.StatusGone:
		return store.ErrNotFound, ""
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return store.ErrUnsupported, ""
	case http.StatusProxyAuthRequired:
		return store.ErrAuth, "the HTTP proxy wants credentials"
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return store.ErrTransient, ""
	case http.StatusPreconditionFailed:
		return conditionKind(op), ""
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return store.ErrThrottled, ""
	}
	if status >= 500 {
		return store.ErrTransient, ""
	}
	return store.ErrPermanent, ""
}

// conditionKind: a refused condition of a read means that the source changed, of anything else that the destination did.
func conditionKind(op string) error {
	switch op {
	case "read", "head":
		return store.ErrChanged
	default:
		return store.ErrConflict
	}
}

// rightHint names the IAM actions behind an operation.
func rightHint(op string) string {
	rights := map[string]string{
		"open": "s3:ListBucket", "list": "s3:ListBucket",
		"head": "s3:GetObject and s3:ListBucket (without the latter a missing key is denied, not absent)",
		"read": "s3:GetObject", "put": "s3:PutObject", "copy": "s3:GetObject and s3:PutObject", "part-copy": "s3:GetObject and s3:PutObject", "delete": "s3:DeleteObject",
		"create-upload": "s3:PutObject", "part": "s3:PutObject", "complete": "s3:PutObject",
		"list-parts": "s3:ListMultipartUploadParts", "list-uploads": "s3:ListBucketMultipartUploads",
		"abort": "s3:AbortMultipartUpload",
	}
	return "the credentials need " + rights[op] + ", and the use of the object's KMS key if it has one"
}
