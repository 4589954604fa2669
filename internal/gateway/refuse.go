package gateway

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// rejection is why the gateway itself refuses: the client reads the public
// text, the record holds the reason.
type rejection struct {
	status         int
	public, reason string
}

// reject answers a request that no chain saw, or that no service could answer.
func (p *passage) reject(why *rejection) {
	p.failed(why)
	p.respond()
}

// failed puts an error of the gateway in the place of the response.
func (p *passage) failed(why *rejection) {
	p.end.Outcome, p.end.Reason = traffic.RefusedByGateway, why.reason
	answer := policy.Answer{Status: why.status, Error: why.public}
	switch {
	case why.status == http.StatusServiceUnavailable:
		answer.Header = []traffic.Field{{Name: "retry-after", Value: "1"}}
	case why.status >= http.StatusInternalServerError:
		p.end.Outcome = traffic.Errored
	}
	answer.Write(p.x)
}

// render makes the response of a verdict: errors as JSON, or as SOAP faults
// where a Mule policy refuses a SOAP request.
func render(x *traffic.Exchange, v policy.Verdict, mule bool) {
	v.Answer.Write(x)
	if !mule || v.Answer.Error == "" {
		return
	}
	version := soapVersion(&x.Request.Header)
	if version == 0 {
		return
	}
	x.Response.Status = http.StatusInternalServerError
	contentType := "text/xml; charset=utf-8"
	if version == 12 {
		x.Response.Status = http.StatusBadRequest
		contentType = "application/soap+xml; charset=utf-8"
	}
	x.Response.Header.Set("content-type", contentType)
	_ = x.Response.Body.Replace(soapFault(version, v.Answer.Error, x.ID)) // a local body is never partial
}

// soapVersion is 11 or 12, or 0 when the request is no SOAP message.
func soapVersion(h *traffic.Header) int {
	contentType := strings.ToLower(h.Get("content-type"))
	switch {
	case strings.HasPrefix(contentType, "application/soap+xml"):
		return 12
	case strings.HasPrefix(contentType, "text/xml") && h.Has("soapaction"):
		return 11
	}
	return 0
}

func soapFault(version int, public, id string) []byte {
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(public+" (correlationId "+id+")")) // a buffer takes everything
	if version == 12 {
		return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body><soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">%s</soap:Text></soap:Reason></soap:Fault></soap:Body></soap:Envelope>`, text.Bytes())
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>%s</faultstring></soap:Fault></soap:Body></soap:Envelope>`, text.Bytes())
}
