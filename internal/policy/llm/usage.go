package llm

import (
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/tokens"
)

// promptTokens counts the texts of a request that a model reads: all but those
// that steer it, such as its name, and data in base64.
func promptTokens(counter *tokens.Counter, body []byte) (int64, error) {
	sum := counter.Begin()
	err := jsontext.Walk(body, limits(), func(p jsontext.Path, t jsontext.Token) error {
		if t.Kind != jsontext.String {
			return nil
		}
		name := string(p.Name())
		switch name {
		case "model", "role", "type", "id", "user", "detail", "media_type", "url", "image_url", "tool_call_id", "call_id", "tool_use_id":
			return nil
		}
		if text := string(t.Text()); !isData(name, text) {
			sum.Add(text)
		}
		return nil
	})
	return sum.Tokens(), err
}

// usage is what an answer, or the events of a stream, tell of its cost.
type usage struct {
	input, output, all int64
	// sum are the tokens of the texts, for answers that do not tell.
	sum *tokens.Sum
}

// read takes over what one document tells. What is no JSON, such as [DONE],
// tells nothing.
func (u *usage) read(data []byte) {
	_ = jsontext.Walk(data, limits(), func(p jsontext.Path, t jsontext.Token) error {
		switch t.Kind {
		case jsontext.Number:
			u.number(p, t)
		case jsontext.String:
			switch string(p.Name()) {
			case "content", "text", "delta", "reasoning_content", "arguments", "partial_json", "thinking":
				u.sum.Add(string(t.Text()))
			}
		default:
		}
		return nil
	})
}

func (u *usage) number(p jsontext.Path, t jsontext.Token) {
	var to *int64
	name := string(p.Name())
	switch name {
	case "total_tokens":
		to = &u.all
	case "prompt_tokens", "input_tokens":
		to = &u.input
	case "completion_tokens", "output_tokens":
		to = &u.output
	default:
		return
	}
	if !strings.HasSuffix(p.String(), "/usage/"+name) {
		return
	}
	if n, err := strconv.ParseInt(string(t.Raw), 10, 64); err == nil && n < 1<<40 {
		*to = max(*to, n)
	}
}

// total is what the exchange cost, given the tokens of the prompt as counted.
func (u *usage) total(prompt int64) int64 {
	switch {
	case u.all > 0:
		return u.all
	case u.input > 0:
		return u.input + u.output
	case u.output > 0:
		return prompt + u.output
	}
	return prompt + u.sum.Tokens()
}
