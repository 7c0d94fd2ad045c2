package filters

import "strconv"

// Denial is one kind of refusal as the client sees it: an OpenAI-shaped error. The catalogue below is all there are;
// a filter may copy one with With to say more. Immutable.
type Denial struct {
	Status  int
	Type    string // the OpenAI error type
	Code    string
	Message string
	// Challenge is the www-authenticate header's value, if any.
	Challenge string
	// Final says that the same request will not work later either (x-should-retry: false).
	Final bool
}

// With returns a copy of d that says message instead. The message must not hold what the client sent.
func (d *Denial) With(message string) *Denial {
	e := *d
	e.Message = message
	return &e
}

// Challenged returns a copy of d with a www-authenticate value.
func (d *Denial) Challenged(value string) *Denial {
	e := *d
	e.Challenge = value
	return &e
}

// The OpenAI error types that SDKs know.
const (
	invalidRequest = "invalid_request_error"
	authentication = "authentication_error"
	permission     = "permission_error"
	rateLimit      = "rate_limit_error"
	serverError    = "server_error"
)

const bearer = `Bearer realm="blaze"`

// The catalogue. Codes are the contract's; see the README's error table, which a test compares with Catalogue.
var (
	InvalidRequest = &Denial{Status: 400, Type: invalidRequest, Code: "invalid_request", Message: "The request is malformed or ambiguous.", Final: true}
	InvalidJSON    = &Denial{Status: 400, Type: invalidRequest, Code: "invalid_json", Message: "The request body is not valid JSON.", Final: true}

	MissingCredentials = &Denial{Status: 401, Type: authentication, Code: "missing_credentials", Message: "Credentials are required: send an API key or token as \"Authorization: Bearer ...\".", Challenge: bearer, Final: true}
	InvalidAPIKey      = &Denial{Status: 401, Type: authentication, Code: "invalid_api_key", Message: "The API key is not valid.", Challenge: bearer + `, error="invalid_token"`, Final: true}
	InvalidToken       = &Denial{Status: 401, Type: authentication, Code: "invalid_token", Message: "The token is not valid.", Challenge: bearer + `, error="invalid_token"`, Final: true}
	TokenExpired       = &Denial{Status: 401, Type: authentication, Code: "token_expired", Message: "The credentials have expired.", Challenge: bearer + `, error="invalid_token", error_description="expired"`, Final: true}
	InsufficientAuth   = &Denial{Status: 401, Type: authentication, Code: "insufficient_user_authentication", Message: "A more recent or stronger authentication is required.", Challenge: bearer + `, error="insufficient_user_authentication"`, Final: true}

	ThreatDetected          = &Denial{Status: 403, Type: permission, Code: "threat_detected", Message: "The request was refused because a part of it looks like an attack.", Final: true}
	AddressDenied           = &Denial{Status: 403, Type: permission, Code: "address_denied", Message: "Requests from this address are not allowed.", Final: true}
	InsufficientPermissions = &Denial{Status: 403, Type: permission, Code: "insufficient_permissions", Message: "These credentials do not allow this request.", Final: true}
	ModelNotAllowed         = &Denial{Status: 403, Type: permission, Code: "model_not_allowed", Message: "These credentials do not allow this model.", Final: true}
	ParameterNotAllowed     = &Denial{Status: 403, Type: permission, Code: "parameter_not_allowed", Message: "These credentials do not allow this parameter or value.", Final: true}

	UnknownRoute     = &Denial{Status: 404, Type: invalidRequest, Code: "unknown_route", Message: "There is no such route.", Final: true}
	MethodNotAllowed = &Denial{Status: 405, Type: invalidRequest, Code: "method_not_allowed", Message: "The route does not take this method.", Final: true}

	RequestTimeout       = &Denial{Status: 408, Type: invalidRequest, Code: "request_timeout", Message: "The request did not arrive in time."}
	RequestTooLarge      = &Denial{Status: 413, Type: invalidRequest, Code: "request_too_large", Message: "The request body is too large.", Final: true}
	UnsupportedMediaType = &Denial{Status: 415, Type: invalidRequest, Code: "unsupported_media_type", Message: "The content type or content encoding is not supported here.", Final: true}
	// ExpectationFailed has the code of what is malformed: SDKs know no 417, and those who count need not tell them apart.
	ExpectationFailed = &Denial{Status: 417, Type: invalidRequest, Code: "invalid_request", Message: "No expectation but 100-continue can be met.", Final: true}
	IdempotencyReused = &Denial{Status: 422, Type: invalidRequest, Code: "idempotency_key_reused", Message: "The idempotency key was used for another request.", Final: true}
	HeadersTooLarge   = &Denial{Status: 431, Type: invalidRequest, Code: "headers_too_large", Message: "The request's headers are too large.", Final: true}

	RateLimitExceeded = &Denial{Status: 429, Type: rateLimit, Code: "rate_limit_exceeded", Message: "The rate limit is exceeded."}
	QueueFull         = &Denial{Status: 429, Type: rateLimit, Code: "queue_full", Message: "Too many requests are waiting."}
	QueueTimeout      = &Denial{Status: 429, Type: rateLimit, Code: "queue_timeout", Message: "The request waited too long for its turn."}
	TooManySessions   = &Denial{Status: 429, Type: rateLimit, Code: "too_many_sessions", Message: "Too many requests of this subject are running."}

	InternalError       = &Denial{Status: 500, Type: serverError, Code: "internal_error", Message: "The proxy failed while it handled the request."}
	UpstreamError       = &Denial{Status: 502, Type: serverError, Code: "upstream_error", Message: "The model server's answer could not be used."}
	UpstreamUnavailable = &Denial{Status: 503, Type: serverError, Code: "upstream_unavailable", Message: "No model server is available."}
	FilterUnavailable   = &Denial{Status: 503, Type: serverError, Code: "filter_unavailable", Message: "The request could not be checked."}
	Draining            = &Denial{Status: 503, Type: serverError, Code: "draining", Message: "The proxy is shutting down."}
	UpstreamTimeout     = &Denial{Status: 504, Type: serverError, Code: "upstream_timeout", Message: "The model server did not answer in time."}
)

// Catalogue lists every kind of denial, by status.
func Catalogue() []*Denial {
	return []*Denial{
		InvalidRequest, InvalidJSON,
		MissingCredentials, InvalidAPIKey, InvalidToken, TokenExpired, InsufficientAuth,
		ThreatDetected, AddressDenied, InsufficientPermissions, ModelNotAllowed, ParameterNotAllowed,
		UnknownRoute, MethodNotAllowed,
		RequestTimeout, RequestTooLarge, UnsupportedMediaType, ExpectationFailed, IdempotencyReused, HeadersTooLarge,
		RateLimitExceeded, QueueFull, QueueTimeout, TooManySessions,
		InternalError, UpstreamError, UpstreamUnavailable, FilterUnavailable, Draining, UpstreamTimeout,
	}
}

// AppendJSON appends the OpenAI error object, always with all four keys. param is the error's field, empty for null.
func (d *Denial) AppendJSON(dst []byte, param string) []byte {
	dst = append(dst, `{"error":{"message":`...)
	dst = appendQuoted(dst, d.Message)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, d.Type...)
	dst = append(dst, `","param":`...)
	if param == "" {
		dst = append(dst, "null"...)
	} else {
		dst = appendQuoted(dst, param)
	}
	dst = append(dst, `,"code":"`...)
	dst = append(dst, d.Code...)
	return append(dst, `"}}`...)
}

// appendQuoted appends s as a JSON string; whatever is not printable ASCII is escaped, since s may name a place that
// the client chose.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r < 0x7f && r != '<' && r != '>' && r != '&':
			dst = append(dst, byte(r))
		case r > 0xffff:
			r -= 0x10000
			for _, u := range [2]rune{0xd800 + r>>10, 0xdc00 + r&0x3ff} {
				dst = append(dst, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
			}
		default:
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
	}
	return append(dst, '"')
}

func (d *Denial) String() string { return strconv.Itoa(d.Status) + " " + d.Code }
