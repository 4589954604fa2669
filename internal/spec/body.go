package spec

import (
	"mime"
	"strings"

	"farrier.dev/farrier/internal/encoding"
)

func (in *inspection) body() {
	k, r := in.check, in.request
	switch {
	case len(r.Body) == 0 && !r.Unread:
		if k.body != nil && k.body.Required {
			in.add(MissingBody, "body", "required, but missing")
		}
		return
	case k.body == nil:
		in.add(UndescribedBody, "body", "no body is described for this operation")
		return
	}
	header := r.Header("content-type")
	media, ok := mediaType(header)
	if !ok {
		in.add(ContentType, "header content-type", "missing or malformed")
		in.result.Unchecked = "body: its content type is missing or malformed"
		return
	}
	described := contentFor(k.content, media)
	switch {
	case described == nil:
		in.add(ContentType, "header content-type", "not described for this operation")
		in.result.Unchecked = "body: its content type is not described"
		return
	case described.validator == nil && isForm(media):
		return
	case !isJSON(media) && !isForm(media):
		in.result.Unchecked = "body: only JSON and forms are held against their schema"
		return
	case r.Unread:
		in.result.Unchecked = "body: it is longer than is looked at"
		return
	}
	if isForm(media) {
		if err := in.form(described, media, header, r.Body); err != nil {
			in.add(MalformedBody, "body", unwrapped(err))
			return
		}
	} else if !in.json(r.Body, MalformedBody) {
		return
	}
	in.judged(described, BodySchema)
}

// json reads a body of JSON into the document.
func (in *inspection) json(body []byte, kind Kind) bool {
	err := in.document.Parse(body, in.limits)
	if err == nil {
		return true
	}
	if limit := encoding.Exceeded(err); limit != "" {
		in.add(kind, "body", "exceeds the limit "+limit)
	} else {
		in.add(kind, "body", "not JSON: "+unwrapped(err))
	}
	return false
}

// judged holds the body in the document against its schema.
func (in *inspection) judged(c *content, kind Kind) {
	if !c.validator.valid(&in.document) {
		in.invalid(c.validator, kind, "body")
		return
	}
	if kind != BodySchema || c.validator == nil || in.left(UnknownProperty) <= 0 {
		return
	}
	for _, v := range c.validator.schema.Undescribed(&in.document, in.left(UnknownProperty)) {
		in.add(UnknownProperty, place("body", v.Pointer), v.Rule)
	}
}

// isJSON says whether a media type without parameters is JSON (RFC 8259, or the
// suffix of RFC 6839).
func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	multipart  = "multipart/form-data"
)

func isForm(media string) bool { return media == urlencoded || media == multipart }

// mediaType is the type of a Content-Type in lower case, without parameters (RFC
// 9110, §8.3.1).
func mediaType(header string) (string, bool) {
	switch header {
	case "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "application/json;charset=utf-8":
		return "application/json", true
	}
	media, _, err := mime.ParseMediaType(header)
	return media, err == nil && strings.Contains(media, "/")
}
