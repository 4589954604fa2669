// Package llm is the policies for requests to large language models:
// llm-token-rate-limit, regex-prompt-guard and llm-pii-detection. They read
// bodies as OpenAI (chat completions, responses) and Anthropic (messages) define
// them, but depend on little of that: what matters are the texts in a JSON
// object. They call no model and translate between none.
package llm

import (
	"bytes"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:GuardSettings .:PIISettings

// bodyLimit is the length in bytes beyond which a request is refused, and a
// response not read.
const bodyLimit = 4 << 20

// category is that of all policies for models.
const category = "LLM"

// request is the need of a step that reads requests.
func request() policy.Need { return policy.Need{Mode: policy.Buffered, Limit: bodyLimit} }

func limits() jsontext.Limits {
	lim := jsontext.DefaultLimits()
	lim.MaxStringLength, lim.MaxElements, lim.MaxEntries, lim.UniqueNames = encoding.Off, encoding.Off, encoding.Off, true
	return lim
}

// read gives the body of a request, nil when it has none. What is no JSON object
// is refused: nobody can tell what is in it.
func read(x *traffic.Exchange) ([]byte, policy.Verdict) {
	body := x.Request.Body.Bytes()
	if len(body) == 0 {
		return nil, policy.Go()
	}
	if !policy.IsPlainJSON(x.Request.Header.Joined("content-type")) {
		return nil, policy.Refuse(http.StatusUnsupportedMediaType, "Content-Type must be application/json.", "the content of the request is not JSON in UTF-8")
	}
	if err := jsontext.Valid(body, limits()); err != nil {
		return nil, policy.Refuse(http.StatusBadRequest, "Malformed JSON.", err.Error())
	}
	if bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return nil, policy.Refuse(http.StatusBadRequest, "The content must be a JSON object.", "the content of the request is no object")
	}
	return body, policy.Go()
}

// isData tells texts that hold bytes in base64, as images do, and not language.
func isData(name, text string) bool {
	if rest, ok := strings.CutPrefix(text, "data:"); ok {
		if _, text, ok = strings.Cut(rest, ";base64,"); !ok {
			return false
		}
	} else {
		switch name {
		case "data", "b64_json", "file_data":
		default:
			return false
		}
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}
