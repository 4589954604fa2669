package judge

import "strings"

// usualHeader tells header fields that clients, proxies and gateways send of their own
// accord, and those that describe the message itself.
func usualHeader(name string) bool {
	name = strings.ToLower(name)
	for _, prefix := range [...]string{
		"sec-", "x-forwarded-", "access-control-", "cf-", "x-amzn-", "x-amz-cf-", "x-b3-", "x-envoy-", "x-datadog-", "x-newrelic-", "cloudfront-", "x-anypnt-",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "baggage", "b3", "cache-control",
		"connection", "content-disposition", "content-encoding", "content-language", "content-length", "content-md5", "content-type",
		"cookie", "date", "dnt", "expect", "forwarded", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
		"if-unmodified-since", "keep-alive", "max-forwards", "newrelic", "origin", "pragma", "prefer", "priority", "proxy-authorization",
		"proxy-connection", "range", "referer", "soapaction", "te", "trace", "traceparent", "tracestate", "trailer", "transfer-encoding",
		"true-client-ip", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "warning", "x-correlation-id", "x-real-ip",
		"x-request-id", "x-requested-with", "x-client-ip", "x-trace-id", "uber-trace-id", "x-cloud-trace-context", "mule_encoding", "save-data":
		return true
	}
	return false
}

// usualCookie tells cookies of sessions, balancers and measurements.
func usualCookie(name string) bool {
	name = strings.ToLower(name)
	for _, prefix := range [...]string{"_ga", "_gid", "_gcl", "_fbp", "__cf", "cf_", "awsalb", "_hj", "optanon", "_pk_", "ajs_", "incap_ses", "visid_incap", "bigipserver"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "jsessionid", "phpsessid", "asp.net_sessionid", "connect.sid", "session", "sessionid", "sid", "csrftoken", "xsrf-token":
		return true
	}
	return false
}

// isCredential tells parameters by which callers usually prove who they are; whether
// that is described is a question of authentication.
func isCredential(in, name string) bool {
	name = strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "-", ""), "_", "")
	switch name {
	case "clientid", "clientsecret", "xclientid", "xclientsecret", "apikey", "xapikey", "accesstoken", "xaccesstoken", "xauthtoken", "authtoken", "ocpapimsubscriptionkey", "authorization", "xamzsecuritytoken":
		return true
	}
	return in == "cookie" && (name == "jwt" || name == "refreshtoken" || name == "sessiontoken")
}
