package spec

import (
	"net/http"
	"strconv"
)

// answer judges a response.
func (in *inspection) answer(a *Answer) {
	described := in.check.answerTo(in.result.Operation, a.Status)
	if described == nil {
		in.add(UnknownStatus, "status", strconv.Itoa(a.Status)+" is not described for this operation")
		return
	}
	for i := range described.headers {
		if in.full() {
			return
		}
		p := &described.headers[i]
		if p.simple {
			in.header(p, a.Header(p.header))
			continue
		}
		in.judge(p, p.inHeader(a.Header(p.header)), ResponseHeader, ResponseHeader)
	}
	if in.full() || bodiless(a) {
		return
	}
	in.answerBody(described, a)
}

func (in *inspection) header(p *parameter, value string) {
	if value == "" {
		if p.described.Required {
			in.add(ResponseHeader, p.at, "required, but missing")
		}
		return
	}
	if err := checkText(value); err != nil {
		in.add(ResponseHeader, p.at, unwrapped(err))
		return
	}
	in.text(p, value, ResponseHeader)
}

// bodiless says whether the answer has no body, whatever is described (RFC 9110,
// §6.4.1).
func bodiless(a *Answer) bool {
	return a.Bodiless || a.Status < 200 || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified
}

func (in *inspection) answerBody(described *answer, a *Answer) {
	if len(described.content) == 0 {
		return // nothing is said of a body
	}
	header := a.Header("content-type")
	if len(a.Body) == 0 && !a.Unread && header == "" {
		in.add(ResponseBody, "body", "described, but missing")
		return
	}
	media, ok := mediaType(header)
	if !ok {
		in.add(ResponseContentType, "header content-type", "missing or malformed")
		return
	}
	c := contentFor(described.content, media)
	switch {
	case c == nil:
		in.add(ResponseContentType, "header content-type", "not described for this answer")
	case !isJSON(media):
		in.result.Unchecked = "body: only JSON is held against its schema"
	case a.Unread:
		in.result.Unchecked = "body: it is longer than is looked at"
	case in.left(ResponseBody) > 0 && in.json(a.Body, ResponseBody):
		in.judged(c, ResponseBody)
	}
}

// answerTo is the compiled response to a status code.
func (c *check) answerTo(op *Operation, status int) *answer {
	r := op.ResponseTo(status)
	for i := range c.answers {
		if c.answers[i].described == r {
			return &c.answers[i]
		}
	}
	return nil
}
